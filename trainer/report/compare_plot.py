"""Differences of runs with their intervals, as a picture."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from trainer.report.fonts import drawable_names, drawn_by, font_family
from trainer.report.plots import bare_figure, dress

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ROWS, FOLDS, GREY = "#0072B2", "#D55E00", "#8a8a8a"
_APART = 0.16  # of the two intervals of a pair, of its line


@dataclass(frozen=True)
class Difference:
    """Two runs in the picture.

    Attributes:
        name: ``b against a``.
        lead: by how much b is better.
        rows: interval over rows; None = there is none.
        folds: mean and interval over folds; None = there is none.
    """

    name: str
    lead: float
    rows: tuple[float, float] | None
    folds: tuple[float, tuple[float, float]] | None


def differences_plot(
    differences: Sequence[Difference], label: str, rope: float, *, say: Callable[[str], str] = str
) -> "Figure":
    """Draw each difference with its interval over rows and that over folds.

    Args:
        differences: at least one.
        label: of the metric.
        rope: what is within it does not matter; NaN = nothing is drawn of it.
        say: says a word in the language of the reader; where no font here has its letters, it stays English.
    """
    fig, say = bare_figure(7.6, 1.7 + 0.62 * len(differences)), drawn_by(say)
    from matplotlib.text import Text

    ax = fig.subplots()
    if rope == rope:  # not NaN
        ax.axvspan(
            -rope,
            rope,
            color="#e9eef5",
            zorder=0,
            label=say("too small to matter (within {rope})").format(rope=f"{rope:.3g}"),
        )
    ax.axvline(0, color=GREY, linewidth=1.0)
    for place, one in enumerate(differences):
        first = place == 0
        if one.rows is not None:
            at = place - _APART
            ax.plot(one.rows, [at, at], color=ROWS, linewidth=2.2, label=say("over rows, 95 %") if first else "_")
            ax.plot([one.lead], [at], "o", color=ROWS)
        if one.folds is not None:
            (mean, ends), at = one.folds, place + _APART
            label_once = say("over folds, corrected, 95 %") if first else "_"
            ax.plot(ends, [at, at], color=FOLDS, linewidth=2.2, linestyle="dashed", label=label_once)
            ax.plot([mean], [at], "s", color=FOLDS)
    names = drawable_names([one.name for one in differences], 48)
    ax.set_yticks(range(len(names)), names, family=list(font_family()), parse_math=False)
    ax.set_ylim(len(names) - 0.5, -0.5)
    dress(
        ax,
        say("Differences in {label}").format(label=say(label)),
        say("difference, positive: the first named is better"),
        "",
    )
    if ax.get_legend_handles_labels()[1]:
        fig.legend(frameon=False, ncols=3, loc="outside lower center")
    for text in fig.findobj(Text):
        text.set_fontfamily(list(font_family()))
    return fig

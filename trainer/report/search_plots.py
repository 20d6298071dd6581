"""How a search went, as a picture: scores over trials, the settings of each trial, and which settings mattered."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from trainer.report.fonts import drawable_names, drawn_by, font_family
from trainer.report.plots import GREY, bare_figure, dress

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Say = Callable[[str], str]
BEST, OTHER = "#D55E00", "#0072B2"


@dataclass(frozen=True)
class DrawnTrial:
    """A trial in the picture.

    Attributes:
        number: from 0.
        value: mean of the metric over the folds it has; NaN where it has none.
        complete: whether it has all of them.
        settings: by key, numbers or words.
        seconds: that its folds were trained; NaN where it is not known.
        front: whether no other trial beats it in both score and seconds, of a search for both.
    """

    number: int
    value: float
    complete: bool
    settings: Mapping[str, Any]
    seconds: float = math.nan
    front: bool = False


def search_plot(
    trials: Sequence[DrawnTrial],
    label: str,
    logs: Mapping[str, bool],
    importances: Mapping[str, float],
    *,
    greater: bool,
    say: Callable[[str], str] = str,
) -> "Figure":
    """Draw the history, the settings of the complete trials as lines, and the importance of each setting.

    Of a search with a second objective, scores over training times come last.

    Args:
        trials: in any order.
        label: of the metric.
        logs: the settings that are searched, and whether by their logarithm.
        importances: shares of the settings, where there are any.
        greater: whether more of the metric is better.
        say: says a word in the language of the reader; where no font here has its letters, it stays English.
    """
    both = any(one.front for one in trials)
    fig, say = bare_figure(8.6, 11.2 if both else 8.4), drawn_by(say)
    from matplotlib.text import Text

    history, lines, bars, *costs = fig.subplots(3 + both, 1, height_ratios=[1, 1.2, 0.7, *([1] * both)])
    scored = sorted((one for one in trials if not math.isnan(one.value)), key=lambda one: one.number)
    _draw_history(history, scored, label, greater=greater, say=say)
    _draw_settings(lines, [one for one in scored if one.complete], label, logs, greater=greater, say=say)
    names = sorted(importances, key=lambda name: importances[name])
    bars.barh(range(len(names)), [importances[name] for name in names], color=OTHER)
    bars.set_yticks(range(len(names)), drawable_names(names, 40), family=list(font_family()), parse_math=False)
    dress(bars, say("Importance of the settings"), say("share of the differences between complete trials"), "")
    for ax in costs:
        _draw_costs(ax, [one for one in scored if one.complete], label, say=say)
    for text in fig.findobj(Text):
        text.set_fontfamily(list(font_family()))
    return fig


def _draw_history(ax: "Axes", scored: Sequence[DrawnTrial], label: str, *, greater: bool, say: Say) -> None:
    for complete, colour, name in ((True, OTHER, say("complete")), (False, GREY, say("ended early"))):
        part = [one for one in scored if one.complete == complete]
        ax.plot([one.number for one in part], [one.value for one in part], "o", color=colour, label=name)
    whole = [one for one in scored if one.complete]
    if whole:
        follow = np.maximum.accumulate if greater else np.minimum.accumulate
        best = follow([one.value for one in whole])
        ax.step([one.number for one in whole], best, where="post", color=BEST, label=say("best so far"))
    dress(ax, say("History"), say("trial"), label)
    ax.legend(frameon=False, ncols=3, loc="lower right", bbox_to_anchor=(1.0, 1.0), borderaxespad=0.1)


def _draw_settings(
    ax: "Axes", whole: Sequence[DrawnTrial], label: str, logs: Mapping[str, bool], *, greater: bool, say: Say
) -> None:
    """Draw each complete trial as a line over the settings and the metric, each scaled to its own range."""
    keys = list(logs)
    columns = [placed([one.settings.get(key) for one in whole], log=logs[key]) for key in keys]
    columns.append(placed([one.value for one in whole], log=False))
    order = sorted(range(len(whole)), key=lambda i: whole[i].value, reverse=not greater)
    for rank, i in enumerate(order):
        last = rank == len(order) - 1
        share = (rank + 1) / len(order)
        heights = [column[i] for column in columns]
        ax.plot(
            heights,
            color=BEST if last else OTHER,
            alpha=1 if last else 0.15 + 0.5 * share,
            linewidth=2.2 if last else 1,
        )
    named = drawable_names([*keys, label], 24)
    ax.set_xticks(range(len(columns)), named, family=list(font_family()), parse_math=False)
    ax.set_yticks([0, 1], [say("lowest"), say("highest")])
    dress(ax, say("Settings of the complete trials (the best one in orange)"), "", "")


def _draw_costs(ax: "Axes", whole: Sequence[DrawnTrial], label: str, *, say: Say) -> None:
    """Draw scores over training times, those that no other trial beats in both as a line."""
    others = [one for one in whole if not one.front]
    ax.plot([one.seconds for one in others], [one.value for one in others], "o", color=OTHER, label=say("complete"))
    front = sorted((one for one in whole if one.front), key=lambda one: one.seconds)
    named = say("not beaten in both")
    ax.plot([one.seconds for one in front], [one.value for one in front], "o-", color=BEST, label=named)
    for one in front:
        ax.annotate(str(one.number), (one.seconds, one.value), textcoords="offset points", xytext=(5, -11), fontsize=8)
    dress(ax, say("Score and training time"), say("seconds of training"), label)
    ax.legend(frameon=False, ncols=2, loc="upper center", bbox_to_anchor=(0.5, -0.2))


def placed(values: Sequence[Any], *, log: bool) -> list[float]:
    """Return where values lie between the lowest (0) and the highest (1), words in their order; NaN for None."""
    numeric = all(isinstance(one, int | float) and not isinstance(one, bool) for one in values if one is not None)
    if not numeric:
        words = sorted({str(one) for one in values if one is not None})
        values = [None if one is None else words.index(str(one)) for one in values]
    numbers = np.array([math.nan if one is None else float(one) for one in values])
    numbers = np.log(numbers) if log and numeric else numbers
    known = numbers[~np.isnan(numbers)]
    if not len(known):
        return [math.nan] * len(numbers)
    low, high = known.min(), known.max()
    scaled: list[float] = ((numbers - low) / (high - low) if high > low else numbers * 0 + 0.5).tolist()
    return scaled

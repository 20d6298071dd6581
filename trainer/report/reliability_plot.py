"""The reliability diagram: how often predictions are right over how sure they are."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from trainer.report.plots import GREY, bare_figure, dress, line_look

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def reliability_diagram(bins: Mapping[str, Sequence[tuple[float, float, int]]], said: str) -> "Figure":
    """Draw one line of bins per name; calibrated predictions lie on the diagonal.

    Args:
        bins: by what they are of, (mean probability, share right, rows) each.
        said: what the probabilities are of, for the axis.
    """
    fig = bare_figure(5.6, 4.8)
    ax = fig.subplots()
    ax.plot([0, 1], [0, 1], color=GREY, linewidth=1.0, linestyle="dashed")
    for place, (name, points) in enumerate(bins.items()):
        x, y, _ = zip(*points, strict=True)
        ax.plot(x, y, label=name, marker="o", markersize=4, **line_look(place))
    ax.set(xlim=(0, 1), ylim=(0, 1.02))
    dress(ax, "Reliability (bins of equally many rows)", f"probability of {said}", "share that is so")
    ax.legend(frameon=False, loc="upper left")
    return fig

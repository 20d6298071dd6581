"""Draw docs/architecture.svg, the floors of trainer/ and who imports whom: ``python -m benchmarks.architecture``."""

from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch

from benchmarks.structure import House, room

ROOT = Path(__file__).resolve().parent.parent
PICTURE = ROOT / "docs/architecture.svg"
WIDTH, HALF_HEIGHT = 10.0, 0.26  # of a floor, of a box
Places = dict[str, tuple[float, float]]


def places(floors: list[list[str]]) -> Places:
    """Return where the middle of each package is: the upper floor above, packages of one floor side by side."""
    return {
        name: (WIDTH * (at + 0.5) / len(names), float(len(floors) - number))
        for number, names in enumerate(floors)
        for at, name in enumerate(names)
    }


def draw(house: House) -> Figure:
    """Draw each package with its number of modules, and an arrow for each import that skips no more than it must."""
    where = places(house.floors)
    figure = Figure(figsize=(9, 8), layout="constrained")
    axes = figure.add_subplot(xlim=(0, WIDTH), ylim=(0.5, len(house.floors) + 0.6))
    axes.set_axis_off()
    for name, others in sorted(house.rooms.items()):
        for other in sorted(others & where.keys()):
            if name in where and where[name][1] > where[other][1]:
                arrow(axes, where[name], where[other])
    counts = [room(path) for path in house.modules]
    for name, (x, y) in where.items():
        modules = counts.count(name)
        label = f"{name}\n{modules} modules" if modules > 1 else name
        box = {"boxstyle": "round,pad=0.35", "facecolor": "white", "edgecolor": "0.3"}
        axes.text(x, y, label, ha="center", va="center", fontsize=9, bbox=box)
    return figure


def arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Draw an import; the farther down it goes, the paler, for the next floor says most."""
    paleness = min(0.92, 0.45 + 0.08 * (start[1] - end[1]))
    patch = FancyArrowPatch(
        (start[0], start[1] - HALF_HEIGHT),
        (end[0], end[1] + HALF_HEIGHT),
        arrowstyle="-|>",
        mutation_scale=8,
        color=str(paleness),
        linewidth=0.8,
        zorder=0,
    )
    axes.add_patch(patch)


def main() -> None:
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "foldwise"}):  # text stays text, the same bytes again
        draw(House(ROOT)).savefig(PICTURE, metadata={"Date": None})


if __name__ == "__main__":
    main()

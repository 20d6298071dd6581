"""Explained rows, on the terminal and as a table of values."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import Console

from trainer.errors import shown
from trainer.inference.attributed_rows import AttributedRow
from trainer.report.formatting import folds_named
from trainer.report.terminal import line_printer

if TYPE_CHECKING:
    import pyarrow as pa

MOST_TOKENS = 6  # shown that speak for a class, and against it
MOST_MISSED = 0.05  # of all attributions: more is told


def show_attributions(console: Console, rows: Sequence[AttributedRow]) -> None:
    """Print what in each row speaks for its class, and against it."""
    print_line = line_printer(console)
    for row in rows:
        for line in _lines(row):
            print_line(line)


def _lines(row: AttributedRow) -> Iterator[str]:
    said = f"label {row.label}, predicted {row.predicted}; what speaks for {row.explained}"
    yield f"row {shown(row.id, 60)}: {said} (not trained on it: {folds_named(row.folds)})"
    if not row.tokens:
        yield f"  {_strongest_parts(row)}"
    else:
        order = np.argsort(-row.weights, kind="stable")
        best = [place for place in order[:MOST_TOKENS].tolist() if row.weights[place] > 0]
        worst = [place for place in order[::-1][:MOST_TOKENS].tolist() if row.weights[place] < 0]
        yield f"  for      {_words(row, best)}"
        yield f"  against  {_words(row, worst)}"
    if not is_map(row):
        nothing = "padding" if row.tokens else "an image of mean colour"
        yield f"  in all   {row.change:+.3f} against {nothing}; {completeness(row)}"


def is_map(row: AttributedRow) -> bool:
    """Whether what there is is Grad-CAM, which sums to nothing."""
    return row.change != row.change


def completeness(row: AttributedRow) -> str:
    """Return by how much the attributions miss what they should sum to."""
    warning = ": read them with care" if row.missed > MOST_MISSED else ""
    return f"their sum is off by {row.missed:.2%} of them all{warning}"


def _words(row: AttributedRow, places: Sequence[int]) -> str:
    return "  ".join(f"{row.tokens[place].strip()} {row.weights[place]:+.3f}" for place in places) or "-"


def _strongest_parts(row: AttributedRow) -> str:
    height, width = row.weights.shape
    y, x = np.unravel_index(int(row.weights.argmax()), row.weights.shape)
    kind = "Grad-CAM" if is_map(row) else "integrated gradients"
    return f"{kind} of {height} x {width} parts, strongest in row {y + 1}, column {x + 1}: -o FILE.html shows them"


def attribution_table(rows: Sequence[AttributedRow]) -> "pa.Table":
    """Return a line per token, or part of an image: id, what is explained, where it is, its attribution."""
    import pyarrow as pa

    columns: dict[str, list[Any]] = {name: [] for name in ("id", "explained", "place", "token", "attribution")}
    for row in rows:
        for place, weight in np.ndenumerate(row.weights):
            token = row.tokens[place[0]] if row.tokens else ""
            line = (row.id, row.explained, " ".join(map(str, place)), token, weight)
            for column, value in zip(columns.values(), line, strict=True):
                column.append(value)
    return pa.table(columns)


def attribution_values(rows: Sequence[AttributedRow]) -> dict[str, Any]:
    """Return all of it as plain values."""
    return {"rows": [_values(row) for row in rows]}


def _values(row: AttributedRow) -> dict[str, Any]:
    sums = {} if is_map(row) else {"change": row.change, "missed": row.missed}
    return {
        "id": row.id,
        "label": row.label,
        "predicted": row.predicted,
        "explained": row.explained,
        "method": "Grad-CAM" if is_map(row) else "integrated gradients",
        "folds": list(row.folds),
        **({"tokens": list(row.tokens)} if row.tokens else {}),
        "attributions": row.weights.tolist(),
        **sums,
    }

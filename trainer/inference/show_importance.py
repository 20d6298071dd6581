"""How important columns are, on the terminal and as a table of values."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

from trainer.errors import shown
from trainer.evidence.not_defined import NotDefined
from trainer.inference.importance import Importance, Importances
from trainer.report.formatting import number, plain_label, signed
from trainer.report.rich_tables import headed_table
from trainer.report.terminal import line_printer

if TYPE_CHECKING:
    import pyarrow as pa

MOST_PRINTED = 30
MOST_CHARACTERS = 60  # of the names of a cluster
BETWEEN = " + "  # names of columns that are permuted together


def show_importance(console: Console, found: Importances) -> None:
    """Print the columns, the most important first, and what a reader must know."""
    scored = f"{plain_label(found.metric)} {number(mean_score(found))}"
    print_line = line_printer(console)
    print_line(f"{scored} on {found.n_rows} held-out rows (mean of folds); by how much it is worse without a column:")
    table = headed_table("Permutation importance")
    table.add_column("column", overflow="fold")
    for name in ("worse by", "95 % CI, folds"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in found.columns[:MOST_PRINTED]:
        table.add_row(
            *map(Text, (shown(BETWEEN.join(one.names), MOST_CHARACTERS), signed(one.value), interval_of(one)))
        )
    console.print(table)
    for line in _lines(found):
        print_line(line)


def mean_score(found: Importances) -> float:
    """Return the mean of the folds' scores; NaN where one is undefined."""
    return float(found.score_K.mean())


def interval_of(one: Importance) -> str:
    """Return the interval of a column's importance, or why there is none."""
    if isinstance(one.spread, NotDefined):
        return one.spread.why
    return f"{signed(one.spread.ci95[0])} to {signed(one.spread.ci95[1])}"


def matters(one: Importance) -> bool:
    """Whether the interval of a column lies above 0."""
    return not isinstance(one.spread, NotDefined) and one.spread.ci95[0] > 0


def _lines(found: Importances) -> Iterator[str]:
    if len(found.columns) > MOST_PRINTED:
        yield f"{len(found.columns) - MOST_PRINTED} more: -o FILE writes all"
    n_sure = sum(map(matters, found.columns))
    yield f"{n_sure} of {len(found.columns)} matter beyond what the folds differ by (95 % CI above 0)"
    for note in found.notes:
        yield f"note: {note}"


def importance_table(found: Importances) -> "pa.Table":
    """Return a row per column, or cluster of columns: its importance, interval, draws and what it is in each fold."""
    import pyarrow as pa

    rows = [importance_record(found, one) for one in found.columns]
    for row in rows:
        row["columns"] = BETWEEN.join(row["columns"])
        row |= {f"fold {number}": value for number, value in zip(found.folds, row.pop("folds"), strict=True)}
    return pa.table({name: [row[name] for row in rows] for name in rows[0]})


def importance_record(found: Importances, one: Importance) -> dict[str, Any]:
    """Return one column's figures as plain values; None where one does not exist."""
    spread = None if isinstance(one.spread, NotDefined) else one.spread
    return {
        "columns": list(one.names),
        "importance": _known(one.value),
        "low": None if spread is None else spread.ci95[0],
        "high": None if spread is None else spread.ci95[1],
        "draws": one.n_draws,
        "why_no_interval": one.spread.why if isinstance(one.spread, NotDefined) else "",
        "folds": [_known(value) for value in one.folds_K.tolist()],
    }


def importance_values(found: Importances) -> dict[str, Any]:
    """Return all of it as plain values."""
    return {
        "run": str(found.directory),
        "metric": found.metric,
        "rows": found.n_rows,
        "score_of_folds": dict(zip(map(str, found.folds), map(_known, found.score_K.tolist()), strict=True)),
        "columns": [importance_record(found, one) for one in found.columns],
        "notes": list(found.notes),
    }


def _known(value: float) -> float | None:
    return value if value == value else None

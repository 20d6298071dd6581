"""What a run starts from: the load report as a table for the terminal, at most 80 characters wide."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from trainer.report.rich_tables import facts_table
from trainer.wording.lists import first_with_dots

SHOWN_NAMES = 6


def show(report: Mapping[str, Any], min_match: float, console: Console) -> None:
    """Print what was loaded from a file of weights and what was not.

    Args:
        report: ``LoadReport.to_dict()``, or the same read back from manifest.json.
        min_match: share of the backbone's parameters that had to fit.
        console: where to print.
    """
    console.print(weights_table(report, min_match))
    for note in report["notes"]:
        style = "bold yellow" if note.startswith("warning") else ""
        console.print(Text(note if style else f"note: {note}", style=style), soft_wrap=True)


def weights_table(report: Mapping[str, Any], min_match: float) -> Table:
    """Return what was loaded, under which names, and what was dropped, re-initialised or not found."""
    table = facts_table(f"Weights from {report['path']}")
    for what, value in [*_loaded(report, min_match), *_names(report), *_not_loaded(report)]:
        table.add_row(Text(what), Text(value))
    return table


def _loaded(report: Mapping[str, Any], min_match: float) -> list[tuple[str, str]]:
    inside = f", under '{report['found_in']}'" if report["found_in"] else ""
    return [
        ("file", f"{report['format']}, sha256 {report['sha256'][:12]}{inside}"),
        ("tensors loaded", f"{report['tensors_loaded']} of {report['tensors_model']}"),
        ("parameters loaded", f"{report['params_loaded']:,} of {report['params_model']:,}"),
        ("of the backbone", f"{report['body_share']:.1%} (at least {min_match:.0%} wanted)"),
    ]


def _names(report: Mapping[str, Any]) -> list[tuple[str, str]]:
    rows = []
    if report["wrappers"]:
        rows.append(("wrappers removed", ", ".join(f"{part}." for part in report["wrappers"])))
    if report["stripped"]:
        rows.append(("prefix stripped", f"'{report['stripped']}'"))
    if report["added"]:
        rows.append(("prefix added", f"'{report['added']}'"))
    return rows


def _not_loaded(report: Mapping[str, Any]) -> list[tuple[str, str]]:
    rows = []
    if report["dropped"]:
        rows.append(("dropped", f"{len(report['dropped'])} counters that thop left (total_ops, total_params)"))
    for what, key in (("new head", "reinitialised"), ("other shape", "mismatched")):
        if report[key]:
            shapes = [f"{name} {tuple(there)} there, {tuple(here)} here" for name, there, here in report[key]]
            rows.append((what, listed(shapes, "\n")))
    for what, key in (("not in the file", "missing"), ("not in the model", "unexpected")):
        if report[key]:
            rows.append((what, listed(report[key])))
    return rows


def listed(names: Sequence[str], between: str = ", ") -> str:
    """Return the first names and how many more there are."""
    return first_with_dots(names, SHOWN_NAMES, between)

"""A split as tables for the terminal, at most 80 characters wide."""

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from trainer.report.rich_tables import headed_table
from trainer.wording.lists import first_few

MOST_FOLDS = 10  # with a column each in the table of classes
MOST_CLASSES = 20
MOST_ROWS = 50  # folds listed


def show(report: Mapping[str, Any], console: Console) -> None:
    """Print a split: each fold, the classes by fold, and what stands out.

    Args:
        report: of ``trainer.audit.describe_split``, or the same read back from JSON.
        console: where to print.
    """
    console.print(folds_table(report))
    if len(report["folds"]) <= MOST_FOLDS and len(report["classes"]) <= MOST_CLASSES:
        console.print(classes_table(report))
    for note in (*report["notes"], *remarks(report)):
        console.print(Text(f"note: {note}"), soft_wrap=True)


def folds_table(report: Mapping[str, Any]) -> Table:
    """Return one row per fold: rows, largest deviation of a class, of a label pair, groups, largest drift."""
    has = {name: report["folds"][0][name] is not None for name in ("groups", "pairs", "drift", "words")}
    repeats = f" x {report['repeats']} repeats" if report["repeats"] > 1 else ""
    table = headed_table(f"Split: {report['strategy']}, {report['n_splits']}{repeats}, {report['fingerprint'][:12]}")
    for heading in ("fold", "train", "held out"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("class off most", overflow="fold")
    if has["pairs"]:
        table.add_column("pair off most", overflow="fold")
    if has["groups"]:
        table.add_column("groups", justify="right", no_wrap=True)
    if has["drift"]:
        table.add_column("drift (KS)", overflow="fold")
    if has["words"]:
        table.add_column("words (TV)", overflow="fold")
    for part in report["folds"][:MOST_ROWS]:
        table.add_row(*(Text(cell) for cell in _cells(part, report["repeats"])))
    if len(report["folds"]) > MOST_ROWS:
        table.add_row("...", "", f"{len(report['folds']) - MOST_ROWS} more")
    return table


def classes_table(report: Mapping[str, Any]) -> Table:
    """Return one row per class: rows in all, and held out in each fold."""
    table = headed_table("Held-out rows by class")
    table.add_column("class", overflow="ellipsis", no_wrap=True, max_width=20)
    table.add_column("all", justify="right", no_wrap=True)
    for part in report["folds"]:
        table.add_column(_name(part, report["repeats"]), justify="right", no_wrap=True)
    for c, name in enumerate(report["classes"]):
        counts = (str(part["counts"][c]) for part in report["folds"])
        table.add_row(Text(name), str(report["counts"][c]), *counts)
    return table


def remarks(report: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a person should look at: classes no fold can score, groups on both sides, drift beyond chance."""
    for c, name in enumerate(report["classes"]):
        without = _folds(report, [part["counts"][c] == 0 for part in report["folds"]])
        if without and report["counts"][c]:
            yield f"class '{name}' ({report['counts'][c]} rows) is not held out in {without}"
    both = _folds(report, [bool(part["groups"] and part["groups"]["both_sides"]) for part in report["folds"]])
    if both:
        yield f"groups are on both sides in {both}"
    kinds = [[part[kind] for kind in ("drift", "words") if part[kind]] for part in report["folds"]]
    parts = [[name for kind in found for name in kind["beyond_chance"]] for found in kinds]
    drifting = _folds(report, [bool(names) for names in parts])
    if drifting:
        names = list(dict.fromkeys(name for part in parts for name in part))
        yield f"held-out rows differ from training rows beyond chance in {drifting}: {first_few(names)}"


def _cells(part: Mapping[str, Any], repeats: int) -> Iterator[str]:
    yield _name(part, repeats)
    yield f"{part['n_train']:,}"
    yield f"{part['n_held_out']:,}"
    yield f"{_points(part['deviation']['largest'])} {_short(part['deviation']['class'])}"
    if part["pairs"] is not None:
        yield f"{_points(part['pairs']['largest'])} {' + '.join(_short(name, 12) for name in part['pairs']['labels'])}"
    if part["groups"] is not None:
        yield str(part["groups"]["held_out"])
    if part["drift"] is not None:
        yield f"{part['drift']['ks']['value']:.2f} {_short(part['drift']['ks']['feature'])}"
    if part["words"] is not None:
        yield f"{part['words']['value']:.2f} {_short(part['words']['feature'])}"


def _name(part: Mapping[str, Any], repeats: int) -> str:
    return f"{part['repeat']}.{part['fold']}" if repeats > 1 else str(part["fold"])


def _points(share: float) -> str:
    return f"{100 * share:+.1f} pp"


def _short(name: str, limit: int = 18) -> str:
    return name if len(name) <= limit else f"{name[: limit - 1]}…"


def _folds(report: Mapping[str, Any], wanted: list[bool]) -> str:
    chosen = [part for part, is_wanted in zip(report["folds"], wanted, strict=True) if is_wanted]
    names = [_name(part, report["repeats"]) for part in chosen]
    return f"fold{'s' if len(names) > 1 else ''} {first_few(names)}" if names else ""

"""A decision kept with its run, and what it is worth printed: decision.json and the reliability diagram."""

import math
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console

from trainer.inference.decide import Decided, Figures, uncovered
from trainer.inference.objectives import COST
from trainer.inference.reliability import Reliability
from trainer.report.formatting import number, plain_label
from trainer.report.plots import png_bytes
from trainer.report.reliability_plot import reliability_diagram
from trainer.report.rich_tables import headed_table
from trainer.run.decided import FOLDS_SHA256, folds_sha256
from trainer.store.own_files import DECISION, PLOTS
from trainer.system.files import make_directory, remove, sealed, write_bytes
from trainer.wording.lists import first_few
from trainer.wording.translations import N_

PICTURE = "reliability.png"
MOST_THRESHOLDS = 20
PARTS = (
    ("log loss", "log_loss"),
    ("calibration error (ECE)", "ece"),
    ("... expected where calibrated", "ece_by_chance"),
    ("Brier score", "brier"),
    ("... miscalibration (less is better)", "miscalibration"),
    ("... discrimination (more is better)", "discrimination"),
    ("... uncertainty", "uncertainty"),
)


def save_decision(directory: Path, decided: Decided) -> None:
    """Write decision.json, in place of one before, and the diagram where something was calibrated.

    Raises:
        StorageError: it cannot be written.
    """
    facts: dict[str, Any] = {
        **decided.decision.to_plain(),
        FOLDS_SHA256: folds_sha256(decided.run.run),
        "figures": [_plain(asdict(one)) for one in decided.figures],
        "before": None if decided.before is None else _plain(asdict(decided.before)),
        "after": None if decided.after is None else _plain(asdict(decided.after)),
        "coverage": None if decided.coverage is None else _plain(asdict(decided.coverage)),
        "notes": list(decided.notes),
        "lines": list(lines_of(decided)),
    }
    if decided.before is not None and decided.after is not None:
        make_directory(directory / PLOTS, directory)
        bins = {"as predicted": decided.before.bins, "calibrated, cross-fitted": decided.after.bins}
        picture = png_bytes(reliability_diagram(bins, _said(decided)))
        write_bytes(directory / PLOTS / PICTURE, picture, root=directory, what=N_("report"))
    else:
        remove_picture(directory)
    write_bytes(directory / DECISION, sealed(facts), root=directory, what=N_("result"))


def remove_decision(directory: Path) -> None:
    """Delete the decision of a run, so that the likeliest class is predicted again."""
    remove(directory / DECISION, directory)
    remove_picture(directory)


def remove_picture(directory: Path) -> None:
    """Delete the reliability diagram of a decision before."""
    if (directory / PLOTS).is_dir():
        remove(directory / PLOTS / PICTURE, directory)


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    return {name: None if isinstance(one, float) and not math.isfinite(one) else one for name, one in values.items()}


def _said(decided: Decided) -> str:
    classes = decided.run.classes
    if decided.run.task.several_labels:
        return "a label"
    return f"'{classes[1]}'" if len(classes) == 2 else "the predicted class"


def lines_of(decided: Decided) -> Iterator[str]:
    """Yield what was decided and what it is worth, one line each."""
    decision = decided.decision
    if decision.calibration is not None:
        yield f"calibrated by {decision.calibration.line}"
    names = decided.run.classes
    if decision.thresholds:
        pairs = [f"{name} {value:.4g}" for name, value in zip(names, decision.thresholds, strict=True)]
        if decided.run.task.several_labels:
            yield f"labels above: {first_few(pairs, MOST_THRESHOLDS)}"
        elif len(names) == 2:
            yield f"'{names[1]}' above a probability of {decision.thresholds[1]:.4g}"
        else:
            yield f"the class of the greatest probability divided by: {first_few(pairs, MOST_THRESHOLDS)}"
    if decision.cost:
        yield "class of least expected cost, by the probabilities as they are: the better calibrated, the better"
    for one in decided.figures:
        yield _figures_line(one)
    yield from _coverage_lines(decided)
    for note in decided.notes:
        yield f"note: {note}"


def _figures_line(one: Figures) -> str:
    label = one.name if one.name.startswith(COST) or " " in one.name else plain_label(one.name)
    return (
        f"{label} {number(one.before)} before, {number(one.cross_fitted)} cross-fitted, "
        f"{number(one.in_sample)} on the rows it was fitted on"
    )


def _coverage_lines(decided: Decided) -> Iterator[str]:
    measured, conformal = decided.coverage, decided.decision.conformal
    if measured is None or conformal is None:
        return
    size = f"median width {measured.size:.4g}" if not measured.by_class else f"{measured.size:.2f} classes on average"
    kind = "intervals" if not measured.by_class else "sets"
    yield f"{kind} for {conformal.coverage:.0%}: {measured.share:.4f} of the held-out rows are covered, {size}"
    shares = zip(decided.run.classes, measured.by_class, strict=False)
    if measured.by_class:
        yield f"covered by class: {first_few([f'{name} {number(share)}' for name, share in shares], MOST_THRESHOLDS)}"
    weak = uncovered(decided)
    if weak:
        named = first_few([f"'{name}'" for name in weak])
        yield (
            f"note: rows of {named} are covered clearly less often: the share is kept over all rows, not in each class"
        )


def show(console: Console, directory: Path, decided: Decided) -> None:
    """Print what was decided, and where it is."""
    if decided.before is not None and decided.after is not None:
        console.print(_reliability_table(decided.before, decided.after))
    for line in lines_of(decided):
        console.print(line, highlight=False, soft_wrap=True)
    kept = f"kept in {directory / DECISION}; foldwise report {directory} puts it into the report"
    console.print(kept, highlight=False, soft_wrap=True)


def _reliability_table(before: Reliability, after: Reliability) -> Any:
    table = headed_table("Probabilities, out of fold")
    table.add_column("", no_wrap=True)
    for heading in ("as predicted", "calibrated, cross-fitted"):
        table.add_column(heading, justify="right")
    for label, name in PARTS:
        table.add_row(label, number(getattr(before, name)), number(getattr(after, name)))
    return table

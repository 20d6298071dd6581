"""What is printed before the first step: the data, the folds and the precision in force."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from trainer.data.samples import DataSpec, Samples
from trainer.folds.plan import FoldPlan
from trainer.wording.lists import first_with_dots

SHOWN_CLASSES = 12


def show_data(console: Console, spec: DataSpec, samples: Samples, plan: FoldPlan, device: str) -> None:
    """Print task, classes with their counts, the positive one, folds, and the notes on how the data was read."""
    repeats = f" x {plan.n_different} repeats" if plan.n_different > 1 else ""
    repeats += f" x {len(plan.seeds)} seeds" if plan.seeds else ""
    console.print(
        Text(
            f"{spec.name}: {len(samples)} rows, {spec.task.described(len(spec.classes))}, {device}",
            style="bold",
        )
    )
    if spec.classes:
        console.print(Text(f"classes: {class_counts(spec, samples)}"), soft_wrap=True)
    if spec.positive is not None:
        console.print(Text(f"positive class: {spec.describe_positive()}"), soft_wrap=True)
    split = f"{plan.strategy}, {plan.n_splits}{repeats}, random_state {plan.random_state}"
    console.print(Text(f"folds: {split}, fingerprint {plan.fingerprint[:12]}"))
    for note in (*spec.notes, *plan.notes):
        console.print(Text(f"note: {note}"), soft_wrap=True)


def class_counts(spec: DataSpec, samples: Samples) -> str:
    """Return ``name count`` of each class, or the first ones where there are many."""
    counts = spec.task.class_counts(samples.target, len(spec.classes))
    named = [f"{name} {count}" for name, count in zip(spec.classes, counts, strict=True)]
    return first_with_dots(named, SHOWN_CLASSES)


def show_precision(
    console: Console, title: str, rows: Sequence[tuple[str, str, str, str]], notes: Sequence[str]
) -> None:
    """Print apex's property table: the level's default, the override and what is in force."""
    table = Table("property", "default", "override", "in force", title=title, title_justify="left")
    for row in rows:
        table.add_row(*row)
    console.print(table)
    for note in notes:
        console.print(Text(f"note: {note}"), soft_wrap=True)

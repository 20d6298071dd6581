"""What is printed of a merged run."""

from rich.console import Console

from trainer.report.baseline_table import baseline_lines
from trainer.report.formatting import interval_lines, seed_lines, undefined_lines
from trainer.report.tables import folds_table, results_table
from trainer.run.merge import Merged

MOST_FOLDS_SHOWN = 20


def show(console: Console, merged: Merged) -> None:
    """Print the folds (where they are few), the result and where the report is."""
    if len(merged.folds) <= MOST_FOLDS_SHOWN:
        console.print(folds_table(merged.result, merged.folds))
    console.print(results_table(merged.result))
    result = merged.result
    below = [*interval_lines(result), *seed_lines(result), *undefined_lines(result), *baseline_lines(result)]
    for line in below:
        console.print(line, highlight=False, soft_wrap=True)
    for line in [*(f"note: {note}" for note in merged.notes), *(f"hint: {hint}" for hint in merged.hints)]:
        console.print(line, highlight=False, soft_wrap=True)
    console.print(f"report: {merged.report}", highlight=False, soft_wrap=True)

"""``foldwise status`` and ``foldwise stop``: runs that are being trained, here or elsewhere."""

from pathlib import Path
from typing import Annotated

import typer

Place = Annotated[Path, typer.Argument(metavar="RUN|DIR", help="run directory, or the folder of several")]
Run = Annotated[Path, typer.Argument(metavar="RUN", help="run directory, such as runs/a1")]
AsJson = Annotated[bool, typer.Option("--json", help="print JSON, one object for each run")]


def status(place: Place, *, as_json: AsJson = False) -> None:
    """Show how far each fold is, who trains it, and when it last gave a sign of life."""
    import json
    from dataclasses import asdict

    from trainer.report.progress_table import progress_table
    from trainer.report.terminal import terminal
    from trainer.run.progress import progress_of, runs_below

    console = terminal()
    for run in runs_below(place):
        folds = progress_of(run)
        n_done = sum(fold.done for fold in folds)
        if as_json:
            print(json.dumps({"run": str(run), "folds": [asdict(fold) for fold in folds]}, ensure_ascii=False))
        elif n_done == len(folds):
            console.print(f"{run}: all {len(folds)} folds are done", highlight=False, soft_wrap=True)
        else:
            rows = [(f.fold, f.state, f.holder, f.heartbeat_seconds, f.tries, f.seconds_left) for f in folds]
            console.print(progress_table(f"{run}: {n_done} of {len(folds)} folds are done", rows))


def stop(run: Run) -> None:
    """Let every process that trains a run save and end, wherever it runs; jobs that wait are cancelled."""
    from trainer.report.terminal import terminal
    from trainer.run.progress import stop_run

    terminal().print(stop_run(run), highlight=False, soft_wrap=True)

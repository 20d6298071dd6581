"""The commands that F17 walks over spoilt run directories, and what each of them looks at."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from tests.faults.harness import Workshop, finish, start

OPTIONS = (
    *("data=csv_tabular", "data.path=table.csv", "data.label=label", "max_epochs=1", "model.hidden=[4]"),
    *("cv.n_splits=2", "cv.parallel=1", "preflight=off", "audit=off", "profile.enabled=false"),
    *("runtime.progress=off", "checkpoint.keep_final=true", "baseline=linear"),  # auto fits what there is time for
)
NESTED = ("cv.inner.n_splits=2", "cv.inner.grid={optimizer.lr:[0.01,0.1]}", "cv.select=inner", "tracker.name=none")
NOTES = (  # of the user's, under names that look like Foldwise's
    *("notes.txt", "cv.json.tmp.old", "notes.tmp.1-abcdef", "fold_1/notes.txt", "fold_1/step-notes.json"),
    *("fold_1/inner-mine-1.json", "fold_1/step-notes.pt", "fold_notes/notes.txt", "plots/mine.png"),
)
ABSENT = ("fold_1/LOCK", "fold_1/DIVERGED", "fold_1/inner-0-0.json", "fold_1/DONE", "cv.json", "fold_1")
LONGEST_SECONDS = 60


@dataclass(frozen=True)
class Command:
    """A command, and the parts of the run directory that it looks at.

    Attributes:
        line: the program and its arguments, in a directory with ``run``, ``copy``, ``table.csv``.
        base: name of the run to be spoilt.
        spoilt: what is spoilt: the run, or the copy of it.
        looks_at: of what is spoilt; None = everything; () = what it needs: refused, or not read at all.
    """

    line: tuple[str, ...]
    base: str = "stopped"
    spoilt: str = "run"
    looks_at: tuple[str, ...] | None = None


RUN = ("run=run", "paths.runs=.")
TRAIN = ("train.py", *OPTIONS)
WEIGHTS = ("fold_0", "fold_0/model.safetensors")
COMMANDS = {
    "train, resumed": Command((*TRAIN, *RUN)),
    "train, merging": Command((*TRAIN, *RUN), "done"),
    "train, nested": Command((*TRAIN, *NESTED, *RUN), "nested"),
    "train, forced": Command((*TRAIN, *RUN, "optimizer.lr=0.02", "force_resume=true")),
    "merge": Command(("foldwise", "merge", "run"), "done"),
    "merge, a run with copies": Command(("foldwise", "merge", "run", "copy")),
    "merge, a copy": Command(("foldwise", "merge", "run", "copy"), "done", "copy"),
    "report": Command(("foldwise", "report", "run"), "done"),
    "tensorboard": Command(("foldwise", "tensorboard", "run"), "done"),
    "convert": Command(("foldwise", "convert", "run/fold_0/model.safetensors", "out.pth"), looks_at=WEIGHTS),
    "split": Command(
        ("foldwise", "split", "table.csv", "--label", "label", "--path", "run/folds.json"),
        looks_at=("folds.json", "rows.parquet"),
    ),
    "look": Command(("foldwise", "look", "run/oof.parquet"), "done", looks_at=("oof.parquet",)),
    "start from its weights": Command(
        (*TRAIN, "run=new", "paths.runs=.", "init.path=run/fold_0/model.safetensors", "cv.fold=0"),
        looks_at=(*WEIGHTS, "fold_0/preprocess.json", "rows.parquet"),
    ),
}
READERS = {  # that change nothing in the run
    name: Command(("foldwise", *line.split()), "done", looks_at=())
    for name, line in {
        "predict": "predict run table.csv -o out.csv",
        "verify": "verify run",
        "status": "status run",
        "status, finished by none": "status run",
        "runs": "runs .",
        "compare": "compare run copy",
        "table": "table run copy",
        "blend": "blend run copy --out blend",
        "inspect": "inspect run -o worst.csv",
        "explain": "explain run",
        "decide": "decide run --calibrate temperature",
        "export": "export run -o model --format torch",
        "push": "push run memory://away",
    }.items()
}
READERS["status, finished by none"] = replace(READERS["status, finished by none"], base="stopped")


@dataclass(frozen=True)
class Base:
    """Runs to be spoilt: all folds done, fold 1 stopped, and the same under nested cross-validation."""

    directory: Path
    done: Path
    stopped: Path
    nested: Path


def typed(shop: Workshop, program: str, *arguments: str, forked: bool = True) -> tuple[int, str]:
    """Run a command to its end; return its exit code and what it said. It may take no longer than a minute."""
    process = start(shop, *arguments, program=program, forked=forked)
    return finish(process, LONGEST_SECONDS), process.out + process.err


def make_base(shop: Workshop) -> Base:
    """Train the runs that are spoilt in copies."""
    directory = shop.directory
    rows = [f"{i % 7},{(3 * i) % 5},{'ab'[i % 2]}" for i in range(40)]
    (directory / "table.csv").write_text("\n".join(["x,y,label", *rows]) + "\n")
    runs = Base(directory, directory / "done", directory / "stopped", directory / "nested")
    for more in (("run=done",), (*NESTED, "run=nested")):
        assert typed(shop, *TRAIN, *more, "paths.runs=.")[0] == 0
    for run in (runs.done, runs.nested):
        for note in NOTES:
            (run / note).parent.mkdir(exist_ok=True)
            (run / note).write_text("NOTES of the user's")
    shutil.copytree(runs.done, runs.stopped)
    for run in (runs.stopped, runs.nested):
        stop(run, "fold_1")
    return runs


def stop(run: Path, fold: str) -> None:
    """Make a finished fold, whose last checkpoint is kept, one that was stopped before it was scored."""
    for name in ("DONE", "oof.parquet", "metrics.jsonl", "model.safetensors", "preprocess.json", "inner.json"):
        (run / fold / name).unlink(missing_ok=True)
    (run / "cv.json").unlink()


def own(run: Path) -> list[str]:
    """Every file and folder of Foldwise's in a run, and some that are not there."""
    there = [str(path.relative_to(run)) for path in run.rglob("*")]
    return sorted({*there, *ABSENT} - {*NOTES, "fold_notes"})


def all_tries(commands: Mapping[str, Command], base: Base, kinds: list[str]) -> list[tuple[str, str, str]]:
    """Return every command with everything in its run, spoilt in every way."""
    return [
        (name, item, kind)
        for name, command in commands.items()
        for item in own(getattr(base, command.base))
        for kind in kinds
    ]

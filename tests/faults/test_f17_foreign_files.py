"""F17: a link, a fifo, a folder, ... where a run keeps a file of its own: named by every command, and left alone."""

import contextlib
import io
import os
import random
import shutil
import signal
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest

import train as script
from tests.faults import foreign_cases
from tests.faults.foreign_cases import KINDS, MISSING, can_freeze, fingerprint, immutable, sentinel
from tests.faults.harness import battery
from trainer.cli import main as command_line
from trainer.cli import tensorboard
from trainer.config.compose import composed
from trainer.errors import guarded

OPTIONS = (
    *("data=csv_tabular", "data.path=table.csv", "data.label=label", "max_epochs=1", "model.hidden=[4]"),
    *("cv.n_splits=2", "cv.parallel=1", "preflight=off", "audit=off", "profile.enabled=false"),
    *("runtime.progress=off", "checkpoint.keep_final=true"),
)
NESTED = ("cv.inner.n_splits=2", "cv.inner.grid={optimizer.lr:[0.01,0.1]}", "cv.select=inner", "tracker.name=none")
NOTES = (  # of the user's, under names that look like Foldwise's
    *("notes.txt", "cv.json.tmp.old", "notes.tmp.1-abcdef", "fold_1/notes.txt", "fold_1/step-notes.json"),
    *("fold_1/inner-mine-1.json", "fold_1/step-notes.pt", "fold_notes/notes.txt", "plots/mine.png"),
)
ABSENT = ("fold_1/LOCK", "fold_1/DIVERGED", "fold_1/inner-0-0.json", "fold_1/DONE", "cv.json", "fold_1")
LONGEST_SECONDS = 60


@dataclass(frozen=True)
class Base:
    """Runs to be spoilt: all folds done, fold 1 stopped, and the same under nested cross-validation."""

    directory: Path
    done: Path
    stopped: Path
    nested: Path


def called(function: Callable[[], int]) -> tuple[int, str]:
    """Call a command; return its exit code and what it said. It may take no longer than a minute."""
    said = io.StringIO()

    def hang(*_: object) -> None:
        raise AssertionError("it hangs")

    before = signal.signal(signal.SIGALRM, hang)
    signal.alarm(LONGEST_SECONDS)
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            return function(), said.getvalue()
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def train(*arguments: str) -> tuple[int, str]:
    before = sys.argv
    sys.argv = ["train.py", *arguments]
    try:
        return called(lambda: guarded(lambda: composed(script.main, script.check)))
    finally:
        sys.argv = before


def foldwise(*arguments: object) -> tuple[int, str]:
    return called(lambda: command_line.main([str(one) for one in arguments]))


def stop(run: Path, fold: str) -> None:
    """Make a finished fold, whose last checkpoint is kept, one that was stopped before it was scored."""
    for name in ("DONE", "oof.parquet", "metrics.jsonl", "model.safetensors", "preprocess.json", "inner.json"):
        (run / fold / name).unlink(missing_ok=True)
    (run / "cv.json").unlink()


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    directory = tmp_path_factory.mktemp("base")
    rows = [f"{i % 7},{(3 * i) % 5},{'ab'[i % 2]}" for i in range(40)]
    (directory / "table.csv").write_text("\n".join(["x,y,label", *rows]) + "\n")
    runs = Base(directory, directory / "done", directory / "stopped", directory / "nested")
    with contextlib.chdir(directory):
        assert train(*OPTIONS, "run=done", "paths.runs=.")[0] == 0
        assert train(*OPTIONS, *NESTED, "run=nested", "paths.runs=.")[0] == 0
    for run in (runs.done, runs.nested):
        for note in NOTES:
            (run / note).parent.mkdir(exist_ok=True)
            (run / note).write_text("NOTES of the user's")
    shutil.copytree(runs.done, runs.stopped)
    stop(runs.stopped, "fold_1")
    stop(runs.nested, "fold_1")
    return runs


@dataclass(frozen=True)
class Command:
    """A command, and the parts of the run directory that it looks at.

    Attributes:
        call: in a directory with ``run`` and ``copy``.
        base: name of the run to be spoilt.
        spoilt: what is spoilt: the run, or the copy of it.
        looks_at: of what is spoilt; None = everything.
    """

    call: Callable[[], tuple[int, str]]
    base: str = "stopped"
    spoilt: str = "run"
    looks_at: tuple[str, ...] | None = None


RUN = ("run=run", "paths.runs=.")
COMMANDS = {
    "train, resumed": Command(lambda: train(*OPTIONS, *RUN)),
    "train, merging": Command(lambda: train(*OPTIONS, *RUN), "done"),
    "train, nested": Command(lambda: train(*OPTIONS, *NESTED, *RUN), "nested"),
    "train, forced": Command(lambda: train(*OPTIONS, *RUN, "optimizer.lr=0.02", "force_resume=true")),
    "merge": Command(lambda: foldwise("merge", "run"), "done"),
    "merge, a run with copies": Command(lambda: foldwise("merge", "run", "copy")),
    "merge, a copy": Command(lambda: foldwise("merge", "run", "copy"), "done", "copy"),
    "report": Command(lambda: foldwise("report", "run"), "done"),
    "tensorboard": Command(lambda: foldwise("tensorboard", "run"), "done"),
    "convert": Command(
        lambda: foldwise("convert", "run/fold_0/model.safetensors", "out.pth"),
        looks_at=("fold_0", "fold_0/model.safetensors"),
    ),
    "split": Command(
        lambda: foldwise("split", "table.csv", "--label", "label", "--path", "run/folds.json"),
        looks_at=("folds.json", "rows.parquet"),
    ),
    "start from its weights": Command(
        lambda: train(*OPTIONS, "run=new", "paths.runs=.", "init.path=run/fold_0/model.safetensors", "cv.fold=0"),
        looks_at=("fold_0", "fold_0/model.safetensors", "fold_0/preprocess.json", "rows.parquet"),
    ),
}


def own(run: Path) -> list[str]:
    """Every file and folder of Foldwise's in a run, and some that are not there."""
    there = [str(path.relative_to(run)) for path in run.rglob("*")]
    return sorted({*there, *ABSENT} - {*NOTES, "fold_notes"})


@pytest.fixture
def lay_out(base, tmp_path, monkeypatch):
    """``lay_out(command)``: a directory with ``run``, ``copy`` and what lies outside of them; return what is spoilt."""
    monkeypatch.setattr(tensorboard, "subprocess", SimpleNamespace(run=lambda *_, **__: None))  # TensorBoard itself

    def make(command: Command, name: str) -> tuple[Path, Path]:
        here = tmp_path / name
        here.mkdir()
        monkeypatch.chdir(here)
        shutil.copy(base.directory / "table.csv", here)
        in_run = command.base if command.spoilt == "run" else "stopped"
        shutil.copytree(base.directory / in_run, here / "run")
        shutil.copytree(base.done, here / "copy")
        return here / command.spoilt, sentinel(here)

    return make


def untouched(here: Path, spoilt: Path, item: str) -> None:
    """Expect that the user's files are there, and that nothing from outside was copied into a run."""
    for run in (here / "run", here / "copy"):
        for path in run.rglob("*"):
            if path.is_file() and not path.is_symlink():
                assert b"SENTINEL" not in path.read_bytes(), f"{path} comes from outside"
        for note in NOTES:
            if not (run == spoilt and (item == note or note.startswith(f"{item}/"))):
                assert (run / note).read_text() == "NOTES of the user's", f"{note} of the user's"


def try_one(lay_out, command: Command, name: str, item: str, kind: str) -> int:
    """Spoil one thing, call the command, and expect that it is named and all else left as it was."""
    spoilt, outside = lay_out(command, name)
    here, path = outside.parent, spoilt / item
    frozen = contextlib.nullcontext()
    if kind == "immutable":
        if not path.exists():
            return 0
        frozen = immutable(path)
    elif kind == MISSING:
        foreign_cases.clear(path)
    else:
        if not path.parent.is_dir():
            path.parent.mkdir()
        KINDS[kind](path, outside)
    before, run_before = fingerprint(outside), fingerprint(spoilt)
    with frozen:
        code, said = command.call()
    assert "Traceback" not in said, said
    assert fingerprint(outside) == before, "something outside was changed"
    untouched(here, spoilt, item)
    if kind in KINDS and (command.looks_at is None or item in command.looks_at):
        folds_of_a_user = name.endswith("split") and item == "folds.json" and path.is_dir() and not path.is_symlink()
        assert code == (3 if folds_of_a_user else 4), f"exit {code}\n{said}"  # --path takes a folder of fold_*.txt
        assert fingerprint(spoilt) == run_before, "the run was changed"
    elif kind in KINDS:
        assert code == 0, said
    assert code in (0, 3, 4, 6) if "split" in name else code in (0, 2, 4, 6), said
    message = next((line for line in said.splitlines() if " error: " in line), "")
    named = {path.name, item.split("/")[0], "folds are not finished"}  # the last one with its number
    assert not code or any(name in said for name in named), f"not named: {said}"
    assert len(message) < 400
    return code


def shortened() -> list[tuple[str, str, str]]:
    """One item or two for each command and kind, another one each time."""
    items = ("fold_1", "fold_1/step-00000001.pt", "report.md", "fold_0/DONE", "plots", "folds.json", "fold_1/LOCK")
    chosen = ("train, resumed", "merge, a run with copies", "merge, a copy", "report", "tensorboard")
    tried = [
        (name, items[(i + 2 * k) % len(items)], kind) for k, kind in enumerate(KINDS) for i, name in enumerate(chosen)
    ]
    given = [("convert", "fold_0", "link to itself elsewhere"), ("split", "rows.parquet", "fifo")]
    return [*tried, *given, ("start from its weights", "fold_0", "link to a file")]


def test_what_is_not_foldwises_is_named_and_left_alone(lay_out):
    for number, (name, item, kind) in enumerate(shortened()):
        try:
            assert try_one(lay_out, COMMANDS[name], f"{number} {name}", item, kind) == 4
        except AssertionError as error:
            raise AssertionError(f"{name}: {item} is a {kind}: {error}") from error


def test_what_may_not_be_replaced_is_named_with_its_step(lay_out, tmp_path):
    if not can_freeze(tmp_path):
        pytest.skip("files cannot be made immutable here")
    for name, item, said in (
        ("report", "report.md", "the report to run/report.md"),
        ("merge", "oof.parquet", "the out-of-fold predictions to run/oof.parquet"),
        ("train, resumed", "fold_1", "the lock to run/fold_1/LOCK"),
    ):
        spoilt, _ = lay_out(COMMANDS[name], name)
        with immutable(spoilt / item):
            code, message = COMMANDS[name].call()
        assert code == 6, message
        assert f"storage error: cannot write {said}: Operation not permitted" in message


def test_the_notes_of_a_user_stay_where_a_run_is_finished_and_merged(lay_out, base):
    for name in ("train, resumed", "merge, a run with copies"):
        spoilt, outside = lay_out(COMMANDS[name], name)
        (spoilt / "mine").symlink_to(outside / "folder")
        (spoilt / "fold_1/mine").symlink_to(outside / "file")
        before = fingerprint(outside)
        code, said = COMMANDS[name].call()
        assert code == 0, said
        assert (spoilt / "cv.json").exists()
        assert fingerprint(outside) == before
        assert (spoilt / "mine").is_symlink()
        assert (spoilt / "fold_1/mine").is_symlink()
        untouched(outside.parent, spoilt, "none")


def test_a_run_that_is_itself_reached_through_a_link_is_as_good_as_any(lay_out):
    spoilt, outside = lay_out(COMMANDS["report"], "linked")
    spoilt.rename(outside / "run")
    spoilt.symlink_to(outside / "run")
    assert foldwise("report", "run")[0] == 0
    assert train(*OPTIONS, *RUN)[0] == 0


@pytest.mark.battery
def test_every_command_on_every_kind(lay_out, base, tmp_path):
    kinds = [*KINDS, MISSING, *(["immutable"] if can_freeze(tmp_path) else [])]
    tries = [
        (name, item, kind)
        for name, command in COMMANDS.items()
        for item in own(getattr(base, command.base))
        for kind in kinds
    ]
    random.Random(17).shuffle(tries)  # FOLDWISE_BATTERY_F17=500 takes the first ones
    table: Counter[str] = Counter()

    def one(number: int, figures: Counter[str]) -> None:
        name, item, kind = tries[number]
        try:
            code = try_one(lay_out, COMMANDS[name], f"{number} {name}", item, kind)
        except AssertionError as error:
            raise AssertionError(f"{name}: {item} is a {kind}: {error}") from error
        finally:
            os.chdir(tmp_path)
            shutil.rmtree(tmp_path / f"{number} {name}")
        figures[f"exit {code}"] += 1
        table[f"{name} | {kind} | exit {code}"] += 1

    try:
        battery("F17", "every command, file and kind", len(tries), one)
    finally:
        print("\n".join(f"F17: {what}: {n}" for what, n in sorted(table.items())), file=sys.__stderr__)

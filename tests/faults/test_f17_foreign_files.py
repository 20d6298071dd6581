"""F17: a link, a fifo, a folder, ... where a run keeps a file of its own: named by every command, and left alone."""

import contextlib
import random
import shutil
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults import foreign_cases
from tests.faults.foreign_cases import (
    KINDS,
    MISSING,
    can_freeze,
    fingerprint,
    immutable,
    mark_unread,
    read_since,
    sentinel,
)
from tests.faults.foreign_commands import COMMANDS, NOTES, READERS, Base, Command, all_tries, make_base, typed
from tests.faults.harness import Workshop, battery


@pytest.fixture(scope="module")
def base(shop_without_figures):
    return make_base(shop_without_figures)


@dataclass(frozen=True)
class Bench:
    """Where runs are spoilt: each in a folder of its own, with copies of what was trained once."""

    shop: Workshop
    base: Base
    directory: Path

    def lay_out(self, command: Command, name: str) -> tuple[Path, Path]:
        """Make a folder with ``run``, ``copy`` and what lies outside of them; return what is spoilt, and this."""
        here = self.directory / name
        here.mkdir()
        shutil.copy(self.base.directory / "table.csv", here)
        shutil.copytree(self.base.directory / (command.base if command.spoilt == "run" else "stopped"), here / "run")
        shutil.copytree(self.base.done, here / "copy")
        return here / command.spoilt, sentinel(here)

    def call(self, command: Command, name: str, forked: bool = True) -> tuple[int, str]:
        """Type the command in such a folder."""
        return typed(Workshop(self.directory / name, self.shop.server), *command.line, forked=forked)


@pytest.fixture
def bench(shop_without_figures, base, tmp_path):
    return Bench(shop_without_figures, base, tmp_path)


def untouched(here: Path, spoilt: Path, item: str) -> None:
    """Expect that the user's files are there, and that nothing from outside was copied into a run or a result."""
    for path in here.rglob("*"):
        if path.is_file() and not path.is_symlink() and "outside" not in path.relative_to(here).parts:
            assert b"SENTINEL" not in path.read_bytes(), f"{path} comes from outside"
    for run in (here / "run", here / "copy"):
        for note in NOTES:
            if not (run == spoilt and (item == note or note.startswith(f"{item}/"))):
                assert (run / note).read_text() == "NOTES of the user's", f"{note} of the user's"


def spoil(path: Path, kind: str, outside: Path) -> contextlib.AbstractContextManager[None]:
    """Put something else in the place of a file or folder; a context for what is so for a while only."""
    if kind == "immutable":
        return immutable(path) if path.exists() else contextlib.nullcontext()
    if kind == MISSING:
        foreign_cases.clear(path)
    else:
        path.parent.mkdir(exist_ok=True)
        KINDS[kind](path, outside)
    return contextlib.nullcontext()


def try_one(bench: Bench, command: Command, name: str, item: str, kind: str) -> int:
    """Spoil one thing, type the command, and expect that it is named and all else left as it was."""
    spoilt, outside = bench.lay_out(command, name)
    frozen = spoil(spoilt / item, kind, outside)
    before, run_before = fingerprint(outside), fingerprint(spoilt)
    unread = mark_unread(outside)
    with frozen:
        code, said = bench.call(command, name)
    assert "Traceback" not in said, said
    assert not (read := read_since(unread)), f"{read} outside was read"
    assert fingerprint(outside) == before, "something outside was changed"
    untouched(outside.parent, spoilt, item)
    if code:
        assert named(said, item), f"not named: {said}"
    if command.looks_at == ():
        assert code in (0, 3, 4, 6), f"exit {code}\n{said}"
        assert not code or fingerprint(spoilt) == run_before, "the run was changed"
    elif kind in KINDS and (command.looks_at is None or item in command.looks_at):
        assert code == 4, f"exit {code}\n{said}"
        assert fingerprint(spoilt) == run_before, "the run was changed"
    elif kind in KINDS:
        assert code == 0, said
    assert code in (0, 2, 3, 4, 6) if command.looks_at is not None else code in (0, 2, 4, 6), said
    return code


def named(said: str, item: str) -> bool:
    """Whether the error names what is spoilt, in a line of less than 400 characters."""
    message = next((line for line in said.splitlines() if " error: " in line), "")
    names = {Path(item).name, item.split("/")[0], "folds are not finished"}  # the last one with its number
    return len(message) < 400 and any(name in said for name in names)


def tried(bench: Bench, commands: Mapping[str, Command], number: int, one: tuple[str, str, str]) -> int:
    """Try one; what is wrong says which."""
    name, item, kind = one
    folder = f"{number} {name}"
    try:
        return try_one(bench, commands[name], folder, item, kind)
    except AssertionError as error:
        raise AssertionError(f"{name}: {item} is a {kind}: {error}") from error
    finally:
        shutil.rmtree(bench.directory / folder)


def shortened() -> list[tuple[str, str, str]]:
    """One item or two for each command and kind, another one each time."""
    items = ("fold_1", "fold_1/step-00000001.pt", "report.md", "fold_0/DONE", "plots", "folds.json", "fold_1/LOCK")
    chosen = ("train, resumed", "merge, a run with copies", "merge, a copy", "report", "tensorboard")
    tries = [
        (name, items[(i + 2 * k) % len(items)], kind) for k, kind in enumerate(KINDS) for i, name in enumerate(chosen)
    ]
    given = [("convert", "fold_0", "link to itself elsewhere"), ("split", "rows.parquet", "fifo")]
    return [*tries, *given, ("start from its weights", "fold_0", "link to a file")]


def test_what_is_not_foldwises_is_named_and_left_alone(bench):
    for number, one in enumerate(shortened()):
        assert tried(bench, COMMANDS, number, one) == 4


def test_what_is_read_is_no_link_either(bench):
    """Each command that only reads, on one file through a link that leads to just what should be there."""
    items = ("cv.json", "oof.parquet", "fold_0", "folds.json", "manifest.json", "fold_1/DONE", "rows.parquet")
    for number, name in enumerate(READERS):
        if not name.startswith(("explain", "export")):  # for the battery: they take seconds
            tried(bench, READERS, number, (name, items[number % len(items)], "link to itself elsewhere"))


def test_rows_that_are_missing_are_named_by_all_that_need_them(bench):
    for number, name in enumerate(("report", "verify", "inspect", "predict")):
        tried(bench, {**COMMANDS, **READERS}, number, (name, "rows.parquet", MISSING))


def test_a_run_without_its_mark_is_told_so_by_what_reads_it(bench):
    for number, name in enumerate(("status", "status, finished by none", "predict", "compare")):
        assert tried(bench, READERS, number, (name, "folds.json", MISSING)) == 4


def test_a_file_of_a_run_that_a_command_takes_through_an_option_is_no_link(bench):
    tries = [(name, item, kind) for name, item in (("split", "folds.json"), ("look", "oof.parquet")) for kind in KINDS]
    for number, one in enumerate(tries):
        assert tried(bench, COMMANDS, number, one) == 4


def test_what_may_not_be_replaced_is_named_with_its_step(bench, tmp_path):
    if not can_freeze(tmp_path):
        pytest.skip("files cannot be made immutable here")
    for name, item, said in (
        ("report", "report.md", "the report to run/report.md"),
        ("merge", "oof.parquet", "the out-of-fold predictions to run/oof.parquet"),
        ("train, resumed", "fold_1", "the lock to run/fold_1/LOCK"),
    ):
        spoilt, _ = bench.lay_out(COMMANDS[name], name)
        with immutable(spoilt / item):
            code, message = bench.call(COMMANDS[name], name)
        assert code == 6, message
        assert f"storage error: cannot write {said}: Operation not permitted" in message


def test_the_notes_of_a_user_stay_where_a_run_is_finished_and_merged(bench):
    for name in ("train, resumed", "merge, a run with copies"):
        spoilt, outside = bench.lay_out(COMMANDS[name], name)
        (spoilt / "mine").symlink_to(outside / "folder")
        (spoilt / "fold_1/mine").symlink_to(outside / "file")
        before = fingerprint(outside)
        code, said = bench.call(COMMANDS[name], name)
        assert code == 0, said
        assert (spoilt / "cv.json").exists()
        assert fingerprint(outside) == before
        assert (spoilt / "mine").is_symlink()
        assert (spoilt / "fold_1/mine").is_symlink()
        untouched(outside.parent, spoilt, "none")


def test_a_run_that_is_itself_reached_through_a_link_is_as_good_as_any(bench):
    spoilt, outside = bench.lay_out(COMMANDS["report"], "linked")
    spoilt.rename(outside / "run")
    spoilt.symlink_to(outside / "run")
    assert bench.call(COMMANDS["report"], "linked")[0] == 0
    assert bench.call(COMMANDS["train, merging"], "linked")[0] == 0


@pytest.mark.battery
@pytest.mark.parametrize("which", ["every command", "every reader"])
def test_every_command_on_every_kind(bench, which):
    commands = COMMANDS if which == "every command" else READERS
    kinds = [*KINDS, MISSING, *(["immutable"] if can_freeze(bench.directory) else [])]
    tries = all_tries(commands, bench.base, kinds)
    random.Random(17).shuffle(tries)  # FOLDWISE_BATTERY_F17=500 takes the first ones
    table: Counter[str] = Counter()

    def one(number: int, figures: Counter[str]) -> None:
        name, _, kind = tries[number]
        code = tried(bench, commands, number, tries[number])
        figures[f"exit {code}"] += 1
        table[f"{name} | {kind} | exit {code}"] += 1

    try:
        battery("F17", f"{which}, file and kind", len(tries), one)
    finally:
        print("\n".join(f"F17: {what}: {n}" for what, n in sorted(table.items())), file=sys.__stderr__)


@pytest.mark.battery
def test_a_forked_command_and_a_process_of_its_own_say_the_same(bench):
    """On a sample: exit code, error and what is then in the folder, but for clock times."""
    commands = {**COMMANDS, **READERS}
    tries = random.Random(1).sample(all_tries(commands, bench.base, [*KINDS, MISSING]), 40)

    def one(number: int, figures: Counter[str]) -> None:
        name, item, kind = tries[number]
        found = []
        for forked in (True, False):
            spoilt, outside = bench.lay_out(commands[name], name)
            spoil(spoilt / item, kind, outside)
            code, said = bench.call(commands[name], name, forked)
            errors = [line for line in said.splitlines() if " error: " in line]
            found.append((code, errors, sorted(fingerprint(spoilt))))
            shutil.rmtree(bench.directory / name)
        figures[f"exit {found[0][0]}"] += 1
        assert found[0] == found[1], f"{name}: {item} is a {kind}: {found}"

    battery("F17", "forked, and as processes of their own", len(tries), one)

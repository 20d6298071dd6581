"""Every command of the pages is run or composed, and what is quoted is what is printed.

Commands run in one folder, in the order of the pages, in this process: those of the README, those whose output is
quoted, and those that make or use a named run; all others are composed and checked. To be quick, ``shortened`` cuts
those that train to an epoch of two folds, and the files they name are small samples with the columns of the real ones.
Quoted output is compared with numbers and units masked; error messages must be the same to the letter. The run that
a page shows killed is killed: a process of its own sends itself SIGKILL in fold 2.
"""

import contextlib
import io
import math
import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest
from hydra import compose, initialize_config_dir

import train as script
from tests.pages.reading import BLOCKS, DOCS, PAGES, README, Block, fences, in_chinese
from tests.pages.samples import write_samples
from tests.places import ONE_WHITE_PIXEL, REPOSITORY
from trainer.cli.main import main as foldwise
from trainer.config.compose import composed, to_run_config
from trainer.config.keys import CONF
from trainer.errors import CheckpointError, ConfigError, DataError, FoldwiseError, guarded
from trainer.run.validate import check_config

VARIABLE = re.compile(r"classes: |note: empty text in |.* pp ")  # lines that say what is in the real file
KILLED = "Killed"  # what the shell says of a process that SIGKILL ended
KILLED_CODE = 128 + 9
TRAIN_UNTIL_FOLD_2_IS_SAVED = """
import os, signal, sys
from trainer.store import checkpoints as store

def save_and_die(directory, *arguments):
    save(directory, *arguments)
    if directory.name == "fold_2":
        os.kill(os.getpid(), signal.SIGKILL)

save, store.save = store.save, save_and_die
import train
train.main()
"""
ERRORS: dict[str, type[FoldwiseError]] = {error.kind: error for error in (ConfigError, DataError, CheckpointError)}


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str


COMMANDS = list(dict.fromkeys(command for block in BLOCKS for command in block.commands))
PROGRAM = re.compile(r"(python train\.py|foldwise|sha256sum) ?")
NAMES_A_RUN = re.compile(r"\brun=|\bruns/")
OF_THE_PARTS = re.compile(r"plugins[= ]\[?my_pkg")  # tests/test_parts.py runs these with the page's package


def is_run(block: Block) -> bool:
    """Whether a block is run and not only composed: on the first page, quoted, or what others go on with."""
    return block.page == README or bool(block.quoted) or any(map(NAMES_A_RUN.search, block.commands))


def programs(blocks: list[Block]) -> list[str]:
    """The commands of blocks that are Foldwise's, each once, in their order."""
    found = dict.fromkeys(command for block in blocks for command in block.commands if PROGRAM.match(command))
    return [command for command in found if not OF_THE_PARTS.search(command)]


PYTHON_COMMANDS = programs([block for block in BLOCKS if is_run(block)])
COMPOSED = [command for command in programs(BLOCKS) if command not in PYTHON_COMMANDS and " -m " not in command]
QUOTING = [block for block in BLOCKS if block.quoted and block.commands != ("make test",)]


def expected_code(block: Block) -> int:
    """The exit code that goes with the quoted message, 0 where none is quoted."""
    if KILLED in block.quoted.splitlines():
        return KILLED_CODE
    kind = block.quoted.partition(":")[0]
    return ERRORS[kind].exit_code if kind in ERRORS else 0


KILLED_COMMANDS = [command for block in BLOCKS for command in block.commands if expected_code(block) == KILLED_CODE]


def shortened(arguments: list[str]) -> list[str]:
    """What is appended to a command that trains, less what the page shows of its output."""
    named = any(item.startswith("run=") for item in arguments)  # the page merges all of its folds
    plain = arguments == ["train.py"]  # as it is typed by everybody: audited, compared, profiled
    profiled = plain or "model=text_cnn" in arguments
    few_steps = not profiled and not any(item.startswith("batch_size=") for item in arguments)
    is_teacher = "run=p1" in arguments  # has to be sure of some rows
    return [
        *(f"max_epochs={20 if is_teacher else 1}", "runtime.threads=1"),
        *([] if named else ["cv.n_splits=2", "cv.parallel=1"]),
        *(["data.preprocess.size=32"] if "model=torchvision" in arguments else []),
        *([] if "run=a1" in arguments else ["tracker=none"]),  # its curves are served
        *([] if profiled else ["profile=off"]),
        *([] if plain else ["audit=off", "baseline=off"]),
        *(["batch_size=256"] if few_steps and not is_teacher else []),
    ]


def run_killed(arguments: list[str]) -> Outcome:
    """Run train.py in a process that SIGKILL ends as soon as fold 2 has a checkpoint."""
    line = [sys.executable, "-c", TRAIN_UNTIL_FOLD_2_IS_SAVED, *arguments[1:], *shortened(arguments)]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "PYTHONUNBUFFERED": "1"}
    done = subprocess.run(line, env=environment, capture_output=True, text=True, check=False)
    said = KILLED if done.returncode == -9 else ""
    return Outcome(KILLED_CODE if said else done.returncode, f"{done.stdout}{said}\n", done.stderr)


def run(command: str, monkeypatch: pytest.MonkeyPatch) -> Outcome:
    """Run a command of the page: ``python train.py`` and ``foldwise`` in this process."""
    program, *arguments = shlex.split(command)
    if program == "sha256sum":
        done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
        return Outcome(done.returncode, done.stdout, done.stderr)
    if command in KILLED_COMMANDS:
        return run_killed(arguments)
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        if program == "foldwise":
            code = foldwise(arguments)
        else:
            monkeypatch.setattr(sys, "argv", [*arguments, *shortened(arguments)])
            code = guarded(lambda: composed(script.main, script.check))
    added = "" if program == "foldwise" else " ".join(["", *shortened(arguments)])  # printed in commands to resume
    return Outcome(code, out.getvalue().replace(added, "") if added else out.getvalue(), err.getvalue())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the commands run."""
    path = tmp_path_factory.mktemp("pages")
    write_samples(path)
    module = next(text for language, text in fences(DOCS / "guide/parts.md") if language == "python")
    (path / "my_net.py").write_text(module, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def outcomes(folder: Path) -> dict[str, Outcome]:
    """What every command did, run once in the order of the pages."""
    served: list[list[str]] = []
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.chdir(folder)
        monkeypatch.setenv("COLUMNS", "100")
        serve = SimpleNamespace(run=lambda line, **_: served.append(line))
        monkeypatch.setattr("trainer.cli.tensorboard.subprocess", serve)
        monkeypatch.setattr("trainer.report.plots.png_bytes", lambda figure: ONE_WHITE_PIXEL)  # tests/report draws them
        monkeypatch.setattr("trainer.report.profile_table.UNEVEN", math.inf)  # no word on what else this machine does
        done = {command: run(command, monkeypatch) for command in PYTHON_COMMANDS}
    sys.modules.pop("my_net", None)
    assert [line[line.index("--logdir") + 1] for line in served] == ["runs/a1"]
    assert list((folder / "runs" / "a1").rglob("events.*")) != []
    return done


@pytest.mark.parametrize("command", PYTHON_COMMANDS)
def test_command_ends_as_the_page_says(command: str, outcomes: dict[str, Outcome]) -> None:
    [code] = {expected_code(block) for block in BLOCKS if command in block.commands and is_run(block)}
    assert outcomes[command].code == code, outcomes[command].err


def test_the_python_of_the_first_page_runs(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    [code] = [text for language, text in fences(README) if language == "python"]
    short = code.replace('cv={"n_splits": 5}', 'cv={"n_splits": 2}, max_epochs=1, profile="off", tracker="none"')
    assert short != code
    monkeypatch.chdir(folder)
    monkeypatch.setattr("trainer.report.plots.png_bytes", lambda figure: ONE_WHITE_PIXEL)
    names: dict[str, object] = {}
    exec(short, names)
    assert sorted(set(names["frame"]["fold"])) == [0, 1]


def masked(line: str) -> str:
    """A line with hashes, numbers, units and column widths taken out."""
    line = re.sub(r"\b[0-9a-f]{12,}\b", "#", line)
    line = re.sub(r"[+-]?\d[\d.,]*", "#", line)
    line = re.sub(r"(# min )?# ?(ms|µs|s|h|k|M|G|KiB|MiB|GiB)\b", "#", line)
    return re.sub(r"[\s─━]+", " ", line).strip()


def flowing(text: str) -> str:
    """A text in one line, masked."""
    return masked(" ".join(text.split()))


@pytest.mark.parametrize("block", QUOTING, ids=lambda block: block.commands[-1])
def test_quoted_output_is_what_is_printed(block: Block, outcomes: dict[str, Outcome]) -> None:
    commands = [command for command in block.commands if command in outcomes]
    if block.commands == ("make train",):
        commands = ["python train.py"]
    if expected_code(block) not in (0, KILLED_CODE):
        assert [outcomes[command].err for command in commands] == [block.quoted]
        return
    out = "\n".join(outcomes[command].out for command in commands)
    printed, whole = {masked(line) for line in out.splitlines()}, flowing(out)
    missing = []
    for cut in re.split(r"^\.\.\.$", block.quoted, flags=re.MULTILINE):
        if flowing(cut) not in whole:  # lines break where the numbers let them
            missing += [line for line in cut.splitlines() if masked(line) not in printed and not VARIABLE.match(line)]
    assert missing == []


def test_one_run_is_killed_and_the_same_bytes_come_out_wherever_folds_were_trained(
    outcomes: dict[str, Outcome],
) -> None:
    assert [command.split()[2] for command in KILLED_COMMANDS] == ["run=d1"]
    [command] = [command for command in PYTHON_COMMANDS if command.startswith("sha256sum ")]
    lines = [line.split() for line in outcomes[command].out.splitlines()]
    assert [path for _, path in lines] == [f"runs/{run}/oof.parquet" for run in ("a1", "b1", "d1")]
    assert len({digest for digest, _ in lines}) == 1


def test_the_page_quotes_a_mistake_of_each_kind_that_a_newcomer_makes() -> None:
    kinds = {block.quoted.partition(":")[0] for block in QUOTING}
    assert {"configuration error", "data error"} <= kinds


def make(*arguments: str) -> str:
    """What make would run, as if everything were installed."""
    command = ["make", "--no-print-directory", "-n", "-o", ".venv/.installed", *arguments]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout


PROGRAMS = {
    "train": "train.py",
    "test": "pytest",
    "check": "ruff",
    "format": "ruff",
    "coverage": "--cov",
    "battery": "-m battery",
    "docs": "mkdocs",
}


@pytest.mark.parametrize("command", [command for command in COMMANDS if command.startswith("make ")])
def test_make_target_exists_and_takes_the_arguments(command: str) -> None:
    _, target, *given = shlex.split(command)
    recipe = make(target, *given)
    assert PROGRAMS[target] in recipe
    assert all(item.removeprefix("ARGS=") in recipe for item in given)


def test_the_test_command_is_make_test() -> None:
    quoted = {block.quoted for block in BLOCKS if block.commands == ("make test",)}
    assert len(quoted) == 1
    assert re.fullmatch(r"(\d+) passed(, \d+ skipped)? in .*", quoted.pop().splitlines()[-1])


def test_activation_is_of_the_environment_that_make_creates() -> None:
    [command] = [command for command in COMMANDS if command.startswith("source ")]
    [environment] = re.findall(r"^VENV := (\S+)$", (REPOSITORY / "Makefile").read_text(), re.MULTILINE)
    assert command == f"source {environment}/bin/activate"


def test_completion_script_is_printed_for_bash(tmp_path: Path) -> None:
    [command] = [command for command in COMMANDS if command.startswith("eval ")]
    [inner] = re.findall(r'^eval "\$\(python (train\.py .*)\)"$', command)
    script_name, *arguments = inner.split()
    line = [sys.executable, str(REPOSITORY / script_name), *arguments]
    printed = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert "hydra_bash_completion" in printed
    checked = subprocess.run(["bash", "-n"], input=printed, capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")


DOCKER_RUNS = [command for command in COMMANDS if command.startswith("docker run ")]
DOCKERFILE = (REPOSITORY / "Dockerfile").read_text(encoding="utf-8")


@pytest.mark.parametrize("command", [command for command in COMMANDS if command.startswith("docker build ")])
def test_docker_build_arguments_exist(command: str) -> None:
    words = shlex.split(command)
    given = [words[i + 1].partition("=")[0] for i, word in enumerate(words) if word == "--build-arg"]
    assert set(given) <= set(re.findall(r"^ARG (\w+)", DOCKERFILE, re.MULTILINE))
    assert words[-1] == "."


@pytest.mark.parametrize("command", DOCKER_RUNS)
def test_docker_run_uses_what_the_image_has(
    command: str, folder: Path, outcomes: dict[str, Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert outcomes["foldwise merge runs/a1"].code == 0
    monkeypatch.chdir(folder)
    options, image, rest = re.fullmatch(r"docker run (.*?) (foldwise(?:-apex|:cpu)?) +(.*)", command).groups()
    images = [re.search(r" -t (\S+)", other)[1] for other in COMMANDS if other.startswith("docker build ")]
    assert image in images
    [volume] = re.findall(r"^VOLUME (\S+)$", DOCKERFILE, re.MULTILINE)
    assert f'-v "$PWD/runs:{volume}"' in options
    if "--entrypoint" in options:
        assert rest.startswith("-m trainer ")
        assert run(f"foldwise {rest.removeprefix('-m trainer ')}", monkeypatch).code == 0
        return
    composition = run(f"python train.py --cfg job {rest}", monkeypatch)
    assert composition.code == 0, composition.err
    assert all(item.partition("=")[2] in composition.out for item in rest.split())


def test_every_command_belongs_to_a_test() -> None:
    known = ("python train.py", "foldwise ", "make ", "source ", "eval ", "docker build ", "docker run ", "sha256sum ")
    assert [command for command in COMMANDS if not command.startswith(known)] == ["mkdir -p runs"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_both_languages_have_the_same_commands_outputs_and_code(page: Path) -> None:
    assert fences(page) == fences(in_chinese(page))


@pytest.mark.parametrize("command", [command for command in COMPOSED if command.startswith("python train.py ")])
def test_command_that_is_not_run_is_a_valid_configuration(command: str) -> None:
    own_file = "init.path="
    overrides = [item for item in shlex.split(command)[2:] if not item.startswith(own_file)]
    with initialize_config_dir(str(CONF), version_base="1.3"):
        check_config(to_run_config(compose("config", overrides=overrides), overrides))


def test_no_page_is_forgotten() -> None:
    generated = {
        DOCS / f"{name}.md" for name in ("reference/options", "reference/commands", "reference/looks", "why/preflight")
    }
    written = {page for page in DOCS.rglob("*.md") if "zh" not in page.parts and "record" not in page.parts}
    assert written - generated - {DOCS / "index.md"} == {*PAGES} - {README}

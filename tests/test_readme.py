"""Both READMEs: every command is run, what is quoted is what is printed, nothing is undocumented.

Commands run in one folder, in the order of the page, in this process. To be quick, ``shortened`` cuts those that
train to an epoch of two folds, and the files they name are small samples with the columns of the real ones. Quoted
output is compared with numbers and units masked; error messages must be the same to the letter. The run that the page
shows killed is killed: a process of its own sends itself SIGKILL in fold 2. The commands of docs/ are composed and
checked, not run.
"""

import contextlib
import csv
import io
import os
import re
import shlex
import subprocess
import sys
import zipfile
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import yaml
from hydra import compose, initialize_config_dir
from PIL import Image
from torchvision.models import resnet18

import train as script
from tests.places import REPOSITORY
from tests.transformer_files import save_model
from trainer.cli.main import main as foldwise
from trainer.config.compose import composed, to_run_config
from trainer.config.keys import CONF, flatten
from trainer.config.schema import OPEN_SECTIONS, RunConfig
from trainer.errors import CheckpointError, ConfigError, DataError, FoldwiseError, guarded
from trainer.models.mlp import MLP
from trainer.run.validate import check_config

ROOT = REPOSITORY
DOCS = sorted((ROOT / "docs").glob("*.md"))
PAGES = {"en": ROOT / "README.md", "zh": ROOT / "README.zh-CN.md"}
VARIABLE = re.compile(r"classes: |note: empty text in |.* pp ")  # lines that say what is in the real file
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
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
class Block:
    """A fenced shell block and the output quoted right after it."""

    commands: tuple[str, ...]
    quoted: str


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str


def fences(page: Path) -> list[tuple[str, str]]:
    return FENCE.findall(page.read_text(encoding="utf-8"))


def blocks(page: Path) -> list[Block]:
    found, all_fences = [], fences(page)
    for (language, text), (after, quoted) in zip(all_fences, [*all_fences[1:], ("", "")], strict=True):
        if language == "sh":
            found.append(Block(tuple(lines_of(text)), quoted if after == "text" else ""))
    return found


def lines_of(text: str) -> list[str]:
    """The commands of a shell block; a backslash joins lines."""
    return text.replace("\\\n", " ").strip().splitlines()


BLOCKS = blocks(PAGES["en"])
COMMANDS = [command for block in BLOCKS for command in block.commands]
PYTHON_COMMANDS = [command for command in COMMANDS if re.match(r"(python train\.py|foldwise|sha256sum) ?", command)]
QUOTING = [block for block in BLOCKS if block.quoted and block.commands != ("make test",)]


def expected_code(block: Block) -> int:
    """The exit code that goes with the quoted message, 0 where none is quoted."""
    if KILLED in block.quoted.splitlines():
        return KILLED_CODE
    kind = block.quoted.partition(":")[0]
    return ERRORS[kind].exit_code if kind in ERRORS else 0


KILLED_COMMANDS = [command for block in BLOCKS for command in block.commands if expected_code(block) == KILLED_CODE]


def write_table(path: Path, header: list[str], rows: list[list[object]], encoding: str = "utf-8") -> None:
    with path.open("w", encoding=encoding, newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *rows])


def write_samples(folder: Path) -> None:
    """Write small files of the names and columns that the commands use."""
    random = np.random.default_rng(0)
    numbers = random.normal(size=(80, 6)).round(4).tolist()
    write_table(
        folder / "mammography.csv",
        [*(f"f{i}" for i in range(1, 7)), "label"],
        [[*row, int(i % 5 == 0)] for i, row in enumerate(numbers)],
    )
    texts = [["good phone , works well", "pos"], ["bad screen , I sent it back", "neg"]] * 20
    write_table(folder / "reviews.csv", ["review", "sentiment"], [*texts, ["", "neg"], ["", "neg"]])
    hotel = [["标准间太差 房间还不如3星的", "neg"], ["商务大床房，房间很大，整体感觉不错", "pos"]] * 20
    write_table(folder / "酒店评论.csv", ["text", "label"], hotel, encoding="gb18030")
    labels = random.integers(0, 2, size=(80, 6)).tolist()
    write_table(
        folder / "emotions.csv",
        [*(f"x{i}" for i in range(6)), *(f"label:{name}" for name in "abcdef"), "split"],
        [[*row, *marks, "train"] for row, marks in zip(numbers, labels, strict=True)],
    )
    write_table(folder / "chnsenticorp.csv", ["text", "label", "split"], reviews_with_copies())
    write_table(
        folder / "parkinsons.csv",
        ["PPQ", "DFA", "subject", "label"],
        [[*row[:2], i // 2, int(i % 8 < 2)] for i, row in enumerate(numbers)],
    )
    letters = {f"module.{name}": value for name, value in MLP(64, 26).state_dict().items()}
    torch.save({"epoch": 20, "state_dict": letters}, folder / "letters.pth")
    save_model(folder / "models" / "bert")
    write_photos(folder / "photos.zip")
    torch.save(resnet18(weights=None).state_dict(), folder / "resnet18.pth")
    [code] = [text for language, text in fences(PAGES["en"]) if language == "python"]
    (folder / "my_pkg.py").write_text(code, encoding="utf-8")


def write_photos(path: Path) -> None:
    """Write images of several sizes, in folders and with a stray file as the real ones are."""
    random = np.random.default_rng(0)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("hymenoptera/train/ants/imageNotFound.gif", b"GIF89a")
        for number in range(24):
            part, label = ("train", "val")[number % 3 == 2], ("ants", "bees")[number % 2]
            pixels = random.integers(0, 256, (20 + number, 30, 3), dtype=np.uint8)
            payload = io.BytesIO()
            Image.fromarray(pixels).save(payload, "JPEG")
            archive.writestr(f"hymenoptera/{part}/{label}/{number}.jpg", payload.getvalue())


def reviews_with_copies() -> list[list[object]]:
    """Texts in train, dev and test with all that the audit finds in the real ones, in rows of no order."""
    random = np.random.default_rng(0)
    words = {0: "差 脏 吵 旧 贵 慢 冷 乱", 1: "好 净 静 新 值 快 暖 美"}
    things = "房间 服务 早餐 位置 前台 大堂 价格 设施 环境 交通 电梯 空调 床铺 窗户 浴室 毛巾"

    def text(label: int) -> str:
        return "".join(f"{random.choice(things.split())}{random.choice(words[label].split())}" for _ in range(12))

    labels = [int(label) for label in random.integers(0, 2, size=180)]
    rows: list[list[object]] = [[text(label), label, "train"] for label in labels]
    rows += [["一般般吧还可以", 0, "train"], ["一般般吧还可以", 1, "train"]]
    for side in ("dev", "test"):
        copied = [[*rows[i][:2], side] for i in random.permutation(180)[:20]]
        near = [[f"{rows[i][0]}啊", rows[i][1], side] for i in random.permutation(180)[:3]]
        rows += [*copied, *near, *([text(int(label)), int(label), side] for label in random.integers(0, 2, size=40))]
    return rows


def shortened(arguments: list[str]) -> list[str]:
    """What is appended to a command that trains, less what the page shows of its output."""
    named = any(item.startswith("run=") for item in arguments)  # the page merges all of its folds
    profiled = arguments == ["train.py"] or "model=text_cnn" in arguments
    return [
        *("max_epochs=1", "runtime.threads=1"),
        *([] if named else ["cv.n_splits=2"]),
        *([] if "run=a1" in arguments else ["tracker=none"]),  # its curves are served
        *([] if profiled else ["profile=off"]),
    ]


def run_killed(arguments: list[str]) -> Outcome:
    """Run train.py in a process that SIGKILL ends as soon as fold 2 has a checkpoint."""
    line = [sys.executable, "-c", TRAIN_UNTIL_FOLD_2_IS_SAVED, *arguments[1:], *shortened(arguments)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
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
    """Where the page's commands run."""
    path = tmp_path_factory.mktemp("readme")
    write_samples(path)
    return path


@pytest.fixture(scope="module")
def outcomes(folder: Path) -> dict[str, Outcome]:
    """What every Python command of the page did, run once in the page's order."""
    served: list[list[str]] = []
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.chdir(folder)
        monkeypatch.setenv("COLUMNS", "100")
        serve = SimpleNamespace(run=lambda line, **_: served.append(line))
        monkeypatch.setattr("trainer.cli.tensorboard.subprocess", serve)
        done = {command: run(command, monkeypatch) for command in PYTHON_COMMANDS}
    sys.modules.pop("my_pkg", None)
    assert [line[line.index("--logdir") + 1] for line in served] == ["runs/a1"]
    assert list((folder / "runs" / "a1").rglob("events.*")) != []
    return done


@pytest.mark.parametrize("command", PYTHON_COMMANDS)
def test_command_ends_as_the_page_says(command: str, outcomes: dict[str, Outcome]) -> None:
    [code] = {expected_code(block) for block in BLOCKS if command in block.commands}
    assert outcomes[command].code == code, outcomes[command].err


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
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


PROGRAMS = {
    "train": "train.py",
    "test": "pytest",
    "check": "ruff",
    "format": "ruff",
    "coverage": "--cov",
    "battery": "-m battery",
}


@pytest.mark.parametrize("command", [command for command in COMMANDS if command.startswith("make ")])
def test_make_target_exists_and_takes_the_arguments(command: str) -> None:
    _, target, *given = shlex.split(command)
    recipe = make(target, *given)
    assert PROGRAMS[target] in recipe
    assert all(item.removeprefix("ARGS=") in recipe for item in given)


def test_the_test_command_is_make_test() -> None:
    [block] = [block for block in BLOCKS if block.commands == ("make test",)]
    assert re.fullmatch(r"(\d+) passed(, \d+ skipped)? in .*", block.quoted.splitlines()[-1])


def test_activation_is_of_the_environment_that_make_creates() -> None:
    [command] = [command for command in COMMANDS if command.startswith("source ")]
    [environment] = re.findall(r"^VENV := (\S+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert command == f"source {environment}/bin/activate"


def test_completion_script_is_printed_for_bash(tmp_path: Path) -> None:
    [command] = [command for command in COMMANDS if command.startswith("eval ")]
    [inner] = re.findall(r'^eval "\$\(python (train\.py .*)\)"$', command)
    script_name, *arguments = inner.split()
    line = [sys.executable, str(ROOT / script_name), *arguments]
    printed = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert "hydra_bash_completion" in printed
    checked = subprocess.run(["bash", "-n"], input=printed, capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")


DOCKER_RUNS = [command for command in COMMANDS if command.startswith("docker run ")]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")


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
    options, image, rest = re.fullmatch(r"docker run (.*?) (foldwise(?:-apex)?) +(.*)", command).groups()
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


def test_both_pages_have_the_same_commands_outputs_and_code() -> None:
    assert fences(PAGES["en"]) == fences(PAGES["zh"])


def table_rows(page: Path) -> list[list[str]]:
    lines = page.read_text(encoding="utf-8").splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]


def documented_defaults(page: Path) -> dict[str, str]:
    """Default by key, from the tables whose first two cells are a key and a value."""
    return {
        row[0].strip("`"): row[1] for row in table_rows(page) if re.fullmatch(r"`[\w.]+`", row[0]) and len(row) == 3
    }


def schema_defaults() -> dict[str, object]:
    defaults = {}
    for field in fields(RunConfig):
        value = getattr(RunConfig(), field.name)
        if field.name in OPEN_SECTIONS:
            continue
        defaults |= {field.name: value} if not is_dataclass(value) else leaves(value, f"{field.name}.")
    return defaults


def leaves(section: object, prefix: str) -> dict[str, object]:
    """Every key of a section and of the sections in it, dotted, with its default."""
    found = {}
    for field in fields(section):
        value = getattr(section, field.name)
        found |= leaves(value, f"{prefix}{field.name}.") if is_dataclass(value) else {f"{prefix}{field.name}": value}
    return found


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES.keys())
@pytest.mark.parametrize(("key", "default"), schema_defaults().items())
def test_key_is_documented_with_its_default(page: Path, key: str, default: object) -> None:
    documented = documented_defaults(page)[key]
    assert yaml.safe_load(documented.strip("`")) == default


def open_options() -> list[tuple[str, object]]:
    """Every option of the reader's own data and of the models and losses, with its default."""
    own_data = [path for path in CONF.glob("data/*.yaml") if "path: ???" in path.read_text(encoding="utf-8")]
    own_data.append(CONF / "data" / "_columns.yaml")  # what they have in common
    paths = [*own_data, *CONF.glob("data/preprocess/*.yaml"), *CONF.glob("model/*.yaml"), *CONF.glob("loss/*.yaml")]
    options = []
    for path in paths:
        section = yaml.safe_load(path.read_text(encoding="utf-8"))
        if "_columns" in section.pop("defaults", []):
            section |= yaml.safe_load((CONF / "data" / "_columns.yaml").read_text(encoding="utf-8"))
        place = path.parent.relative_to(CONF)
        values = (
            section.get(place.name, section) if "@package _global_" in path.read_text(encoding="utf-8") else section
        )
        flat = flatten(values, f"{place.as_posix().replace('/', '.')}.")
        options += [(key, default) for key, default in flat.items() if not key.endswith("_target_")]
    return options


def documented_options(page: Path) -> list[tuple[str, str]]:
    """Key and default from the tables with four columns: the key is in the first or the second, the default third."""
    found = []
    for row in table_rows(page):
        keys = [cell.strip("`") for cell in row[:2] if re.fullmatch(r"`(data|model|loss)\.[\w.]+`", cell)]
        if len(row) == 4 and keys:
            found.append((keys[0], row[2]))
    return found


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES.keys())
def test_options_of_data_model_and_loss_are_documented_with_their_defaults(page: Path) -> None:
    documented = [
        (key, yaml.safe_load(cell.strip("`")) if cell.startswith("`") else "???")
        for key, cell in documented_options(page)
    ]
    options = open_options()
    assert [option for option in documented if option not in options] == []  # all of them: docs/reference/options.md


DOCS_COMMANDS = [
    command
    for page in DOCS
    for language, text in fences(page)
    if language == "sh"
    for command in lines_of(text)
    if command.startswith("python train.py ") and " -m " not in command
    if "plugins=[my_pkg]" not in command  # tests/test_parts.py runs these with the page's package
]


@pytest.mark.parametrize("command", DOCS_COMMANDS)
def test_command_of_another_page_is_a_valid_configuration(command: str) -> None:
    own_file = "init.path="
    overrides = [item for item in shlex.split(command)[2:] if not item.startswith(own_file)]
    with initialize_config_dir(str(CONF), version_base="1.3"):
        check_config(to_run_config(compose("config", overrides=overrides), overrides))


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", [*PAGES.values(), *DOCS], ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)]+)\)", page.read_text(encoding="utf-8"))
    for target in [target for target in targets if not target.startswith("http")]:
        name, _, anchor = target.partition("#")
        file = page.parent / name if name else page
        assert file.is_file(), target
        assert not anchor or anchor in anchors(file), target

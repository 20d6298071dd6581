"""Command lines as a person may type them: every option at the edges of its type, two at once, and at random."""

import json
import random
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import numpy as np
import yaml

from tests.faults.harness import write_texts
from tests.picture_files import write_pictures
from tests.transformer_files import save_model
from trainer.config.bounds import options_of
from trainer.config.keys import CONF, flatten
from trainer.config.schema import LISTED_SECTIONS, OPEN_SECTIONS, RunConfig

SMALL = """\
# @package _global_
defaults:
  - override /data: iris
  - override /tracker: none
  - override /profile: 'off'
max_epochs: 1
batch_size: 64
audit: 'off'
preflight: off
cv: {n_splits: 2, parallel: 1}
"""
BASE = ("--config-dir", "own", "experiment=small")
TABLE = ("model.hidden=[4]",)
CSV = ("data=csv_tabular", "data.path=rows.csv", *TABLE)
TEXT = ("data=csv_text", "data.path=texts.csv", "model=text_cnn", "model.embedding_dim=4", "model.filters=2")
RNN = (*TEXT[:2], "model=rnn", "model.embedding_dim=4", "model.hidden=4")
WORDS = (*TEXT[:2], "model=transformer", "model.pretrained=bert")
PICTURES = ("data=image_folder", "data.path=pictures", "model=image_cnn", "model.widths=[2]")
LISTED = ("data=image_csv", "data.path=pictures.csv", "data.images=pictures", *PICTURES[2:])
ARRAYS = ("data=image_arrays", "data.path=arrays.npz", *PICTURES[2:])
NETWORK = (*PICTURES[:2], "cv.fold=0", "data.preprocess.size=32")

WITH = {  # what goes with a choice of a group, where it is not the small table
    "data=csv_tabular": CSV,
    "data=csv_text": TEXT,
    "data=image_arrays": ARRAYS,
    "data=image_csv": LISTED,
    "data=image_folder": PICTURES,
    "data/preprocess=characters": (*TEXT, "data/preprocess=characters"),
    "data/preprocess=images": PICTURES,
    "data/preprocess=tokenizer": WORDS,
    "data/preprocess=vocabulary": TEXT,
    "loss=bce": ("loss=bce", "data=breast_cancer", *TABLE),
    "loss=huber": ("loss=huber", "data=diabetes", *TABLE),
    "loss=mae": ("loss=mae", "data=diabetes", *TABLE),
    "loss=mse": ("loss=mse", "data=diabetes", *TABLE),
    "model=image_cnn": PICTURES,
    "model=mlp": TABLE,
    "model=rnn": RNN,
    "model=text_cnn": TEXT,
    "model=timm": (*NETWORK, "model=timm"),
    "model=torchvision": (*NETWORK, "model=torchvision"),
    "model=transformer": WORDS,
}
LONG = ("max_epochs", "cv.repeats")  # what may rightly take for ever is only looked at: profile.only=true

WHOLE = ("-1", "0", "1", "2", "1000", str(2**31), str(2**32), str(2**63 - 1), str(2**63), str(2**70), "-" + str(2**70))
REAL = ("0.0", "-0.0", "0.5", "1.5", "1e-320", "1e39", "1e400", "-1e400", "nan", "inf", "-inf")
TYPED = ("", "''", "' '", "null", "true", "off", "word", "1e", "0x10", "1_000", "2026-11-28", "12:30:00", "a b", "a,b")
NESTED = ("[]", "[1]", "[0.9]", "[a]", "[null]", "[[1]]", "[1,2,3]", "{}", "{a:1}", "{a:{b:[1]}}", "[{a:1}]", "{1:2}")
LETTERS = (
    "数据",
    "ü",
    "é",
    "🌱",
    "x" * 3000,
    "'a\\'b'",
    "../x",
    "/dev/null/x",
    "~",
    "a=b",
    "\\",
    "$",
    "％",
    "１",
    "[b]",
    "'\x1b[31m'",
)
REFERRING = ("${seed}", "${nowhere}", "${oc.env:FOLDWISE_NOT_SET}", "${oc.env:", "???", "${model}", "${now:%Y}", "${}")
UNREADABLE = ("[", "]", "{", "{a", "'", '"', "[1", ":", ",", "#", "%", "@", "*", "!", "&a", "*a", "|", ">", "`")
EDGES = (*WHOLE, *REAL, *TYPED, *NESTED, *LETTERS, *REFERRING, *UNREADABLE)
OFTEN = (*WHOLE, *REAL, "''", "null", "true", "word", *NESTED[:6], "{a:1}", "数据", "x" * 3000, "${seed}", "${nowhere}")
FORMS = ("~{key}", "+{key}=1", "++{key}=1", "{key}", "{key}==1", "~{key}=1", "{key}.x=1", "+{key}.x=1", " {key} = 1")
GROUP_FORMS = ("{group}={choice}x", "{group}=null", "{group}=[{choice}]", "{group}=[{choice},x]", "~{group}")
GROUP_FORMS += ("+{group}={choice}", "{group}=", "{group}={choice}.yaml", "{group}/x={choice}", "{group}@x={choice}")
GROUP_FORMS += ("{group}={choice}/x", "{group}=../{group}/{choice}", "{group}._target_=os.system", "{group}=5")
GROUP_FORMS += ("{group}._target_=null", "{group}._target_=[a]", "{group}._target_=torch.nn.Linear", "{group}={{a:1}}")
FLAGS = ("-m", "--multirun", "--cfg=job", "--cfg=hydra", "--resolve", "--config-name=x", "--config-dir=absent", "-x")
FLAGS += ("--info", "--package=x", "--help", "--", "-", "", " ", "=", "==", "=1", "~", "+", "a", "5", "-1", "a.b.c=1")


def write_inputs(directory: Path) -> None:
    """Write the small data sets and the small experiment that the command lines name."""
    (directory / "own/experiment").mkdir(parents=True)
    (directory / "own/experiment/small.yaml").write_text(SMALL, encoding="utf-8")
    write_data(directory)
    save_model(directory / "bert")


def write_data(directory: Path) -> None:
    """Write the small data sets."""
    write_texts(directory / "texts.csv", 48)
    write_pictures(directory / "pictures", 8)
    names = [path.relative_to(directory / "pictures") for path in sorted(directory.glob("pictures/*/*.png"))]
    (directory / "pictures.csv").write_text("file,label\n" + "".join(f"{name},{name.parent}\n" for name in names))
    drawn = random.Random(0)
    np.savez(
        directory / "arrays.npz", images=(np.arange(1024) % 256).astype(np.uint8).reshape(16, 8, 8), labels=[0, 1] * 8
    )
    rows = [f"{drawn.random():.3f},{drawn.choice('uv')},{row % 8},{row},{row % 2}\n" for row in range(48)]
    (directory / "rows.csv").write_text("size,kind,part,day,label\n" + "".join(rows))


@cache
def options() -> list[tuple[str, tuple[str, ...]]]:
    """Return every option of the schema and of conf/, each with what has to stand before it."""
    open_keys = (*OPEN_SECTIONS, *LISTED_SECTIONS)
    found = [(option.key, TABLE) for option in options_of(RunConfig) if option.key not in open_keys]
    for group in ("data", "data/preprocess", *OPEN_SECTIONS[1:]):
        for path in sorted((CONF / group).glob("[!_]*.yaml")):
            choice = f"{group}={path.stem}"
            for key in _keys(path, group):
                found.append((f"{group.replace('/', '.')}.{key}", WITH.get(choice, (choice, *TABLE))))
    return list(dict.fromkeys(found))


def _keys(path: Path, group: str) -> Iterator[str]:
    written = yaml.safe_load(path.read_text(encoding="utf-8"))
    if "_columns" in str(written.get("defaults")):
        written |= yaml.safe_load((CONF / "data/_columns.yaml").read_text(encoding="utf-8"))
    yield from (key for key in flatten(written.get(group, written)) if key not in ("_target_", "defaults"))


@cache
def groups() -> list[tuple[str, str]]:
    """Return every choice of every group."""
    files = sorted(CONF.rglob("*/[!_]*.yaml"))
    return [(path.parent.relative_to(CONF).as_posix(), path.stem) for path in files]


def one_option() -> list[tuple[str, ...]]:
    """Return the command lines with one option at an edge, in another form, or of another choice; flags too."""
    lines = [(*before, f"{key}={edge}") for key, before in options() for edge in EDGES]
    lines += [(*before, form.format(key=key)) for key, before in options() for form in FORMS]
    lines += [(form.format(group=group, choice=choice),) for group, choice in groups() for form in GROUP_FORMS]
    lines += [(*TABLE, flag) for flag in FLAGS]
    return [_complete(line) for line in lines]


def two_options(drawn: random.Random) -> tuple[str, ...]:
    """Draw a command line with two options of one part of a run, each at an edge."""
    found = options()
    key, before = drawn.choice(found)
    other = drawn.choice([one for one, needed in found if needed in (before, TABLE)])
    return _complete((*before, f"{key}={drawn.choice(OFTEN)}", f"{other}={drawn.choice(OFTEN)}"))


def at_random(drawn: random.Random) -> tuple[str, ...]:
    """Draw a command line of some choices, options, forms and flags; some are cut, doubled or mistyped."""
    found, choices = options(), groups()
    line: list[str] = list(TABLE) if drawn.random() < 0.5 else []
    for group, choice in drawn.sample(choices, drawn.randint(0, 3)):
        line += WITH.get(f"{group}={choice}", (f"{group}={choice}",))
    for key, _ in drawn.sample(found, drawn.randint(1, 4)):
        line.append(f"{key}={drawn.choice(EDGES)}" if drawn.random() < 0.8 else drawn.choice(FORMS).format(key=key))
    if drawn.random() < 0.2:
        line.insert(drawn.randint(0, len(line)), drawn.choice(FLAGS))
    if drawn.random() < 0.3:
        place = drawn.randrange(len(line))
        line[place] = _mistyped(line[place], drawn)
    return _complete(line)


def _mistyped(word: str, drawn: random.Random) -> str:
    place = drawn.randint(0, len(word))
    put = drawn.choice(("", drawn.choice("=.,'\"[]{}~+:/ ＝＂“”，。０\t\n"), word[place : place + 3]))
    return word[:place] + put + word[place + drawn.randint(0, 1) :]


def _complete(line: Sequence[str]) -> tuple[str, ...]:
    endless = any(item.lstrip("+ ").startswith(tuple(f"{key}=" for key in LONG)) for item in line)
    return (*BASE, *line, *(["profile.only=true", "profile.enabled=true"] if endless else []))


def shown(line: Sequence[str]) -> str:
    """Return a command line for a message."""
    return json.dumps(
        [item if len(item) < 100 else f"{item[:60]}...({len(item)})" for item in line], ensure_ascii=False
    )

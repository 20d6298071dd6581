"""Command lines of ``foldwise``'s commands as a person may type them, and the folder that they are typed in."""

import random
import shutil
from collections.abc import Sequence
from pathlib import Path

import pyarrow.csv
import pyarrow.parquet
import torch
from safetensors.torch import save_file
from typer.main import get_command

from tests.faults.command_lines import LETTERS, REAL, TYPED, WHOLE, write_data
from trainer.cli.main import COMMANDS, application

NAMES = tuple(command.__name__ for command, _ in COMMANDS)
PLACES = ("rows.csv", "texts.csv", "pictures.csv", "rows.parquet", "rows.jsonl", "pictures", "pictures.zip", "runs/a1")
PLACES += ("weights.pth", "weights.safetensors", "folds.json", "empty.csv", "header.csv", "bytes.bin", "latin.csv")
PLACES += ("absent.csv", "absent/x.csv", ".", "..", "/dev/null", "rows.csv/x", "runs", "dangling", "", "~", "-")
PLACES += (
    "x\0y",
    "http://example.org/rows.csv",
    "y" * 300,
    "runs/a1/manifest.json",
    "数据.csv",
    "[b].csv",
    "rows.csv ",
)
OUTS = ("out.csv", "out.json", "folds.json", "out/folds.csv", "new/folds.json", "out.npz", "splits_final.json", "out")
OUTS += (
    "datalist.json",
    "out.pth",
    "out.safetensors",
    "rows.csv",
    "pictures",
    "dangling",
    "",
    ".",
    "/dev/full",
    "y" * 300,
)
COLUMNS = (
    "label",
    "size",
    "kind",
    "part",
    "day",
    "text",
    "file",
    "id",
    "Label",
    "lable",
    "label:*",
    "*",
    "",
    " ",
    "size,day",
)
WORDS = ("binary", "regression", "multiclass", "multilabel", "join", "refuse", "apart", "none", "first")
WORDS += ("merge", "allow", "stratified", "group", "time", "holdout", "predefined", "keep_in_train", "utf-8")
WORDS += ("gb18030", "utf-16", "tab", ";", "legacy", "safetensors", "zip", "nowhere.Splitter", "os.system")
WORDS += ("data.csv_text", "label=x", "--", "a,b")
NUMBERS = ("2", "3", "5", "10", "100", *WHOLE, *REAL)
ODD = (*TYPED, *LETTERS, "\x1b[31m", "a\nb", "\udcff")


def write_folder(directory: Path) -> None:
    """Write what the command lines name: small, of every kind, and not all of it as it should be."""
    directory.mkdir()
    write_data(directory)
    table = pyarrow.csv.read_csv(directory / "rows.csv")
    pyarrow.parquet.write_table(table, directory / "rows.parquet")
    lines = [str(row).replace("'", '"') for row in table.to_pylist()]
    (directory / "rows.jsonl").write_text("\n".join(lines) + "\n")
    shutil.make_archive(str(directory / "pictures"), "zip", directory / "pictures")
    weights = {"a.weight": torch.zeros(2, 3), "a.bias": torch.ones(2)}
    torch.save(weights, directory / "weights.pth")
    save_file(weights, directory / "weights.safetensors")
    (directory / "folds.json").write_text('{"folds": []}')
    (directory / "empty.csv").touch()
    (directory / "header.csv").write_text("size,label\n")
    (directory / "bytes.bin").write_bytes(bytes(range(256)) * 4)
    (directory / "latin.csv").write_bytes("größe,label\n1,ä\n2,b\n".encode("latin-1"))
    (directory / "数据.csv").write_text("大小,label\n" + "".join(f"{row},{'甲乙'[row % 2]}\n" for row in range(20)))
    (directory / "[b].csv").write_text("size,label\n" + "".join(f"{row},{row % 2}\n" for row in range(20)))
    (directory / "dangling").symlink_to("nowhere")
    (directory / "runs/a1").mkdir(parents=True)
    (directory / "runs/a1/manifest.json").write_text("{}")


def command_line(drawn: random.Random, name: str) -> list[str]:
    """Draw a command line of one command: its arguments and some of its options, here and there mistyped."""
    parameters = get_command(application()).commands[name].params
    arguments = [one for one in parameters if one.param_type_name == "argument"]
    options = [one for one in parameters if one.param_type_name == "option" and one.name != "help"]
    line = [word for one in arguments for word in _argument(drawn, one)]
    if "label" in {one.name for one in options} and drawn.random() < 0.95:
        line += ["--label", "label" if drawn.random() < 0.95 else drawn.choice(COLUMNS)]
    for option in drawn.sample(options, min(len(options), drawn.choice((0, 0, 0, 0, 1, 1, 2, 4)))):
        line += _option(drawn, option)
    if drawn.random() < 0.05:
        line.insert(drawn.randint(0, len(line)), drawn.choice((*ODD, "--x", "-x", "--", "-h", "--version", "rows.csv")))
    return line


def _argument(drawn: random.Random, argument) -> Sequence[str]:
    if drawn.random() < 0.03:
        return []
    if argument.name == "target":
        return [drawn.choice(OUTS)]
    usual = {"IN": PLACES[8:10], "RUN": PLACES[7:8], "DIR": PLACES[7:8]}.get(argument.metavar, PLACES[:7])
    return [drawn.choice(usual if drawn.random() < 0.8 else PLACES)]


def _option(drawn: random.Random, option) -> Sequence[str]:
    flag = option.opts[0] if drawn.random() < 0.97 else option.opts[0][:-1]
    if option.is_flag or drawn.random() < 0.02:
        return [flag]
    value = drawn.choice(_values(option)) if drawn.random() < 0.9 else drawn.choice(ODD)
    return [f"{flag}={value}"] if drawn.random() < 0.1 else [flag, value]


def _values(option) -> Sequence[str]:
    if option.name == "out":
        return OUTS
    if option.type_descriptor.annotation in (int, float):
        return NUMBERS
    named = {
        "COL": COLUMNS,
        "NAME": (*PLACES, *WORDS),
        "DIR|ZIP": PLACES,
        "PACKAGE": ("os", "nowhere", "../x", "a.b", "trainer"),
    }
    return named.get(option.metavar, WORDS)

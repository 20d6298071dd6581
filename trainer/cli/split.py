"""A split without a run: ``foldwise split FILE`` shows it, and writes it in the format of this or another tool."""

import re
import shlex
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from trainer.config.overrides import quoted
from trainer.config.schema import RARE_POLICIES
from trainer.data.columns.options import ColumnOptions
from trainer.data.columns.spellings import CHOICES as SPELLINGS
from trainer.data.readers.csv_form import QUOTES
from trainer.data.samples import DataSpec, Samples
from trainer.data.sources.csv_tabular import load_csv_tabular
from trainer.data.sources.csv_text import load_csv_text
from trainer.errors import ConfigError, FoldwiseError
from trainer.folds.io.split_files import NAMES, given_folds, require_replaceable, write_split
from trainer.folds.plan import FoldPlan, make_folds, strategies, strategy_module
from trainer.folds.request import SplitOptions
from trainer.report.split_table import describe_split, show
from trainer.report.terminal import terminal
from trainer.tasks import Task

WRITTEN = ("quote", "header", "spellings", "missing_labels")  # how the table is written
LOADING = ("label", "id", "group", "time", "split", "weight", "label_delimiter", "encoding", "delimiter", *WRITTEN)
UTF_8 = ("encoding", "utf-8")
DESCRIPTION = f"""Split the rows of a table into folds, show what the folds look like, and write them to a file.

Without --cv the columns decide: --split or --path give the folds, --time splits by time, --group keeps groups
together (stratified_group); else stratified, or multilabel for several labels per row.
Strategies: {", ".join(strategies())}."""
EXAMPLES = f"""examples:
  foldwise split reviews.csv --label sentiment --text review --out folds.csv
  foldwise split subjects.csv --label label --group subject --n-splits 5 --out splits_final.json
  foldwise split music.csv --label 'label:*' --cv multilabel --repeats 3 --out folds.npz
  foldwise split sales.csv --label churn --time day --cv time --gap 7

The name of --out says the format: {NAMES}.
To train on it: python train.py data=csv_tabular data.path=FILE ... cv=predefined cv.path=NAME"""


def add_split(commands: Any) -> None:
    """Add the subcommand to those of the command line."""
    parser: ArgumentParser = commands.add_parser(
        "split",
        help="split a table into folds without training: show them, write them to a file",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=RawDescriptionHelpFormatter,
    )
    add_columns(parser)
    how = parser.add_argument_group("how to split")
    how.add_argument("--path", metavar="NAME", help="file of folds made elsewhere, instead of --split")
    how.add_argument("--cv", metavar="STRATEGY", help="default: by the columns given, see above")
    how.add_argument("--n-splits", type=int, metavar="K", help="folds (default: 5)", default=5)
    how.add_argument("--repeats", type=int, metavar="R", help="split so often, each time again (default: 1)", default=1)
    how.add_argument(
        "--seed", type=int, metavar="S", help="of the shuffle, as cv.random_state (default: 42)", default=42
    )
    how.add_argument("--no-shuffle", action="store_true", help="keep the order of the rows")
    how.add_argument("--rare", choices=RARE_POLICIES, default="refuse", help="classes with fewer rows than folds")
    how.add_argument("--gap", type=int, metavar="T", default=0, help="times left out before the held-out part (time)")
    how.add_argument("--window", type=int, metavar="T", help="most times to train on (time); default: all before")
    how.add_argument("--holdout-fraction", type=float, metavar="F", default=0.2, help="share held out (default: 0.2)")
    parser.add_argument("--out", type=Path, metavar="NAME", help="file to write the folds to")
    parser.set_defaults(run=run_split)


def add_columns(parser: ArgumentParser, *, label_required: bool = True) -> None:
    """Add FILE and the options that say what its columns are."""
    parser.add_argument("file", metavar="FILE", help=".csv .tsv .txt .parquet .jsonl .ndjson")
    columns = parser.add_argument_group("columns (repeat --label, --text and --drop for several)")
    for name, what in (
        ("label", "one column, or several of 0/1; * stands for any text"),
        ("text", "text; without it every column without another role is a feature"),
        ("drop", "column to leave out"),
    ):
        required = label_required and name == "label"
        columns.add_argument(f"--{name}", action="append", metavar="COL", help=what, required=required)
    for name, what in (
        ("group", "rows that belong together"),
        ("time", "a number, a date or an ISO time"),
        ("split", "the fold of each row, or train and test"),
        ("id", "unique row names; default: row numbers from 0"),
        ("weight", "sample weights, no feature"),
    ):
        columns.add_argument(f"--{name}", metavar="COL", help=what)
    columns.add_argument("--label-delimiter", metavar="C", help="between the labels of one cell, such as |")
    columns.add_argument("--encoding", default="utf-8", help="of FILE (default: utf-8)")
    columns.add_argument("--delimiter", metavar="C", help="between cells; default: by the file's ending")
    columns.add_argument("--quote", choices=QUOTES, help="none: a double quote is a plain character")
    columns.add_argument("--header", help="first, none, or the names with commas between; default: first, if it may be")
    columns.add_argument("--spellings", choices=SPELLINGS, help="of one label, group or id in two writings")
    columns.add_argument("--missing-labels", action="append", metavar="WORD", help="means no label (repeatable)")


def run_split(parsed: Namespace) -> None:
    """Split, print, and write what ``--out`` names.

    Raises:
        FoldwiseError: anything a user can cause, in the words of this command line.
    """
    with named_as_flags():
        _require_other_file(parsed)
        samples, spec = load(parsed)
        if parsed.out is not None:
            require_replaceable(parsed.out, samples.ids_N)
        plan = split(parsed, samples, spec)
    console = terminal()
    for note in spec.notes:
        console.print(f"note: {note}", highlight=False, soft_wrap=True)
    report = describe_split(plan, samples, spec)
    show({**report, "notes": [as_flags(note) for note in report["notes"]]}, console)
    if parsed.out is not None:
        write_split(parsed.out, plan, samples.ids_N)
        console.print(f"written: {parsed.out}", highlight=False, soft_wrap=True)
        console.print(f"train on it: {training_command(parsed, spec)}", highlight=False, soft_wrap=True)


def load(parsed: Namespace) -> tuple[Samples, DataSpec]:
    """Read the table.

    Raises:
        DataError: the file, or a row of it, cannot be used.
        ConfigError: the options contradict each other.
    """
    columns = columns_of(parsed)
    if parsed.text is None:
        return load_csv_tabular(parsed.file, columns, drop=parsed.drop or ())
    if parsed.drop:
        raise ConfigError("--drop has no effect with --text: only the text is read")
    return load_csv_text(parsed.file, columns, text=parsed.text)


def columns_of(parsed: Namespace) -> ColumnOptions:
    """Return what the command line says of the columns."""
    given = {name: getattr(parsed, name) for name in LOADING if getattr(parsed, name) is not None}
    if "," in given.get("header", ""):
        given["header"] = given["header"].split(",")
    return ColumnOptions(**given)


def split(parsed: Namespace, samples: Samples, spec: DataSpec) -> FoldPlan:
    """Split the rows as the command line says.

    Raises:
        ConfigError: the options contradict each other or the data.
        DataError: the rows cannot be split so.
    """
    if parsed.n_splits < 2 or parsed.repeats < 1 or parsed.seed < 0:
        raise ConfigError("cv.n_splits must be at least 2, cv.repeats at least 1, cv.random_state at least 0")
    given = given_folds(parsed.path, samples.ids_N, samples.split_N, f"{parsed.file}: column '{parsed.split}'")
    strategy = parsed.cv or _by_columns(samples, spec.task, given is not None)
    return make_folds(
        strategy,
        samples.target,
        ids_N=samples.ids_N,
        groups_N=samples.groups_N,
        classes=spec.classes,
        n_splits=parsed.n_splits,
        repeats=parsed.repeats,
        shuffle=strategy_module(strategy).SHUFFLE != "no" and not parsed.no_shuffle,
        random_state=parsed.seed,
        times_N=samples.times_N,
        predefined=given,
        options=SplitOptions(parsed.rare, parsed.gap, parsed.window, parsed.holdout_fraction),
    )


def _require_other_file(parsed: Namespace) -> None:
    out, file = parsed.out, Path(parsed.file)
    if out is not None and out.exists() and file.exists() and out.samefile(file):
        raise ConfigError(f"--out {out} is the file that is split: write the folds to another name")


def _by_columns(samples: Samples, task: Task, given: bool) -> str:
    if given:
        return "predefined"
    if samples.times_N is not None:
        return "time"
    return task.stratified if samples.groups_N is None else task.grouped


def training_command(parsed: Namespace, spec: DataSpec) -> str:
    """Return the command that trains on the file that was written."""
    source = "csv_tabular" if parsed.text is None else "csv_text"
    values = {"path": parsed.file, **{name: getattr(parsed, name) for name in (*LOADING, "text", "drop")}}
    values["header"] = columns_of(parsed).header
    used = values.pop("split")  # no feature; the file that is written says the same
    if used and parsed.text is None:
        values["drop"] = [*(parsed.drop or ()), used]
    given = [f"data.{name}={_value(value)}" for name, value in values.items() if value and (name, value) != UTF_8]
    model = [] if parsed.text is None else ["model=text_cnn"]
    loss = [spec.task.first_loss] if spec.task.first_loss else []
    items = [f"data={source}", *given, *model, *loss, "cv=predefined", f"cv.path={_value(str(parsed.out))}"]
    return " ".join(["python train.py", *(_shell(item) for item in items)])


def _value(value: str | list[str]) -> str:
    """Write a value for Hydra, quoted where its grammar would read more than a word."""
    if isinstance(value, list):
        return _value(value[0]) if len(value) == 1 else f"[{','.join(map(_value, value))}]"
    return quoted(value)


def _shell(item: str) -> str:
    plain = re.fullmatch(r"[\w./=,-]+", item, re.ASCII) is not None
    return item if plain else shlex.quote(item) if re.search(r'[$`"\\!]', item) else f'"{item}"'


@contextmanager
def named_as_flags() -> Iterator[None]:
    """Let errors speak of the options of this command line."""
    try:
        yield
    except FoldwiseError as error:
        raise type(error)(as_flags(str(error))) from error


def as_flags(text: str) -> str:
    """Say options as they are typed here: ``--group COL`` for ``data.group=COL``, ``--cv time`` for ``cv=time``."""
    for there, here in (("random_state", "seed"), ("strategy", "cv"), ("shuffle=false", "no_shuffle")):
        text = text.replace(f"cv.{there}", f"cv.{here}")
    text = text.replace(" (or cv.group)", "").replace(", or add it to data.missing if it means no value", "")
    text = text.replace("data.categorical=", "data.drop=")  # what this command line has
    text = re.sub(r"""\"(data\.[a-z_]+=)\[?('.*?')\]?\"|(data\.[a-z_]+=)\[([\w.:-]+)\]""", r"\1\2\3\4", text)
    text = re.sub(r"(?:\bset )?\bdata\.id=null\b", "leave --id out", text)
    text = re.sub(r"\bcv=", "--cv ", text)
    return re.sub(r"\b(?:cv|data)\.([a-z_]+)(=?)", lambda m: f"--{m[1].replace('_', '-')}{' ' if m[2] else ''}", text)

"""What ``foldwise split`` does: read a table, split it, show the folds, write them, say how to train on them."""

from dataclasses import dataclass
from pathlib import Path

from trainer.audit.describe_split import describe_split
from trainer.cli.columns import given_columns
from trainer.cli.flags import as_flags, named_as_flags
from trainer.config.bounds import bound_problems
from trainer.config.cv import CvConfig
from trainer.config.help import REPOSITORY_DOOR
from trainer.config.overrides import command, written
from trainer.data.columns.options import LISTS_OF_ONE, ColumnOptions
from trainer.data.readers.contract import NONE
from trainer.data.samples import DataSpec, Samples
from trainer.data.sources.csv_tabular import load_csv_tabular
from trainer.data.sources.csv_text import load_csv_text
from trainer.errors import ConfigError
from trainer.folds.io.split_files import given_folds, require_replaceable, write_split
from trainer.folds.plan import FoldPlan, make_folds, strategy_module
from trainer.folds.request import SplitOptions
from trainer.report.split_table import show
from trainer.report.terminal import terminal
from trainer.tasks import Task


@dataclass(frozen=True)
class Table:
    """The table that is split.

    Attributes:
        file: its path.
        columns: its columns.
        text: columns with text; None = a table of features.
        drop: columns left out.
    """

    file: str
    columns: ColumnOptions
    text: list[str] | None
    drop: list[str] | None


@dataclass(frozen=True)
class Splitting:
    """How it is split.

    Attributes:
        path: file of folds made elsewhere.
        strategy: None = by the columns that are given.
        n_splits: folds.
        repeats: splits of all rows.
        seed: of the shuffle.
        shuffle: whether the rows are shuffled, where the strategy does.
        options: settings of single strategies.
    """

    path: str | None
    strategy: str | None
    n_splits: int
    repeats: int
    seed: int
    shuffle: bool
    options: SplitOptions


def split_file(table: Table, how: Splitting, out: Path | None) -> None:
    """Split, print, and write what ``out`` names.

    Raises:
        FoldwiseError: anything a user can cause, in the words of this command line.
    """
    with named_as_flags():
        _check(how)
        _require_other_file(table.file, out)
        samples, spec = load(table)
        if out is not None:
            require_replaceable(out, samples.ids_N)
        plan = split(how, samples, spec, f"{table.file}: column '{table.columns.split}'")
    console = terminal()
    for note in spec.notes:
        console.print(f"note: {note}", highlight=False, soft_wrap=True)
    report = describe_split(plan, samples, spec)
    show({**report, "notes": [as_flags(note) for note in report["notes"]]}, console)
    if out is not None:
        write_split(out, plan, samples.ids_N)
        console.print(f"written: {out}", highlight=False, soft_wrap=True)
        has_split = samples.split_N is not None and table.columns.split is None
        console.print(
            f"train on it: {training_command(table, out, spec, has_split=has_split)}", highlight=False, soft_wrap=True
        )


def _check(how: Splitting) -> None:
    """Refuse what a run would refuse too, before the table is read."""
    section = CvConfig(
        strategy=how.strategy or CvConfig.strategy,
        n_splits=how.n_splits,
        repeats=how.repeats,
        random_state=how.seed,
        **vars(how.options),
    )
    problems = bound_problems(section, "cv.")
    if problems:
        raise ConfigError.from_problems(problems)


def load(table: Table) -> tuple[Samples, DataSpec]:
    """Read the table.

    Raises:
        DataError: the file, or a row of it, cannot be used.
        ConfigError: the options contradict each other.
    """
    if table.text is None:
        return load_csv_tabular(table.file, table.columns, drop=table.drop or ())
    if table.drop:
        raise ConfigError("--drop has no effect with --text: only the text is read")
    return load_csv_text(table.file, table.columns, text=table.text)


def split(how: Splitting, samples: Samples, spec: DataSpec, given_as: str) -> FoldPlan:
    """Split the rows as the command line says.

    Args:
        how: the command line.
        samples: the rows.
        spec: of the data.
        given_as: what the given folds are called in messages.

    Raises:
        ConfigError: the options contradict each other or the data.
        DataError: the rows cannot be split so.
    """
    given = given_folds(how.path, samples.ids_N, samples.split_N, given_as)
    strategy = how.strategy or _by_columns(samples, spec.task, given is not None)
    return make_folds(
        strategy,
        samples.target,
        ids_N=samples.ids_N,
        groups_N=samples.groups_N,
        classes=spec.classes,
        n_splits=how.n_splits,
        repeats=how.repeats,
        shuffle=strategy_module(strategy).SHUFFLE != "no" and how.shuffle,
        random_state=how.seed,
        times_N=samples.times_N,
        predefined=given,
        options=how.options,
    )


def _require_other_file(file: str, out: Path | None) -> None:
    if out is not None and out.exists() and Path(file).exists() and out.samefile(file):
        raise ConfigError(f"--out {out} is the file that is split: write the folds to another name")


def _by_columns(samples: Samples, task: Task, given: bool) -> str:
    if given:
        return "predefined"
    if samples.times_N is not None:
        return "time"
    return task.stratified if samples.groups_N is None else task.grouped


def training_command(table: Table, out: Path, spec: DataSpec, *, has_split: bool = False) -> str:
    """Return the command that trains on the file that was written.

    Args:
        table: that was split.
        out: the file.
        spec: of the data.
        has_split: whether its format knows a split, which would be used too.
    """
    source = "csv_tabular" if table.text is None else "csv_text"
    set_columns = given_columns(table.columns)
    values = {"path": table.file, **{name: getattr(table.columns, name) for name in set_columns}}
    values |= {"text": table.text, "drop": table.drop}
    used = values.pop("split", None)  # no feature; the file that is written says the same
    if used == NONE or has_split:
        values["split"] = NONE
    elif used and table.text is None:
        values["drop"] = [*(table.drop or ()), used]
    given = [f"data.{name}={written(value, in_list=name in LISTS_OF_ONE)}" for name, value in values.items() if value]
    model = [] if table.text is None else ["model=text_cnn"]
    loss = [spec.task.first_loss] if spec.task.first_loss else []
    items = [f"data={source}", *given, *model, *loss, "cv=predefined", f"cv.path={written(str(out))}"]
    return command(REPOSITORY_DOOR, items)

"""``foldwise predict``: new rows through the folds of a run."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trainer.cli.flags import named_as_flags
from trainer.errors import ConfigError
from trainer.system.paths import PathText

if TYPE_CHECKING:
    from rich.console import Console

    from trainer.inference.predict import Outcome

EXAMPLES = """\b
Examples:
  foldwise predict runs/a1 test.csv -o out.csv
  foldwise predict runs/a1 test.csv -o out.parquet --folds 0,2 --average logits
  foldwise predict runs/a1 test.csv -o mine.csv --submission sample_submission.csv
  foldwise predict runs/a1 photos/ -o out.csv --skip-broken
  foldwise predict runs/a1 today.csv -o out.csv --drift drift.html"""
Run = Annotated[Path, typer.Argument(metavar="RUN", help="run directory, such as runs/a1")]
Folds = Annotated[str | None, typer.Option(metavar="0,2", help="folds to take, by number; default: all of them")]
Device = Annotated[
    str | None, typer.Option(metavar="cpu|cuda", help="where to compute; default: as the run was configured")
]
Plugins = Annotated[
    list[str] | None,
    typer.Option(metavar="PACKAGE", help="package of yours that the run's classes are from; repeat for several"),
]


Data = Annotated[PathText, typer.Argument(metavar="DATA", help="table, folder or .zip with the new rows")]
Output = Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="to write: .csv, .tsv or .parquet")]
Model = Annotated[
    str | None, typer.Option(metavar="all", help="predict with the one model of cv.fold=all, in place of the folds")
]
Average = Annotated[
    str, typer.Option(metavar="proba|logits|ranks", help="what is averaged over the folds; ranks adds columns")
]
BatchSize = Annotated[int | None, typer.Option(min=1, metavar="N", help="rows of one forward pass")]
Submission = Annotated[
    Path | None, typer.Option(metavar="FILE", help="a competition's sample file: its columns, order and ids are filled")
]
Fill = Annotated[
    str | None,
    typer.Option(
        metavar="label|proba",
        help="what is written into it; default: as its own cells are, proba in a column per class",
    ),
]
Id = Annotated[
    str | None,
    typer.Option("--id", metavar="COL", help="column with the ids; none = row numbers"),
]
ImageFile = Annotated[
    str | None, typer.Option("--file", metavar="COL", help="column of DATA that names the image files")
]
Images = Annotated[
    PathText | None, typer.Option(metavar="DIR|ZIP", help="where these images are; default: where DATA is")
]
Encoding = Annotated[str | None, typer.Option(metavar="NAME", help="of DATA; default: as the run's table")]
Delimiter = Annotated[str | None, typer.Option(metavar="CHAR", help="of DATA; default: as the run's table")]
SkipBroken = Annotated[
    bool, typer.Option("--skip-broken", help="write rows without a prediction for images that cannot be read")
]

Drift = Annotated[
    Path | None, typer.Option(metavar="FILE", help="page (.html) to write: how DATA differs from the training rows")
]
Adversarial = Annotated[
    bool,
    typer.Option("--adversarial", help="how well a classifier tells DATA from the training rows, and by which columns"),
]
Raw = Annotated[bool, typer.Option("--raw", help="without what foldwise decide has kept with the run")]


def predict(
    directory: Run,
    data: Data,
    *,
    output: Output,
    folds: Folds = None,
    model: Model = None,
    average: Average = "proba",
    device: Device = None,
    batch_size: BatchSize = None,
    submission: Submission = None,
    fill: Fill = None,
    id_column: Id = None,
    image_file: ImageFile = None,
    images: Images = None,
    encoding: Encoding = None,
    delimiter: Delimiter = None,
    skip_broken: SkipBroken = False,
    raw: Raw = False,
    drift: Drift = None,
    adversarial: Adversarial = False,
    plugins: Plugins = None,
) -> None:
    """Predict new rows with the folds of a run: id, prediction, probabilities, spread between folds, entropy.

    Columns are found by the run's names; ones it does not use do no harm. Where the label is among them the scores are
    printed. Columns whose values are not like those of the training rows are named.
    """
    from trainer.inference.new_rows import Asked
    from trainer.report.terminal import terminal
    from trainer.store.own_files import is_blend
    from trainer.system import interrupts
    from trainer.trackers.console import progress_on

    console = terminal()
    how: dict[str, Any] = {"device": device, "batch_size": batch_size, "plugins": plugins or []}
    with interrupts.handled(), interrupts.deferred():
        if is_blend(directory):
            _require_plain(directory, folds, model, average)
            predict_rows, by = _of_blend(directory, **how, raw=raw)
        else:
            predict_rows, by = _of_run(directory, chosen_models(folds, model), average, **how, raw=raw)
        asked = Asked(id_column, image_file, images, encoding, delimiter, skip_broken, adversarial=adversarial)
        with named_as_flags():
            outcome = predict_rows(
                data, output, asked=asked, submission=submission, fill=fill, drift=drift, track=progress_on(console)
            )
    show_outcome(outcome, f"{output}: {outcome.n_rows} rows, by {by}", console)


def _of_run(
    directory: Path, chosen: Sequence[int | str] | None, average: str, **how: Any
) -> tuple[Callable[..., "Outcome"], str]:
    """Return what predicts rows with the folds of a run, and what it is called."""
    from trainer.inference.predict import predict_to_file
    from trainer.inference.predictor import open_predictor
    from trainer.report.formatting import folds_named

    predictor = open_predictor(directory, folds=chosen, **how)
    by = f"{folds_named([one.name for one in predictor.models])} of {directory}"
    return partial(predict_to_file, predictor, average=average), by


def _of_blend(directory: Path, *, raw: bool, **how: Any) -> tuple[Callable[..., "Outcome"], str]:
    """Return what predicts rows with the runs of a blend, and what they are called."""
    from trainer.inference.predict_blend import Models, predict_blend_to_file

    return partial(predict_blend_to_file, directory, models=Models(**how), raw=raw), f"the runs of {directory}"


def _require_plain(directory: Path, folds: str | None, model: str | None, average: str) -> None:
    if folds or model or average != "proba":
        raise ConfigError(f"{directory} is a blend: its runs predict with all their folds, by their probabilities")


def show_outcome(outcome: "Outcome", line: str, console: "Console") -> None:
    """Print notes, scores where rows had a label, and what was written."""
    from trainer.report.formatting import metric_label, number
    from trainer.report.terminal import line_printer, show_notes

    show_notes(outcome.notes, console)
    print_line = line_printer(console)
    if outcome.scores:
        scores = "  ".join(f"{metric_label(name)} {number(value)}" for name, value in outcome.scores.items())
        print_line(f"scores of {outcome.n_scored} rows with a label: {scores}")
    print_line(line)


def chosen_models(folds: str | None, model: str | None) -> Sequence[int | str] | None:
    """Return the folds to predict with, or the one model of all rows.

    Raises:
        ConfigError: both are given, or another word than ``all``.
    """
    if model is None:
        return fold_numbers(folds)
    if model != "all" or folds is not None:
        raise ConfigError(f"--model {model}: only all is one, and it goes without --folds")
    return ["all"]


def fold_numbers(folds: str | None) -> Sequence[int] | None:
    """Return the numbers in ``0,2``; None where none are given.

    Raises:
        ConfigError: it is something else.
    """
    if folds is None:
        return None
    try:
        return [int(part) for part in folds.split(",")]
    except ValueError as error:
        raise ConfigError(f"--folds {folds}: give numbers of folds, such as 0,2") from error

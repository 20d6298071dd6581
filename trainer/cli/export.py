"""``foldwise export``: a run as a folder that predicts without Foldwise."""

from pathlib import Path
from typing import Annotated

import typer

from trainer.cli.predict import Plugins, Run
from trainer.errors import ConfigError
from trainer.system.paths import PathText

EXAMPLES = """\b
Examples:
  foldwise export runs/a1 -o model
  foldwise export runs/a1 -o model --mode fold=0
  foldwise export runs/a1 -o model --format torch --legacy"""
Output = Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="to write: a new folder, or an empty one")]
Format = Annotated[str, typer.Option("--format", metavar="onnx|torch|safetensors|hf", help="of the model")]
Legacy = Annotated[
    bool, typer.Option("--legacy", help="of --format torch: pickled as before torch 1.6, for an old reader")
]
Mode = Annotated[
    str,
    typer.Option(
        metavar="ensemble|soup|all|fold=N",
        help="mean of all folds, or of their weights, the model of cv.fold=all, or one fold",
    ),
]
Half = Annotated[bool, typer.Option("--half", help="of --format onnx: in half precision, with what that costs")]
Int8 = Annotated[bool, typer.Option("--int8", help="of --format onnx: weights in 8 bits, with what that costs")]
Data = Annotated[
    PathText | None, typer.Option(metavar="PATH", help="where the run's data is now; default: where it was")
]


def export(
    directory: Run,
    *,
    output: Output,
    form: Format = "onnx",
    mode: Mode = "ensemble",
    legacy: Legacy = False,
    half: Half = False,
    int8: Int8 = False,
    data: Data = None,
    plugins: Plugins = None,
) -> None:
    """Export a run as a folder: the model with its preprocessing, label map and decision, predict.py, a model card.

    predict.py needs numpy and onnxruntime (or torch) only, and writes what foldwise predict writes. The model is
    compared with torch on rows of the run before the folder appears.
    """
    from trainer.inference.export.blended import export as export_any
    from trainer.report.terminal import line_printer, terminal

    if half and int8:
        raise ConfigError("--half and --int8 exclude each other: give one of them")
    reduce = "half" if half else "int8" if int8 else None
    places = {} if data is None else {"path": data}
    done = export_any(
        directory, output, form=form, mode=mode, legacy=legacy, reduce=reduce, places=places, plugins=plugins or []
    )
    print_line = line_printer(terminal())
    print_line(f"{output}: {done.line}")

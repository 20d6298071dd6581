"""``foldwise convert``: a file of weights in another format."""

from pathlib import Path
from typing import Annotated, Literal

import typer

Source = Annotated[Path, typer.Argument(metavar="IN", help=".pt .pth .bin .ckpt or .safetensors, any format")]
Target = Annotated[Path, typer.Argument(metavar="OUT")]
Format = Annotated[Literal["zip", "legacy", "safetensors"], typer.Option("--format", help="of OUT")]


def convert(source: Source, target: Target, *, file_format: Format = "zip") -> None:
    """Write weights in another format, proved to be the same."""
    from trainer.weights.file_formats import convert

    print("\n".join(convert(source, target, file_format)))

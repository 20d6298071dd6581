"""Find the reader of a file: by the format that a person names, else by its ending and what it begins with."""

from collections.abc import Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import cast

from trainer.data.columns.options import ColumnOptions
from trainer.data.readers.contract import FORM, HEAD_BYTES, Reader
from trainer.errors import ConfigError, DataError, did_you_mean

PICKLES = (".pkl", ".pickle", ".p", ".joblib")

OF_PROGRAMS = {  # what is refused, and how it is written as something that is read
    "R": (
        (".rds", ".rdata", ".rda"),
        "in R run arrow::write_parquet(x, 'x.parquet') or write.csv(x, 'x.csv', row.names = FALSE)",
    ),
    "SAS": ((".sas7bdat", ".xpt"), "export it as CSV, or as .sav"),
    "LibreOffice": ((".ods",), "save it as .xlsx"),
    "NumPy": (
        (".npy", ".npz"),
        "images in arrays: data=image_arrays; other arrays are given from Python: fw.cross_validate((X, y))",
    ),
    "Excel before 2007": ((".xls",), "open it in Excel or LibreOffice, and save it as .xlsx"),
    "7-Zip or RAR": ((".7z", ".rar"), "unpack it, or pack the table as .zip"),
}


@cache
def readers() -> dict[str, Reader]:
    """Return the readers by the name of their format, which is that of their file."""
    folder = Path(__file__).parent / "formats"
    names = sorted(path.stem for path in folder.glob("*.py") if not path.stem.startswith("_"))
    return {name: cast(Reader, import_module(f"trainer.data.readers.formats.{name}")) for name in names}


def name_of(reader: Reader) -> str:
    """Return the name of a reader's format, as ``data.format`` has it."""
    return next(name for name, one in readers().items() if one is reader)


@cache
def endings() -> tuple[str, ...]:
    """Return the endings of all files that can be read."""
    return tuple(dict.fromkeys(ending for reader in readers().values() for ending in reader.ENDINGS))


def find_reader(path: Path, columns: ColumnOptions) -> Reader:
    """Return the reader of a file or folder.

    Args:
        path: of the file.
        columns: with ``format``, and options on how it is written.

    Raises:
        DataError: no reader is for it, several may be, or it is another format than its ending says.
        ConfigError: there is no such format, or it does not heed an option that is given.
    """
    name = columns.format or _find(path)
    if name not in readers():
        raise ConfigError(f"data.format={name}: no such format{did_you_mean(name, list(readers()))}")
    _refuse_unused(path, readers()[name], columns)
    return readers()[name]


def _find(path: Path) -> str:
    head = read_head(path)
    ending = path.suffix.lower()
    usual = [name for name, reader in readers().items() if ending in reader.ENDINGS]
    likely = [name for name, reader in readers().items() if ending in (*reader.ENDINGS, *reader.ALSO)]
    certain = [name for name in likely or readers() if readers()[name].recognizes(path, head)]
    if len(certain) > 1:
        formats = " or ".join(f"data.format={name}" for name in certain)
        raise DataError(f"{path}: may be {' or '.join(readers()[name].NAME for name in certain)}: set {formats}")
    if certain:
        return certain[0]
    for name in _begins_like(head, but=likely):
        raise DataError(
            f"{path}: this is {readers()[name].NAME}, which its ending does not say: rename it to end in "
            f"{readers()[name].ENDINGS[0]}, or set data.format={name}"
        )
    if path.suffix.lower() in PICKLES:
        raise DataError(
            f"{path}: pickle files are never read: what is in one may run any code; write the table as Parquet"
        )
    for program, (its_endings, advice) in OF_PROGRAMS.items():
        if not usual and ending in its_endings:
            raise DataError(f"{path}: a file of {program}, which is not read: {advice}")
    if not usual:
        raise DataError(
            f"{path}: tables end in {' '.join(endings())}, not '{path.suffix}'\n"
            f"data.format=NAME says what it is: {', '.join(readers())}"
        )
    return usual[0]


def is_format_of_folders(folder: Path) -> bool:
    """Return whether a reader takes a folder as a whole, as those of Parquet's parts."""
    return bool(formats_of_folder(folder))


def formats_of_folder(folder: Path) -> list[str]:
    """Return the formats whose readers take a folder as a whole."""
    return [name for name, reader in readers().items() if reader.recognizes(folder, b"")]


def _begins_like(head: bytes, but: Sequence[str]) -> list[str]:
    """Return the readers, except some, whose files alone begin so."""
    others = {name: reader for name, reader in readers().items() if name not in but and reader.MAGIC}
    return [name for name, reader in others.items() if head.startswith(reader.MAGIC)]


def read_head(path: Path) -> bytes:
    """Return what a file begins with; nothing of a folder.

    Raises:
        DataError: it cannot be read.
    """
    if path.is_dir():
        return b""
    try:
        with path.open("rb") as file:
            return file.read(HEAD_BYTES)
    except (OSError, ValueError) as problem:
        raise DataError(f"{path}: cannot be read ({problem})") from problem


def _refuse_unused(path: Path, reader: Reader, columns: ColumnOptions) -> None:
    default = ColumnOptions()
    given = [name for name in FORM if getattr(columns, name) != getattr(default, name)]
    unused = [name for name in given if name not in reader.USES]
    if unused:
        raise ConfigError(f"data.{unused[0]} has no effect on {path}: {reader.NAME} has no such thing; leave it out")

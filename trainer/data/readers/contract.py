"""What a file format's reader is, and what it returns."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa

from trainer.data.columns.options import ColumnOptions
from trainer.data.samples import SparseColumns

HEAD_BYTES = 1 << 16  # of a file, by which its format is recognized
FORM = ("encoding", "delimiter", "quote", "header", "table")  # options on how a file is written

MAY_BE_NONE = ("id", "group", "time", "split", "weight")  # roles that a format may know of
NONE = "none"


@dataclass(frozen=True)
class OpenTable:
    """A table that was read.

    Attributes:
        rows: at least one, columns with unique names.
        delimiter: between cells; empty where the file has none.
        notes: what a person should know about it.
        known: what the format says of its columns, by field of ``ColumnOptions``: ``{"label": ["a", "b"]}``; and as
            ``categorical`` which are categories, though they may look like numbers.
        folder: that the table is in, in the archive that it was unpacked from.
        sparse: features that are no columns of ``rows``, since there are many and most of them are zero.
        first_index: the number that columns f0, f1, ... count from where the format has only what is not zero, so that
            a column that no row has is one of zeros; else None.
        has_header: whether the first line has the names of the columns, in a file of lines.
        kind: of file, for people: the ``NAME`` of its reader.
    """

    rows: pa.Table
    delimiter: str = ""
    notes: tuple[str, ...] = ()
    known: Mapping[str, Any] = field(default_factory=dict)
    folder: str = ""
    sparse: SparseColumns | None = None
    first_index: int | None = None
    has_header: bool = True
    kind: str = ""

    def complete(self, columns: ColumnOptions) -> ColumnOptions:
        """Return the options with what the format knows, where a person has left them as they are.

        Example:
            >>> import pyarrow as pa
            >>> opened = OpenTable(pa.table({"a": [1], "kind": ["x"]}), known={"label": "kind"})
            >>> opened.complete(ColumnOptions()).label, opened.complete(ColumnOptions(label="a")).label
            ('kind', 'a')
        """
        default = ColumnOptions()
        declined = self.declined(columns)
        fields = default.__dataclass_fields__.keys() - set(declined)
        said = {name: value for name, value in self.known.items() if name in fields}
        unset: dict[str, Any] = {
            name: value for name, value in said.items() if getattr(columns, name) == getattr(default, name)
        }
        if "label" in unset and default.label in self.rows.column_names:
            del unset["label"]
        return replace(columns, **{**dict.fromkeys(declined), **unset})

    def declined(self, columns: ColumnOptions) -> list[str]:
        """Return the fields that a person sets to ``none``: no such column, whatever the format knows."""
        return [name for name in MAY_BE_NONE if getattr(columns, name) == NONE and NONE not in self.rows.column_names]


@dataclass(frozen=True)
class Wanted:
    """What is asked of a table that is read block by block.

    Attributes:
        names: columns that may be asked for; others need not be read.
        numbers: those that hold plain numbers, which may be read as such where all their cells are.
        missing: what their cells hold where they mean no value, besides nothing.
    """

    names: frozenset[str]
    numbers: frozenset[str] = frozenset()
    missing: tuple[str, ...] = ()


@dataclass(frozen=True)
class TableBlocks:
    """A table that is read block by block.

    Attributes:
        names: of its columns.
        n_rows: of them; None = not known before all are read.
        read: returns a new iterator over its rows, of the columns that were wanted, maybe of others too.
        notes: what a person should know about it; whole when all rows are read.
        opened: the whole table, where it is in memory.
        n_about: how many rows there may be, where they are not known: by the first ones and the file's size.
    """

    names: tuple[str, ...]
    n_rows: int | None
    read: Callable[[], Iterator[pa.Table]]
    notes: Sequence[str] = ()
    opened: OpenTable | None = None
    n_about: int | None = None


class Reader(Protocol):
    """A module of ``trainer/data/readers/formats``: one file format.

    It may also have ``beside(name, others)``, which returns those of the other files of a folder that are read together
    with one (all by name): of an archive they are unpacked too. And ``read_blocks(path, columns, wanted, n_rows)``,
    which returns the same rows as ``read``, at most so many at a time, as ``TableBlocks``; None where the file has to
    be read whole. And ``read_columns(path, columns)``, which returns the same rows as ``read`` in a ``LazyTable``.

    Attributes:
        NAME: of such a file, for people: "a Parquet file".
        ENDINGS: of file names, in small letters: what has one is read by this reader, unless another is certain that
            it is its own. No two readers have one ending.
        ALSO: endings of other readers, under which files of this format come too.
        MAGIC: what such files, and no others, begin with.
        USES: which of ``FORM`` it heeds; giving another one is refused.
    """

    NAME: str
    ENDINGS: tuple[str, ...]
    ALSO: tuple[str, ...]
    MAGIC: tuple[bytes, ...]
    USES: frozenset[str]

    def recognizes(self, path: Path, head: bytes) -> bool:
        """Return whether a file is of this format for certain, by its name and the bytes it begins with.

        Of a folder there are no bytes. A plain format, such as CSV, is certain of nothing.
        """

    def read(self, path: Path, columns: ColumnOptions) -> OpenTable:
        """Return the rows.

        Raises:
            DataError: it cannot be read; names the file, and the row where there is one.
            ConfigError: the options are not usable.
        """

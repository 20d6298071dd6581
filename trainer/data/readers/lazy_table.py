"""A table of which a column is read when it is asked for: all of them need not fit in memory at once."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from trainer.system.arrow_files import Column


class LazyTable:
    """Looks like a ``pyarrow.Table`` to whoever takes its columns one by one.

    Args:
        columns: by name, what reads each.
        n_rows: of every column.
    """

    def __init__(self, columns: Mapping[str, Callable[[], Column]], n_rows: int) -> None:
        self._columns = dict(columns)
        self.num_rows = n_rows

    @property
    def column_names(self) -> list[str]:
        """Names in the order of the file."""
        return list(self._columns)

    @property
    def num_columns(self) -> int:
        """How many columns there are."""
        return len(self._columns)

    def __iter__(self) -> Iterator[str]:
        return iter(self.column_names)

    def __getitem__(self, name: str) -> Column:
        """Read a column."""
        return self._columns[name]()

    def pop(self, name: str, /) -> Column:
        """Read a column that is not asked for again."""
        return self._columns.pop(name)()

    def drop_columns(self, names: str | Sequence[str]) -> "LazyTable":
        """Return the table without these columns."""
        dropped = [names] if isinstance(names, str) else names
        return LazyTable({name: read for name, read in self._columns.items() if name not in dropped}, self.num_rows)

    def append_column(self, name: str, cells: Column) -> "LazyTable":
        """Return the table with a further column, which is in memory."""
        return LazyTable({**self._columns, name: lambda: cells}, self.num_rows)

    def set_column(self, place: int, name: str, cells: Column) -> "LazyTable":
        """Return the table with another column, which is in memory, in the place of one."""
        names = self.column_names
        names[place] = name
        return LazyTable(
            dict(zip(names, [*self._columns.values()], strict=True)) | {name: lambda: cells}, self.num_rows
        )

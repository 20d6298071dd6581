"""Find columns by name, give each one role, and read its cells as text."""

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from trainer.data.columns.options import Names
from trainer.errors import ConfigError, DataError, shown
from trainer.system.arrow_files import Column, as_numpy
from trainer.system.spellings import spelling_key
from trainer.wording.lists import first_few
from trainer.wording.translations import _

NO_NAME = ("none", "nan", "nil", "false", "no")  # of a column: meant as null
PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]*")


def find_columns(wanted: Names | None, have: Sequence[str], file: Path | str, option: str) -> tuple[str, ...]:
    """Return the columns named, in the order named; ``*`` in a name stands for any text.

    Args:
        wanted: one name, several, or None for none.
        have: the column names of the file.
        file: named in messages.
        option: what the user set, such as ``data.label``.

    Raises:
        DataError: a column is missing.
    """
    if wanted is None:
        return ()
    found: list[str] = []
    for name in map(str, [wanted] if isinstance(wanted, str | int) else wanted):  # YAML: a column named 7
        if name in have:
            matches = [name]
        elif "*" in name:
            pattern = name.replace("[", "[[]")
            matches = [column for column in have if fnmatchcase(column, pattern)]
        else:
            matches = []
        if not matches:
            raise _missing(name, have, file, option)
        found += [column for column in matches if column not in found]
    return tuple(found)


def check_roles(roles: Mapping[str, Sequence[str]]) -> None:
    """Refuse a column that two options name.

    Args:
        roles: column names by option, such as ``{"data.label": ("y",), "data.numeric": ("a", "b")}``.

    Raises:
        ConfigError: names the column and both options.
    """
    owner: dict[str, str] = {}
    problems = []
    for option, names in roles.items():
        for name in names:
            if name in owner:
                problems.append(f"column '{name}' is both {owner[name]} and {option}: a column has one role")
            owner[name] = option
    if problems:
        raise ConfigError.from_problems(problems)


def text_cells(table: pa.Table, name: str, file: Path | str) -> Column:
    """Return a column as text, missing cells as null; whole numbers are written without a fraction.

    Raises:
        DataError: the column holds lists, objects or other things that are not one value per cell.
    """
    column: Column = table[name]
    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return column
    if pa.types.is_nested(kind) or pa.types.is_binary(kind):
        raise DataError(f"{file}: column '{name}' holds {kind} values: it must have one value per cell")
    if pa.types.is_floating(kind):
        column = pc.if_else(pc.is_nan(column), None, column)
        column = pc.cast(column, pa.int64()) if _all_whole(column) else column
    return pc.cast(column, pa.string())


def _all_whole(column: Column) -> bool:
    is_whole = pc.equal(column, pc.floor(column))
    is_exact = pc.less(pc.abs(column), pa.scalar(2.0**53))
    return bool(pc.all(pc.and_(is_whole, is_exact)).as_py())


def is_blank(cells: Column) -> NDArray[np.bool_]:
    """Return (N,) whether a text cell is null, empty or only white space."""
    lengths = pc.binary_length(pc.utf8_trim_whitespace(cells))  # a comparison with a word would import pandas
    return np.asarray(as_numpy(pc.fill_null(lengths, 0) if lengths.null_count else lengths) == 0)


def rows_listed(wrong: NDArray[np.bool_], first_row: int = 0) -> str:
    """Name the rows where ``wrong`` (N,) holds: ``"3 rows (4, 9, 17)"``, at most five, from 1 if the first is row 0."""
    rows = np.flatnonzero(wrong) + first_row + 1
    if len(rows) == 1:
        return f"row {rows[0]}"
    return f"{len(rows)} rows ({first_few(rows.tolist(), rest=', ...')})"


def setting(option: str, value: str, in_list: bool = False) -> str:
    """Write an override as it must be typed in a shell, quoted where the name is not plain."""
    if in_list:
        return settings(option, [value])
    override = f"{option}={_typed(value)}"
    return override if PLAIN_NAME.fullmatch(value) else f'"{override}"'


def settings(option: str, values: Sequence[str]) -> str:
    """Write an override with a list of names as it must be typed in a shell."""
    override = f"{option}=[{','.join(map(_typed, values))}]"
    return override if all(map(PLAIN_NAME.fullmatch, values)) else f'"{override}"'


def _typed(value: str) -> str:
    return value if PLAIN_NAME.fullmatch(value) else "'" + value.replace("'", "\\'") + "'"


def _missing(name: str, have: Sequence[str], file: Path | str, option: str) -> DataError:
    folded = {spelling_key(column): column for column in have}
    near = get_close_matches(spelling_key(name), folded, n=1, cutoff=0.6)
    columns = shown(", ".join(map(repr, have)), 200)
    said = _("{file}: no column '{name}' ({option})\nhave: {columns}")
    said = said.format(file=file, name=name, option=option, columns=columns)
    if option == "data.label" and "test" in re.split(r"[\W_]+", Path(file).stem.lower()):
        return DataError(f"{said}\nis it a test file, which has no labels? train on the file that has them")
    if len(have) == 1 and name in have[0].split():
        return DataError(f"{said}\nspaces are between the cells: set \"data.delimiter=' '\"")
    if name.lower() in NO_NAME:
        return DataError(f"{said}\nfor no such column set {option}=null")
    if not near:
        return DataError(said)
    said = _("{file}: no column '{name}' ({option}): did you mean '{close}'? set {setting}\nhave: {columns}")
    close = folded[near[0]]
    fields = {"name": name, "option": option, "close": close, "setting": setting(option, close), "columns": columns}
    return DataError(said.format(file=file, **fields))

import shlex

import numpy as np
import pyarrow as pa
import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from trainer.data.columns.roles import check_roles, find_columns, rows_listed, setting, text_cells
from trainer.errors import ConfigError, DataError
from trainer.system import mapped_arrays
from trainer.system.arrow_files import as_words

HAVE = ["id", "label:red", "label:blue", "x [mm]", "a*b", "7", " Label "]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (None, ()),
        ("id", ("id",)),
        (["7", "id"], ("7", "id")),
        (7, ("7",)),
        ("label:*", ("label:red", "label:blue")),
        (["label:blue", "label:*"], ("label:blue", "label:red")),
        ("x [*", ("x [mm]",)),
        ("a*b", ("a*b",)),
    ],
)
def test_find_columns(wanted, found: tuple[str, ...]) -> None:
    assert find_columns(wanted, HAVE, "f.csv", "data.label") == found


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ("labl:red", "did you mean 'label:red'"),
        ("label", "did you mean ' Label '\\? set \"data.label=' Label '\""),
        ("ｌａｂｅｌ：ｒｅｄ", "did you mean 'label:red'"),
        ("zzz*", "no column 'zzz\\*'"),
        ("qqqq", "have: 'id', 'label:red'"),
    ],
)
def test_missing_column(wanted: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        find_columns(wanted, HAVE, "f.csv", "data.label")


@pytest.mark.parametrize("none", ["None", "none", "NaN"])
def test_no_column_is_null(none: str) -> None:
    with pytest.raises(DataError, match=r"(?s)no column .*for no such column set data\.group=null"):
        find_columns(none, ["x", "y"], "a.csv", "data.group")


def test_a_table_with_spaces_between_its_cells_is_told_so() -> None:
    with pytest.raises(
        DataError, match=r"no column 'y' .*\n.*\nspaces are between the cells: set \"data\.delimiter=' '\""
    ):
        find_columns("y", ["x  g y"], "a.txt", "data.label")


def test_a_column_has_one_role() -> None:
    check_roles({"data.label": ("y",), "data.id": ("i",)})
    with pytest.raises(ConfigError, match=r"column 'y' is both data.label and data.numeric"):
        check_roles({"data.label": ("y",), "data.numeric": ("x", "y")})


@pytest.mark.parametrize("name", ["plain", "a b", " Label ", "MDVP:Fo(Hz)", "价格", "it's", "x[0]", "a,b", "1st", "7"])
def test_settings_can_be_typed_in_a_shell(name: str) -> None:
    parser = OverridesParser.create()
    (alone,) = shlex.split(setting("data.label", name))
    (listed,) = shlex.split(setting("data.drop", name, in_list=True))
    assert parser.parse_override(alone).value() == name
    assert parser.parse_override(listed).value() == [name]


@pytest.mark.parametrize(
    ("column", "text"),
    [
        (pa.array([1, None, 3]), ["1", None, "3"]),
        (pa.array([1.0, None, float("nan")]), ["1", None, None]),
        (pa.array([1.5, 2.0]), ["1.5", "2"]),
        (pa.array([True, False]), ["true", "false"]),
        (pa.array(["a", None]), ["a", None]),
        (pa.array([None, None]), [None, None]),
    ],
)
def test_text_cells(column: pa.Array, text: list[str | None]) -> None:
    assert text_cells(pa.table({"c": column}), "c", "f").to_pylist() == text


def test_lists_are_no_cells() -> None:
    with pytest.raises(DataError, match="one value per cell"):
        text_cells(pa.table({"c": [[1, 2]]}), "c", "f")


def test_rows_listed() -> None:
    assert rows_listed(np.array([False, True])) == "row 2"
    assert rows_listed(np.ones(7, dtype=bool)) == "7 rows (1, 2, 3, 4, 5, ...)"


@pytest.mark.parametrize("words", [["a", "字字", ""], [""], [], ["x"] * 7])
def test_words_are_what_numpy_makes_of_them(monkeypatch: pytest.MonkeyPatch, words: list[str]) -> None:
    monkeypatch.setattr(mapped_arrays, "CHUNK_ROWS", 2)
    found = as_words(pa.chunked_array([pa.array(words[:1], pa.string()), pa.array(words[1:], pa.string())]))
    assert found.dtype == np.array(words, dtype=np.str_).dtype
    assert found.tolist() == words

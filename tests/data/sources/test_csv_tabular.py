import csv
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from tests.data.sources.as_configured import as_configured
from tests.places import EXCERPTS, REAL_DATA
from trainer.data.sources import csv_tabular
from trainer.errors import ConfigError, DataError
from trainer.tasks import BINARY, MULTILABEL

load_csv_tabular = as_configured(csv_tabular.load_csv_tabular)

REAL = REAL_DATA
BASIC = "key,age,city,w,g,junk,label\nk1,10,Rome,1,a,z,no\nk2,?,Oslo,2.5,a,z,yes\nk3,30, ,1,b,z,no\n"


@pytest.fixture
def write(tmp_path: Path):
    def write_file(text: str, name: str = "table.csv") -> str:
        (tmp_path / name).write_text(text, encoding="utf-8")
        return str(tmp_path / name)

    return write_file


def test_all_roles(write) -> None:
    samples, spec = load_csv_tabular(write(BASIC), label="label", id="key", weight="w", group="g", drop=["junk"])
    assert samples.ids_N.tolist() == ["k1", "k2", "k3"]
    assert samples.target.tolist() == [0, 1, 0]
    assert samples.weights_N is not None
    assert samples.weights_N.tolist() == [1.0, 2.5, 1.0]
    assert samples.groups_N is not None
    assert samples.groups_N.tolist() == ["a", "a", "b"]
    assert samples.inputs.numeric == ("age",)
    assert samples.inputs.categorical == ("city",)
    np.testing.assert_array_equal(samples.inputs.numeric_NF, [[10.0], [np.nan], [30.0]])
    assert samples.inputs.categorical_NK.tolist() == [["Rome"], ["Oslo"], [None]]
    assert (spec.name, spec.task, spec.classes) == ("table", BINARY, ("no", "yes"))
    assert "labels: no -> 0, yes -> 1" in spec.notes
    assert "features: 1 numeric, 1 categorical" in spec.notes


def test_ids_are_row_numbers_by_default(write) -> None:
    samples, _ = load_csv_tabular(write("x,label\n1,a\n2,b\n"), label="label")
    assert samples.ids_N.tolist() == ["0", "1"]
    assert samples.weights_N is None
    assert samples.groups_N is None


def test_column_types_can_be_forced(write) -> None:
    path = write("zip,x,y,label\n01234,1,2,a\n99999,2,3,b\n")
    samples, _ = load_csv_tabular(path, label="label", categorical=["zip"], numeric="x")
    assert samples.inputs.numeric == ("x", "y")
    assert samples.inputs.categorical_NK.tolist() == [["01234"], ["99999"]]


def test_multilabel_by_pattern(write) -> None:
    path = write("x,label:a,label:b\n1,0,1\n2,1,1\n")
    samples, spec = load_csv_tabular(path, label="label:*")
    assert spec.task == MULTILABEL
    assert spec.classes == ("label:a", "label:b")
    assert samples.target.tolist() == [[0, 1], [1, 1]]
    assert samples.inputs.numeric == ("x",)


def test_number_forms(write) -> None:
    path = write("x,label\n+1,a\n.5,b\n 2. ,a\n1e-3,b\nNaN,a\n-7,b\n")
    samples, _ = load_csv_tabular(path, label="label")
    np.testing.assert_array_equal(samples.inputs.numeric_NF[:, 0], [1, 0.5, 2, 1e-3, np.nan, -7])


def test_own_missing_words(write) -> None:
    path = write("x,label\n1,a\n,b\n-,NA\n")
    samples, spec = load_csv_tabular(path, label="label", missing=["-"])
    np.testing.assert_array_equal(samples.inputs.numeric_NF[:, 0], [1, np.nan, np.nan])
    assert spec.classes == ("NA", "a", "b")


def test_columns_that_say_nothing_are_noted(write) -> None:
    rows = "".join(f"?,5,blue,text {i},{i},{'ab'[i % 2]}\n" for i in range(60))
    _, spec = load_csv_tabular(write("void,five,blue,memo,x,label\n" + rows), label="label")
    assert "columns without any value: void" in spec.notes
    assert "columns with the same value in every row: five, blue" in spec.notes
    assert any("'memo' has 60 different texts in 60 rows" in note for note in spec.notes)


DEFECTS = [
    ("x,label\n1,a\n2,b\nabc,a\n", {}, r"(?s)column 'x' row 3 'abc' is not a number.*data.categorical=\[x\]"),
    ("x,label\n1,a\nq,b\nr,a\n", {"numeric": "x"}, r"row 2 'q' is not a number \(2 such cells\)"),
    ('x,label\n"1,5",a\n"2,5",b\n', {"numbers": "strict"}, "holds numbers with a decimal comma, such as '1,5' in 2"),
    ('x,label\n"1,234",a\n"2,567",b\n', {}, "looks like numbers with a comma, such as '1,234' in 2 rows"),
    ("x,label\n1,a\ninf,b\n", {}, "column 'x' is infinite in row 2"),
    ("x,label\n1,a\n1e400,b\n", {}, "column 'x' is infinite in row 2"),
    (
        "k,x,label\nu,1,a\nu,2,b\nv,3,a\nv,4,b\n",
        {"id": "k"},
        r"duplicate id 'u'.*2 rows \(1, 2\) \(and 1 more",
    ),
    ("k,x,label\nu,1,a\n,2,b\n", {"id": "k"}, "no id in column 'k' in row 2"),
    ("w,x,label\n1,1,a\n0,2,b\n", {"weight": "w"}, "weight '0' in column 'w', row 2"),
    ("w,x,label\n1,1,a\nmuch,2,b\n", {"weight": "w"}, "weight 'much' in column 'w', row 2"),
    ("w,x,label\n1,1,a\ninf,2,b\n", {"weight": "w"}, "weight 'inf' in column 'w', row 2"),
    ("w,x,label\n1,1,a\n,2,b\n", {"weight": "w"}, "weight '' in column 'w', row 2"),
    ("g,x,label\nu,1,a\n,2,b\n", {"group": "g"}, "no group in column 'g' in row 2"),
    ("x,label\n1,a\n2,b\n", {"group": "site"}, r"no column 'site' \(data.group\)"),
    ("x,label\n1,a\n2,b\n", {"drop": ["y"]}, r"no column 'y' \(data.drop\)"),
    ("x,label\n1,a\n2,\n", {}, "no label in column 'label' in row 2"),
]


@pytest.mark.parametrize(("text", "options", "message"), DEFECTS)
def test_defects_name_row_and_column(write, text: str, options: dict, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        load_csv_tabular(write(text), label="label", **options)
    assert caught.value.exit_code == 3
    assert len(str(caught.value).splitlines()) <= 5
    assert "table.csv" in str(caught.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"numeric": ["x", "label"]}, "'label' is both data.label and data.numeric"),
        ({"id": "x", "categorical": "x"}, "'x' is both"),
        ({"drop": "x"}, "no feature columns left"),
        ({"label": []}, "data.label names no column"),
        ({"id": ["x", "label"]}, "data.id names several columns"),
    ],
)
def test_options_that_contradict(write, options: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_csv_tabular(write("x,label\n1,a\n2,b\n"), **({"label": "label"} | options))


def test_a_few_numbers_among_words_are_categories(write) -> None:
    samples, _ = load_csv_tabular(write("x,label\nred,a\n7,b\nblue,a\n"), label="label")
    assert samples.inputs.categorical_NK[:, 0].tolist() == ["red", "7", "blue"]


def test_typed_columns(tmp_path: Path) -> None:
    columns = {
        "whole": pa.array([1, 2, None], pa.int32()),
        "flag": pa.array([True, None, False]),
        "real": pa.array([0.5, float("nan"), 2.0], pa.float32()),
        "void": pa.nulls(3),
        "word": pa.array(["u", None, "v"]),
        "code": pa.array([7, 8, 7]),
        "label": pa.array([1, 0, 1]),
    }
    parquet.write_table(pa.table(columns), tmp_path / "t.parquet")
    samples, spec = load_csv_tabular(str(tmp_path / "t.parquet"), label="label", categorical="code")
    assert samples.inputs.numeric == ("whole", "flag", "real", "void")
    nan = np.nan
    np.testing.assert_array_equal(samples.inputs.numeric_NF, [[1, 1, 0.5, nan], [2, nan, nan, nan], [nan, 0, 2, nan]])
    assert samples.inputs.categorical_NK.tolist() == [["u", "7"], [None, "8"], ["v", "7"]]
    assert spec.classes == ("0", "1")


def test_all_columns_that_cannot_be_read_are_named_at_once(write, tmp_path: Path) -> None:
    wrong = write("x,tall,city,b\n1,180,Rome,1\nabc,171,Oslo,2\n3,high,Rome,1\n")
    with pytest.raises(DataError) as caught:
        load_csv_tabular(wrong, label="b")
    first, *_, last = str(caught.value).splitlines()
    assert first.endswith("column 'x' row 2 'abc' is not a number:")
    assert last == "1 more cannot be read either: 'tall'; all as categories: data.categorical=[x,tall]"
    spec = load_csv_tabular(wrong, label="b", categorical=["x", "tall"])[1]
    assert not any("cannot be read" in note for note in spec.notes)
    many = pa.table({f"c{place}": pa.array([1, 2], pa.time32("s")) for place in range(9)} | {"b": ["a", "b"]})
    parquet.write_table(many, tmp_path / "t.parquet")
    with pytest.raises(DataError, match=r"8 more cannot be read either: 'c1', 'c2', 'c3', 'c4', 'c5' and 3 more$"):
        load_csv_tabular(str(tmp_path / "t.parquet"), label="b")


def test_dates_are_refused(tmp_path: Path) -> None:
    table = pa.table({"d": pa.array([1, 2], pa.timestamp("s")), "x": [1, 2], "label": ["a", "b"]})
    parquet.write_table(table, tmp_path / "t.parquet")
    with pytest.raises(DataError, match=r"column 'd' holds dates.*data.drop=\[d\]"):
        load_csv_tabular(str(tmp_path / "t.parquet"), label="label", numbers="strict")
    table = pa.table({"d": pa.array([1, 2], pa.time32("s")), "x": [1, 2], "label": ["a", "b"]})
    parquet.write_table(table, tmp_path / "t.parquet")
    with pytest.raises(DataError, match=r"column 'd' holds times.*data.drop=\[d\]"):
        load_csv_tabular(str(tmp_path / "t.parquet"), label="label")


def test_json_lines(write) -> None:
    path = write('{"x": 1, "c": "u", "label": "a"}\n{"c": "v", "label": "b"}\n', "t.jsonl")
    samples, _ = load_csv_tabular(path, label="label")
    np.testing.assert_array_equal(samples.inputs.numeric_NF, [[1.0], [np.nan]])


HYPOTHYROID = [EXCERPTS / "hypothyroid.csv"]
HYPOTHYROID += [pytest.param(REAL_DATA / "tabular/hypothyroid.csv", marks=pytest.mark.real_data, id="whole")]


@pytest.mark.parametrize("path", HYPOTHYROID, ids=["excerpt", None])
def test_hypothyroid(path) -> None:
    """Its numbers, letters, question marks and the column without a value, against Python's csv module."""
    samples, spec = load_csv_tabular(str(path), label="label")
    with path.open(encoding="ascii", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [spec.classes[label] for label in samples.target] == [row["label"] for row in rows]
    inputs = samples.inputs
    assert len(inputs.numeric) + len(inputs.categorical) == 29
    n_missing = np.isnan(inputs.numeric_NF).sum() + (inputs.categorical_NK == None).sum()  # noqa: E711
    assert n_missing == sum(cell == "?" for row in rows for cell in row.values()) > 0
    assert "columns without any value: TBG" in spec.notes

import datetime
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from tests.audit.audit_cases import of_kind
from tests.places import REPOSITORY
from trainer.audit.split_column import read_split, read_times
from trainer.audit.standalone import audit_file
from trainer.data.columns.options import ColumnOptions
from trainer.data.columns.times import read_times as training_times
from trainer.errors import ConfigError, DataError
from trainer.folds.strategies.predefined import by_repeat, from_cells

TEXTS = [
    ("the first text of all", "a", "train", "2024-01-01"),
    ("another text is here", "b", "train", "2024-03-01"),
    ("The first text of all!", "a", "test", "2024-02-01"),
    ("nothing like the rest", "b", "dev", "2024-04-01"),
]


def csv(tmp_path: Path, rows, header: str) -> Path:
    file = tmp_path / "rows.csv"
    file.write_text(header + "\n" + "\n".join(",".join(row) for row in rows) + "\n", encoding="utf-8")
    return file


def column(*values) -> pa.Table:
    return pa.table({"part": list(values)})


def test_a_file_of_texts_with_its_own_split(tmp_path: Path) -> None:
    file = csv(tmp_path, TEXTS, "text,label,part,day")
    found = audit_file(file, ColumnOptions(split="part", time="day"), text="text")
    copies = of_kind(found, "exact_copies")
    assert (copies.severity, copies.rows, copies.folds) == ("leak", (3,), ("test",))
    early = of_kind(found, "time_backwards")
    assert (early.rows, early.folds) == ((3,), ("test",))


def test_the_whole_file(tmp_path: Path) -> None:
    file = csv(tmp_path, TEXTS, "text,label,part,day")
    found = audit_file(file, ColumnOptions(), text="text")
    assert of_kind(found, "exact_copies").severity == "warning"


def test_split_and_time_are_no_features(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    rows = [
        (f"{random.normal():.6f}", f"p{row % 20}", str(row * 7 % 40 % 2), str(row % 4), str(1000 + row))
        for row in range(40)
    ]
    file = csv(tmp_path, rows, "x,person,label,fold,seconds")
    found = audit_file(file, ColumnOptions(group="person", split="fold", time="seconds"), measure=True)
    assert {finding.kind for finding in found} == {"time_backwards", "gap"}  # people stay in their fold
    assert of_kind(audit_file(file, ColumnOptions(group="person")), "id_column").fix == "data.drop=[seconds]"
    assert of_kind(audit_file(file, ColumnOptions(group="person"), drop=["seconds"]), "id_column") is None


def test_one_column_may_be_group_and_time(tmp_path: Path) -> None:
    file = csv(tmp_path, [("0.1", "2020", "a"), ("0.2", "2021", "b"), ("0.3", "2021", "a")], "x,year,label")
    kinds = {finding.kind for finding in audit_file(file, ColumnOptions(group="year", time="year"))}
    assert {"groups", "time_backwards"} <= kinds


def test_parts_are_held_out_from_train() -> None:
    split = read_split(column("train", "Test", "dev", "train", "-1"), "part", "f.csv")
    assert split.fold_of_row.tolist() == [[-1, 0, 1, -1, -1]]
    assert split.names == ("Test", "dev")
    assert split.train_rows(0, 0).tolist() == [0, 3]


def test_fold_numbers_are_held_out_from_each_other() -> None:
    split = read_split(column("10", "2", "-1", "2"), "part", "f.csv")
    assert split.fold_of_row.tolist() == [[1, 0, -1, 0]]
    assert split.names == ("2", "10")
    assert split.train_rows is None
    assert read_split(column(1, 0, 1), "part", "f.csv").fold_of_row.tolist() == [[1, 0, 1]]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (["train", None, "test"], "no part in column 'part' (--split) in row 2"),
        (["a", "a"], "one part only"),
        (["train", "train"], "one part only"),
        ([f"id {row}" for row in range(1500)], "1500 parts: is it the right column?"),
    ],
)
def test_columns_that_are_no_split(values, said: str) -> None:
    with pytest.raises(DataError) as error:
        read_split(column(*values), "part", "f.csv")
    assert said in str(error.value)


def test_times_are_numbers_dates_or_times() -> None:
    assert read_times(column("3", "", "1.5"), "part", "f.csv").tolist()[::2] == [3.0, 1.5]
    assert read_times(column(3, 1), "part", "f.csv").tolist() == [3.0, 1.0]
    days = [datetime.date(2024, 1, 2), None, datetime.date(2023, 1, 2)]
    expected = np.array(["2024-01-02", "NaT", "2023-01-02"], dtype="datetime64[us]")
    np.testing.assert_array_equal(read_times(column(*days), "part", "f.csv"), expected)
    np.testing.assert_array_equal(read_times(column("2024-01-02", None, "2023-01-02"), "part", "f.csv"), expected)


@pytest.mark.parametrize("cells", [["2024-01-02", "soon", "2024-01-03"], ["1", "soon", "2"], ["1", "2024-01-02", "3"]])
def test_a_cell_that_is_no_time_is_named(cells) -> None:
    with pytest.raises(DataError, match=r"column 'part' row 2: '.*' is neither a number nor a time like"):
        read_times(column(*cells), "part", "f.csv")


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["2024-01-01T08:00:00+08:00", "", "2024-01-01T00:00:00Z"], ["2024-01-01", "NaT", "2024-01-01"]),
        (["2024-01-01T00:00:00.000000001", None, "2024-01-01"], ["2024-01-01T00:00:00.000000001", "NaT", "2024-01-01"]),
        ([datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC), None, None], ["2024-01-01", "NaT", "NaT"]),
    ],
)
def test_times_with_a_zone_or_nanoseconds_are_read_as_in_training(cells, expected) -> None:
    read = read_times(column(*cells), "part", "f.csv")
    np.testing.assert_array_equal(read, np.array(expected, dtype="datetime64[ns]"))
    full = [cell for cell in cells if cell]
    units = {"us": 1000, "ns": 1}[np.datetime_data(read.dtype)[0]]
    trained = training_times(column(*full), "part", "f.csv") * units
    np.testing.assert_array_equal(trained, read[~np.isnat(read)].astype("datetime64[ns]").astype(np.int64))


def test_times_of_a_finer_unit_and_of_a_day(tmp_path: Path) -> None:
    ticks = pa.table({"part": pa.array([1_700_000_000_000_000_001, None], pa.timestamp("ns", "Europe/Berlin"))})
    expected = np.array([1_700_000_000_000_000_001, "NaT"], dtype="datetime64[ns]")
    np.testing.assert_array_equal(read_times(ticks, "part", "f.parquet"), expected)
    with pytest.raises(DataError, match=r"column 'part' row 1: '10:00:00.* is neither a number nor a time: write"):
        read_times(column(datetime.time(10)), "part", "f.parquet")


def test_empty_cells_of_a_parquet_file_are_never_held_out() -> None:
    split = read_split(column(0.0, None, 1.0, None), "part", "f.parquet")
    assert (split.fold_of_row.tolist(), split.names) == ([[0, -1, 1, -1]], ("0", "1"))


@pytest.mark.parametrize("role", ["time", "split", "weight"])
@pytest.mark.parametrize("text", [None, "text"])
def test_a_column_that_is_the_label_has_no_other_role(tmp_path: Path, role: str, text: str | None) -> None:
    file = csv(tmp_path, TEXTS, "text,label,part,day")
    with pytest.raises(ConfigError, match=rf"column 'label' is both data\.label and data\.{role}"):
        audit_file(file, ColumnOptions(**{role: "label"}), text=text)


def test_weights_are_no_feature(tmp_path: Path) -> None:
    rows = [(f"0.{row * 7 % 10}", str(row + 1), "ab"[row * 7 % 40 % 2]) for row in range(40)]
    file = csv(tmp_path, rows, "x,rising,label")
    assert of_kind(audit_file(file, ColumnOptions()), "id_column").severity == "warning"
    assert of_kind(audit_file(file, ColumnOptions(weight="rising")), "id_column") is None


def test_columns_that_are_not_there(tmp_path: Path) -> None:
    file = csv(tmp_path, TEXTS, "text,label,part,day")
    with pytest.raises(DataError, match="did you mean 'part'"):
        audit_file(file, ColumnOptions(split="parts"), text="text")
    with pytest.raises(DataError, match=r"no column 'hour' \(data\.time\)"):
        audit_file(file, ColumnOptions(time="hour"), text="text")
    with pytest.raises(DataError, match=r"no column 'wieght' \(data\.weight\)"):
        audit_file(file, ColumnOptions(weight="wieght"), text="text")
    with pytest.raises(DataError, match="no such file"):
        audit_file(tmp_path / "absent.csv", ColumnOptions())
    with pytest.raises(ConfigError):
        audit_file(file, ColumnOptions(), text="label")


def test_parquet_with_real_times(tmp_path: Path) -> None:
    day = [datetime.datetime(2024, 1, place) for place in (1, 3, 2)]
    table = pa.table({"x": [0.1, 0.25, 0.37], "label": ["a", "b", "a"], "day": day, "fold": [0, 1, 1]})
    parquet.write_table(table, tmp_path / "rows.parquet")
    found = audit_file(tmp_path / "rows.parquet", ColumnOptions(time="day", split="fold"))
    assert [finding.kind for finding in found] == ["time_backwards"]


def test_the_audit_works_without_torch() -> None:
    code = "import sys, trainer.audit.standalone, trainer.report.audit_table; sys.exit('torch' in sys.modules)"
    root = REPOSITORY
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0


@pytest.mark.parametrize(
    ("cells", "folds", "names"),
    [
        (["0", "1.0", "-1.0", " 1 "], [0, 1, -1, 1], ("0", "1")),
        (["", "2", "-5", "+1"], [-1, 1, -1, 0], ("1", "2")),
        (["TRAIN", "Test", "test", "training"], [-1, 0, 0, -1], ("Test",)),
    ],
)
def test_a_split_column_is_read_as_training_reads_it(cells, folds, names) -> None:
    split = read_split(column(*cells), "part", "f.csv")
    assert (split.fold_of_row.tolist(), split.names) == ([folds], names)
    trained = by_repeat(from_cells(cells, "part"), len(cells))[0]
    for fold, (train, held_out) in enumerate(trained):
        np.testing.assert_array_equal(held_out, np.flatnonzero(split.fold_of_row[0] == fold))
        sides = split.train_rows(0, fold) if split.train_rows else np.flatnonzero(split.fold_of_row[0] != fold)
        np.testing.assert_array_equal(train, sides)


def user_rows(n: int = 24) -> list[tuple[str, ...]]:
    return [
        (f"text number {i} of all", "ab?"[i % 2 if i % 8 else 2], f"u{i % 4}", "train" if i % 3 else "test")
        for i in range(n)
    ]


def test_columns_that_no_option_names_may_be_a_group_or_a_split(tmp_path: Path) -> None:
    file = csv(tmp_path, user_rows(), "text,label,user_id,part")
    found = audit_file(file, ColumnOptions(), text="text")
    group, split = of_kind(found, "group_column"), of_kind(found, "split_column")
    assert "'user_id' has 4 values in 24 rows and looks like a group, and no option names it" in group.message
    assert group.fix == "data.group=user_id cv=stratified_group"
    assert split.fix == "data.split=part cv=predefined"
    given = audit_file(file, ColumnOptions(group="user_id", split="part"), text="text")
    assert not {"group_column", "split_column"} & {finding.kind for finding in given}


def test_a_split_whose_rows_of_train_come_first_is_seen(tmp_path: Path) -> None:
    rows = [(f"text {i}", "ab"[i % 2], "train" if i < 1100 else "test") for i in range(1200)]
    found = audit_file(csv(tmp_path, rows, "text,label,part"), ColumnOptions(), text="text")
    assert "(test, train)" in of_kind(found, "split_column").message


@pytest.mark.parametrize("named", [None, "id"])
def test_rows_without_a_label_have_no_side_of_a_split(tmp_path: Path, named: str | None) -> None:
    rows = [(f"r{i}", *row) for i, row in enumerate(user_rows())]
    file, told = csv(tmp_path, rows, "id,text,label,user,part"), []
    columns = ColumnOptions(id=named, group="user", split="part", missing_labels=["?"])
    found = audit_file(file, columns, text="text", tell=told.append)
    torn = of_kind(found, "groups")
    assert torn.severity == "leak"
    assert any("3 of 24 rows left out" in note for note in told)


def test_the_form_of_the_file_counts_for_its_split_too(tmp_path: Path) -> None:
    file = csv(tmp_path, user_rows()[1:], ",".join(user_rows()[0]))
    columns = ColumnOptions(label="c2", group="c3", split="c4", header="none")
    assert of_kind(audit_file(file, columns, text="c1"), "groups").severity == "leak"

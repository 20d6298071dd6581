import csv
import json
import zipfile
from contextlib import suppress

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.model_selection import KFold

from tests.folds.fold_cases import plan
from trainer.errors import ConfigError, DataError, StorageError
from trainer.folds.io.split_files import read_split, require_replaceable, write_split
from trainer.folds.request import SplitOptions

TARGET = np.arange(40) % 2
IDS = np.array([f"case_{i:03}" for i in range(40)])
ORDER = np.random.default_rng(0).permutation(40)
ANY = ("folds.json", "splits_final.json", "folds.csv", "folds.tsv", "folds.npz")
NAMES = (*ANY, "my_datalist.json")
LISTS = "fold_*.txt"


def sides(made, ids_N):
    pairs = [made.rows(*divmod(number, made.n_splits)) for number in range(made.repeats * made.n_splits)]
    return [(set(ids_N[train]), set(ids_N[held_out])) for train, held_out in pairs]


def again(path, ids_N, target=TARGET):
    return plan(target, "predefined", ids_N=ids_N, shuffle=False, predefined=read_split(path, ids_N))


def kept():
    """A plan with rows that are never held out."""
    target = np.append(TARGET[:38], [2, 2])
    return plan(target, ids_N=IDS, options=SplitOptions(rare="keep_in_train"))


def by_time(gap=2, window=15):
    return plan(TARGET, "time", ids_N=IDS, times_N=ORDER, shuffle=False, options=SplitOptions(gap=gap, window=window))


@pytest.mark.parametrize("name", [*NAMES, LISTS])
@pytest.mark.parametrize("made", [plan(TARGET, ids_N=IDS), kept(), plan(TARGET, "holdout", ids_N=IDS)])
def test_what_is_written_reads_back_whatever_the_order_of_the_rows(tmp_path, name, made):
    write_split(tmp_path / name, made, IDS)
    assert sides(again(tmp_path / name, IDS), IDS) == sides(made, IDS)
    assert sides(again(tmp_path / name, IDS[ORDER]), IDS[ORDER]) == sides(made, IDS)


@pytest.mark.parametrize("name", ANY)
def test_repeats_read_back(tmp_path, name):
    made = plan(TARGET, ids_N=IDS, repeats=3)
    write_split(tmp_path / name, made, IDS)
    back = again(tmp_path / name, IDS[ORDER])
    assert (back.repeats, back.n_splits) == (3, 5)
    assert sides(back, IDS[ORDER]) == sides(made, IDS)


@pytest.mark.parametrize("name", ["folds.json", "splits_final.json", "folds.npz"])
def test_folds_that_leave_rows_out_read_back(tmp_path, name):
    made = by_time()
    assert set().union(*(train | held_out for train, held_out in sides(made, IDS))) == set(IDS)
    write_split(tmp_path / name, made, IDS)
    assert sides(again(tmp_path / name, IDS[ORDER]), IDS[ORDER]) == sides(made, IDS)


@pytest.mark.parametrize("name", ["folds.csv", "datalist.json"])
def test_formats_that_cannot_say_it_refuse(tmp_path, name):
    with pytest.raises(ConfigError, match="cannot say which rows a fold leaves out"):
        write_split(tmp_path / name, by_time(), IDS)
    assert list(tmp_path.iterdir()) == []


def test_nnunets_file_cannot_say_that_rows_are_in_no_fold(tmp_path):
    """By hand: the last 30 of 40 times are held out by 6, each part after the 2 times it is trained with."""
    made = by_time(window=2, gap=0)
    unused = set(IDS) - set().union(*(train | held_out for train, held_out in sides(made, IDS)))
    assert unused == set(IDS[ORDER < 8])
    with pytest.raises(ConfigError, match=r"cannot say that 8 rows are in no fold: use folds\.json or \.npz"):
        write_split(tmp_path / "splits_final.json", made, IDS)
    assert list(tmp_path.iterdir()) == []


def test_a_datalist_holds_one_repeat(tmp_path):
    with pytest.raises(ConfigError, match="a datalist holds one split, the plan 2 repeats"):
        write_split(tmp_path / "datalist.json", plan(TARGET, ids_N=IDS, repeats=2), IDS)


def test_nnunets_own_way_reads_as_it_trains(tmp_path):
    """As nnU-Net makes it: KFold(5, shuffle=True, random_state=12345) over the sorted case names."""
    splits = [
        {"train": IDS[train].tolist(), "val": IDS[val].tolist()}
        for train, val in KFold(5, shuffle=True, random_state=12345).split(IDS)
    ]
    (tmp_path / "splits_final.json").write_text(json.dumps(splits))
    made = again(tmp_path / "splits_final.json", IDS[ORDER])
    assert sides(made, IDS[ORDER]) == [(set(one["train"]), set(one["val"])) for one in splits]


def test_nnunet_finds_the_keys_it_looks_for(tmp_path):
    made = plan(TARGET, ids_N=IDS)
    write_split(tmp_path / "splits_final.json", made, IDS)
    splits = json.loads((tmp_path / "splits_final.json").read_text())
    assert [set(one) for one in splits] == [{"train", "val"}] * 5
    assert [(set(one["train"]), set(one["val"])) for one in splits] == sides(made, IDS)


def monai_fold(datalist, fold):
    """How monai.auto3dseg.utils.datafold_read tells training from validation."""
    validation = [entry for entry in datalist["training"] if "fold" in entry and entry["fold"] == fold]
    return [entry for entry in datalist["training"] if entry not in validation], validation


def test_monai_trains_and_validates_on_what_the_plan_says(tmp_path):
    made = kept()
    write_split(tmp_path / "datalist.json", made, IDS)
    datalist = json.loads((tmp_path / "datalist.json").read_text())
    for fold, expected in enumerate(sides(made, IDS)):
        found = monai_fold(datalist, fold)
        assert tuple({entry["image"] for entry in part} for part in found) == expected


@pytest.mark.parametrize(
    "entry",
    [
        lambda one: {"image": f"imagesTr/{one}.nii.gz", "label": f"labelsTr/{one}.nii.gz"},
        lambda one: {"image": [f"TrainingData/{one}/{one}_flair.nii.gz", f"TrainingData/{one}/{one}_t1.nii.gz"]},
        lambda one: {"id": one, "image": "x.nii.gz"},
        lambda one: {"image": f"{one}.png", "label": 1},
    ],
)
def test_datalists_name_rows_by_their_paths(tmp_path, entry):
    entries = [entry(one) | ({"fold": i % 4} if i % 4 else {}) for i, one in enumerate(IDS)]
    (tmp_path / "datalist.json").write_text(json.dumps({"name": "x", "training": entries, "testing": [{}]}))
    found = read_split(tmp_path / "datalist.json", IDS[ORDER])
    assert np.array_equal(found, np.where(ORDER % 4 == 0, -1, ORDER % 4))


def test_a_kaggle_table_with_features_beside_the_fold(tmp_path):
    lines = ["\ufeffage,ID,kfold", *(f"{i % 7},{one},{i % 5}" for i, one in enumerate(IDS))]
    (tmp_path / "train_folds.csv").write_text("\r\n".join(lines), encoding="utf-8")
    assert np.array_equal(read_split(tmp_path / "train_folds.csv", IDS[ORDER]), [ORDER % 5])


def test_a_table_finds_its_id_column_by_what_it_holds(tmp_path):
    lines = ["age,image,fold", *(f"{i % 7},{one},{i % 5}.0" for i, one in enumerate(IDS))]
    (tmp_path / "a.csv").write_text("\n".join(lines))
    assert np.array_equal(read_split(tmp_path / "a.csv", IDS[ORDER]), [ORDER % 5])


def test_a_table_without_ids_is_taken_by_position_where_the_data_has_none_either(tmp_path):
    (tmp_path / "a.csv").write_text("text,fold\n" + "".join(f"word {i},{i % 5}\n" for i in range(40)))
    assert np.array_equal(read_split(tmp_path / "a.csv", np.arange(40).astype(np.str_)), [np.arange(40) % 5])
    with pytest.raises(DataError, match="no column holds the ids of the 40 rows, such as 'case_000'"):
        read_split(tmp_path / "a.csv", IDS)


def test_a_table_with_train_and_test(tmp_path):
    (tmp_path / "a.csv").write_text(
        "id,split\n" + "".join(f"{one},{'test' if i < 9 else 'train'}\n" for i, one in enumerate(IDS))
    )
    made = again(tmp_path / "a.csv", IDS[ORDER])
    assert sides(made, IDS[ORDER]) == [(set(IDS[9:]), set(IDS[:9]))]


def test_repeats_in_words(tmp_path):
    words = np.array(["test", "train", "train", "train"])[np.stack([np.arange(40) % 4, (np.arange(40) + 1) % 4])]
    lines = ["id,fold_0,fold_1", *(f"{one},{first},{second}" for one, first, second in zip(IDS, *words, strict=True))]
    (tmp_path / "a.csv").write_text("\n".join(lines))
    made = again(tmp_path / "a.csv", IDS[ORDER])
    assert (made.repeats, made.n_splits) == (2, 1)
    expected = [(set(IDS[column == "train"]), set(IDS[column == "test"])) for column in words]
    assert sides(made, IDS[ORDER]) == expected
    assert "20 of 40 rows are never held out: no out-of-fold prediction for them" in made.notes


def test_repeats_in_words_leave_no_rows_out(tmp_path):
    lines = ["id,fold_0,fold_1", *(f"{one},{('train', 'val', 'test')[i % 3]},train" for i, one in enumerate(IDS))]
    (tmp_path / "a.csv").write_text("\n".join(lines).replace("case_000,train,train", "case_000,train,test"))
    with pytest.raises(DataError, match=r"column 'fold_0': 13 rows are neither train nor held out: columns of repeats"):
        read_split(tmp_path / "a.csv", IDS)


def test_ids_that_are_harmful_formulas_are_defused_and_found_again(tmp_path):
    ids = np.array(["=A(1)", "-2", "@x", "'quoted", "plain, with comma", '"q"', "多", "a b"])
    made = plan(np.arange(8) % 2, ids_N=ids, n_splits=2)
    write_split(tmp_path / "folds.csv", made, ids)
    with (tmp_path / "folds.csv").open(encoding="utf-8", newline="") as file:
        cells = [line[0] for line in csv.reader(file)]
    assert cells == ["id", "'=A(1)", "-2", "@x", "'quoted", "plain, with comma", '"q"', "多", "a b"]
    assert np.array_equal(read_split(tmp_path / "folds.csv", ids), made.fold_of_row)


def test_the_folds_of_a_run_are_found_by_the_ids_beside_them(tmp_path):
    made = plan(TARGET, ids_N=IDS)
    (tmp_path / "folds.json").write_text(made.to_json())
    with pytest.raises(
        DataError, match=r"has no ids, .* such as 'case_\d+'\nput the rows\.parquet of its run next to it"
    ):
        read_split(tmp_path / "folds.json", IDS[ORDER])
    numbers = np.arange(40).astype(np.str_)
    assert np.array_equal(read_split(tmp_path / "folds.json", numbers), made.fold_of_row)  # by position
    pq.write_table(pa.table({"id": IDS.tolist()}), tmp_path / "rows.parquet")
    assert np.array_equal(read_split(tmp_path / "folds.json", IDS[ORDER]), made.fold_of_row[:, ORDER])


def test_ids_beside_that_cannot_be_read(tmp_path):
    (tmp_path / "folds.json").write_text(plan(TARGET, ids_N=IDS).to_json())
    (tmp_path / "rows.parquet").write_text("no parquet")
    with pytest.raises(DataError, match=r"rows\.parquet: the ids of folds\.json cannot be read from it"):
        read_split(tmp_path / "folds.json", IDS)


def test_index_pairs_of_numpy_without_ids(tmp_path):
    pairs = list(KFold(3).split(TARGET))
    arrays = {
        f"{side}_{i}": rows for i, pair in enumerate(pairs) for side, rows in zip(("train", "test"), pair, strict=True)
    }
    np.savez(tmp_path / "pairs.npz", **arrays)
    for found, pair in zip(read_split(tmp_path / "pairs.npz", IDS), pairs, strict=True):
        assert all(map(np.array_equal, found, pair))


def rows_as(name, tmp_path, content):
    path = tmp_path / name
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


FOLD = {"train": IDS[:30].tolist(), "val": IDS[30:].tolist()}
ENTRIES = [{"image": one, "fold": 0} for one in IDS]
PLAN = json.loads(plan(TARGET, ids_N=IDS).to_json())


def run(start, end):
    return {"repeat": 0, "fold": 0, "runs": [[start, end]]}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("splits_final.json", "[{", "splits_final.json: is not JSON"),
        ("splits_final.json", [], "the list of folds is empty"),
        ("splits_final.json", [FOLD, {"train": []}], "fold 1 is not"),
        (
            "splits_final.json",
            [{**FOLD, "val": ["case_999"]}],
            "fold 0, val, entry 0: id 'case_999' is not in",
        ),
        ("splits_final.json", [{**FOLD, "val": ["case_000"]}], "id 'case_000' is in train and in val"),
        ("splits_final.json", [{**FOLD, "val": ["case_039"] * 2}], "id 'case_039' stands twice, in entries 0 and 1"),
        ("splits_final.json", [{**FOLD, "val": ["case_039"]}], "9 of 40 rows of the data are not in it, such as id"),
        ("datalist.json", {"training": ENTRIES[1:]}, "1 of 40 rows of the data are not in it, such as id 'case_000'"),
        ("datalist.json", {"training": [*ENTRIES, {"image": "y.nii"}]}, r"training entry 40 \(y\.nii\)"),
        ("datalist.json", {"training": [*ENTRIES, 3]}, r"training entry 40 \(without image\)"),
        ("datalist.json", {"training": [{"image": "case_000", "fold": "0"}]}, "fold '0' is not a whole number"),
        ("datalist.json", {"validation": []}, "is no folds.json"),
        ("folds.json", {"fold_of_row": [[0, 1]]}, "is damaged"),
        ("folds.json", {**PLAN, "ids": list(range(40))}, "ids, entry 0: id '0' is not in the data"),
        ("folds.json", {**PLAN, "ids": 40}, "is damaged"),
        ("folds.json", {**PLAN, "fold_of_row": PLAN["fold_of_row"][0]}, "is damaged: .* a list for each repeat"),
        ("folds.json", {**PLAN, "train_rows": [run(30, 50)]}, "is damaged: .*train_rows from 30 to 50 of 40 rows"),
        ("folds.json", {**PLAN, "train_rows": [run(-3, 5)]}, "is damaged: .*train_rows from -3 to 5 of 40 rows"),
        ("folds.json", {**PLAN, "train_rows": [run(0, 10**15)]}, "is damaged"),
        ("folds.json", {**PLAN, "train_rows": [run(0, 5)], "repeats": 2}, "is damaged"),
        ("folds.json", '"text"', "is no folds.json"),
        ("folds.csv", "id,flod\na,0\n", "no column 'fold'"),
        ("folds.csv", "", "no column 'fold'"),
        ("folds.csv", "id,fold\ncase_000,0\ncase_001\n", "row 2 has 1 cells, the header 2"),
        (
            "folds.csv",
            "id,fold\ncase_000,x\n",
            "39 of 40 rows of the data are not in it",
        ),
        ("folds.csv", "id,fold\ncase_000,0\nother,1\n", "column 'id', entry 1: id 'other' is not in the data"),
        ("folds.csv", "id,fold\ncase_000,0\nCASE_001,1\n", "which has 'case_001': they differ only by case"),
        ("folds.csv", "id,fold\ncase_00１,0\n", r"only by width \(U\+FF11 for U\+0031\): write the id as the data"),
        ("folds.npz", "not a zip", "is no .npz of plain arrays"),
        ("folds.npz", "", "is no .npz of plain arrays: No data left"),
    ],
)
def test_files_of_other_data_and_damaged_ones_are_named(tmp_path, name, content, message):
    with pytest.raises(DataError, match=message) as caught:
        read_split(rows_as(name, tmp_path, content), IDS)
    assert name in str(caught.value)
    assert len(str(caught.value).splitlines()) <= 5


def test_folds_of_fewer_rows_are_of_other_data(tmp_path):
    (tmp_path / "folds.json").write_text(plan(TARGET[:30]).to_json())
    with pytest.raises(DataError, match="folds of 30 rows, the data has 40"):
        read_split(tmp_path / "folds.json", IDS)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"a": np.arange(3)}, "wants arrays train_0, test_0"),
        ({"train_0": np.arange(3)}, "wants arrays"),
        ({"train_1": np.arange(3), "test_1": np.arange(3)}, "wants arrays"),
        ({"train_0": np.arange(3), "test_0": np.array([40])}, "test_0 has row 40: the data has rows 0..39"),
        ({"train_0": np.array([2, -1]), "test_0": np.arange(1)}, "train_0 has row -1: the data has rows 0..39"),
        ({"train_0": np.arange(3), "test_0": np.arange(3, 5), "ids": np.arange(40)}, "id '0' is not in the data"),
        ({"train_0": np.arange(3), "test_0": np.array([0.5])}, "test_0 is float64"),
        ({"train_0": np.array([None]), "test_0": np.arange(3)}, "is no .npz of plain arrays"),
    ],
)
def test_index_pairs_that_do_not_fit(tmp_path, arrays, message):
    np.savez(tmp_path / "pairs.npz", **arrays)
    with pytest.raises(DataError, match=message):
        read_split(tmp_path / "pairs.npz", IDS)


def test_an_npz_that_is_something_else_or_damaged(tmp_path):
    path = tmp_path / "folds.npz"
    with path.open("wb") as file:
        np.save(file, np.arange(3))
    with pytest.raises(DataError, match=r"is no \.npz of plain arrays: it is a single array"):
        read_split(path, IDS)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("train_0", "text")
    with pytest.raises(DataError, match=r"wants arrays train_0, test_0, .*; has none"):
        read_split(path, IDS)
    write_split(path, plan(TARGET, ids_N=IDS), IDS)
    whole = path.read_bytes()
    for position in range(0, len(whole), 7):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 0xFF]) + whole[position + 1 :])
        with suppress(DataError):  # a changed time stamp is no damage
            read_split(path, IDS)


@pytest.mark.parametrize("name", ["folds.txt", "out.json", "folds"])
def test_a_name_that_says_no_format(tmp_path, name):
    for action in (lambda: read_split(tmp_path / name, IDS), lambda: write_split(tmp_path / name, by_time(), IDS)):
        with pytest.raises(ConfigError, match=f"{name}: its name says no format of folds"):
            action()


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        read_split(tmp_path / "folds.csv", IDS)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("absent/folds.csv", r"there is no directory \S+absent: make it first"),
        ("a_file/folds.csv", "Not a directory"),
        (f"{'n' * 300}folds.csv", "File name too long\n"),  # and no word of room that would be needed
    ],
)
def test_a_place_that_cannot_be_written(tmp_path, name, why):
    (tmp_path / "a_file").touch()
    with pytest.raises(StorageError, match=rf"cannot write (the fold file )?to \S+folds.csv: {why}"):
        write_split(tmp_path / name, plan(TARGET), IDS)
    assert [path.name for path in tmp_path.iterdir()] == ["a_file"]


@pytest.mark.parametrize("extra", ["", "rank,", "index,", "Unnamed: 0,"])
def test_no_feature_is_taken_for_ids_where_the_data_has_none(tmp_path, extra):
    """A column that orders the rows is an index by its name only."""
    numbers = [f"{ORDER[i]}," if extra else "" for i in range(40)]
    lines = [f"{extra}fold", *(f"{numbers[i]}{i % 5}" for i in range(40))]
    (tmp_path / "a.csv").write_text("\n".join(lines))
    by_index = np.arange(40)[np.argsort(ORDER)] % 5
    expected = np.arange(40) % 5 if extra in ("", "rank,") else by_index
    assert np.array_equal(read_split(tmp_path / "a.csv", np.arange(40).astype(np.str_)), [expected])


def test_only_files_of_folds_are_written_over(tmp_path):
    for name in NAMES:
        require_replaceable(tmp_path / name, IDS)
        (tmp_path / name).touch()
        require_replaceable(tmp_path / name, IDS)
        write_split(tmp_path / name, plan(TARGET), IDS)
        require_replaceable(tmp_path / name, IDS)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("data.csv", "id,x\n" + "".join(f"{one},1\n" for one in IDS)),
        ("data.csv", "id,x,fold\n" + "".join(f"{one},1,0\n" for one in IDS)),
        ("datalist.json", json.dumps({"training": [{"image": one, "label": "l.nii", "fold": 0} for one in IDS]})),
        ("folds.json", '{"fold_of_row": []}'),
        ("folds.npz", "no zip"),
        ("folds.csv", "id,fold\nother,0\n"),
    ],
)
def test_a_file_that_holds_anything_else_is_kept(tmp_path, name, content):
    (tmp_path / name).write_text(content)
    with pytest.raises(ConfigError, match=f"{name}: is there and is not only folds of this data"):
        require_replaceable(tmp_path / name, IDS)
    assert (tmp_path / name).read_text() == content


def test_the_folds_of_a_run_are_not_written_over(tmp_path):
    (tmp_path / "folds.json").write_text(plan(TARGET, ids_N=IDS).to_json())
    with pytest.raises(ConfigError, match="is there"):
        require_replaceable(tmp_path / "folds.json", IDS)

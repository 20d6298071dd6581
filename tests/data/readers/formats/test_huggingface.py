import json

import pytest

from trainer.data.columns.options import ColumnOptions
from trainer.data.readers.tables import open_table
from trainer.data.sources.csv_text import load_csv_text
from trainer.errors import ConfigError, DataError

TEXTS = ["so", "lala", "ja", "naja"]


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    datasets = pytest.importorskip("datasets")
    datasets.disable_progress_bars()
    folder = tmp_path_factory.mktemp("saved")
    classes, topics = datasets.ClassLabel(names=["neg", "pos"]), datasets.ClassLabel(names=["a", "b,c", "d"])
    features = {"text": datasets.Value("string"), "label": classes, "topics": datasets.Sequence(topics)}
    columns = {"text": TEXTS, "label": [1, 0, 1, -1], "topics": [[0, 2], [], [1], [2]]}
    rows = datasets.Dataset.from_dict(columns, features=datasets.Features(features))
    rows.save_to_disk(folder / "one", num_shards=2)
    rows.to_parquet(folder / "one.parquet")
    rows.rename_column("label", "kind").remove_columns("topics").save_to_disk(folder / "kind")
    datasets.DatasetDict(train=rows, test=rows.select([1, 0])).save_to_disk(folder / "splits")
    return folder


@pytest.mark.parametrize(("name", "label"), [("one", "label"), ("one.parquet", ["label"])])  # as foldwise audit has it
def test_classes_are_words_and_rows_without_one_are_left_out(saved, name, label):
    samples, spec = load_csv_text(str(saved / name), ColumnOptions(label=label), text="text")
    assert [spec.classes[code] for code in samples.target] == ["pos", "neg", "pos"]
    assert samples.inputs.texts == ("so", "lala", "ja")
    assert any("1 of 4 rows left out" in note and "(-1)" in note for note in spec.notes)


def test_lists_of_classes_are_several_labels(saved):
    samples, spec = load_csv_text(str(saved / "one"), ColumnOptions(label="topics"), text="text")
    assert spec.classes == ("a", "b,c", "d")
    assert samples.target.tolist() == [[1, 0, 1], [0, 0, 0], [0, 1, 0], [0, 0, 1]]
    rows = open_table(saved / "one", ColumnOptions(label="topics")).rows
    assert rows["label"].to_pylist() == ["pos", "neg", "pos", None]  # as a feature: no value


def test_the_only_column_of_classes_is_the_label(saved):
    opened = open_table(saved / "kind", ColumnOptions())
    assert opened.complete(ColumnOptions()).label == "kind"
    assert opened.complete(ColumnOptions(label="text")).label == "text"


def test_splits_are_the_split(saved):
    samples, _ = load_csv_text(str(saved / "splits"), ColumnOptions(), text="text")
    assert samples.split_N.tolist() == ["train"] * 3 + ["test"] * 2
    samples, _ = load_csv_text(str(saved / "splits"), ColumnOptions(table="test"), text="text")
    assert (samples.inputs.texts, samples.split_N) == (("lala", "so"), None)
    with pytest.raises(ConfigError, match=r"data\.table=tset: no such split.*did you mean 'test'"):
        open_table(saved / "splits", ColumnOptions(table="tset"))


@pytest.mark.parametrize(
    ("state", "info", "message"),
    [
        ("{", "{}", r"state\.json: not readable"),
        ('{"_data_files": [{"filename": "../secret.arrow"}]}', "{}", "names no data files"),
        ('{"_data_files": [{"filename": "gone.arrow"}]}', "{}", r"gone\.arrow: not a readable Arrow file"),
        ('{"_indices_data_files": [{"filename": "i.arrow"}]}', "{}", "flatten_indices"),
    ],
)
def test_damaged_folders(tmp_path, state, info, message):
    (tmp_path / "state.json").write_text(state)
    (tmp_path / "dataset_info.json").write_text(info)
    with pytest.raises(DataError, match=message):
        open_table(tmp_path, ColumnOptions())


def test_numbers_of_no_class_are_named(saved, tmp_path):
    for file in (saved / "one").iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    info = json.loads((tmp_path / "dataset_info.json").read_text())
    info["features"]["label"]["names"] = ["only"]
    (tmp_path / "dataset_info.json").write_text(json.dumps(info))
    with pytest.raises(DataError, match=r"column 'label' has class 1 in 2 rows \(1, 3\), the file names 1 classes"):
        open_table(tmp_path, ColumnOptions())

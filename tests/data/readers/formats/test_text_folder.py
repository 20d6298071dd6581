import pytest

from tests.data.readers.formats.annotations import format_of, opened
from trainer.data.columns.options import ColumnOptions
from trainer.errors import DataError


def write(folder, files):
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


IMDB = {
    "README": b"x",
    "imdb.vocab": b"x",
    "train/urls_pos.txt": b"x",
    "train/labeledBow.feat": b"x",
    "train/pos/0_9.txt": b"good",
    "train/neg/0_1.txt": b"bad\nreally",
    "train/unsup/0_0.txt": b"who knows",
    "test/pos/0_8.txt": b"",
    "test/neg/0_2.txt": "très".encode(),
}


def test_imdb(tmp_path):
    table = opened(write(tmp_path, IMDB))
    assert table.rows.to_pydict() == {
        "text": ["très", "", "bad\nreally", "good"],
        "label": ["neg", "pos", "neg", "pos"],
        "id": ["test/neg/0_2.txt", "test/pos/0_8.txt", "train/neg/0_1.txt", "train/pos/0_9.txt"],
        "split": ["test", "test", "train", "train"],
    }
    assert table.known["split"] == "split"
    assert table.notes[:2] == (
        "4 text files in 2 class folders",
        "left out, because they have no label: 1 files in unsup",
    )


def test_the_split_that_is_there_may_be_declined(tmp_path):
    table = opened(write(tmp_path, IMDB), split="none", id="none")
    assert table.rows.column_names == ["text", "label"]
    assert dict(table.known) == {"label": "label"}
    columns = table.complete(ColumnOptions(split="none"))
    assert (columns.split, columns.label) == (None, "label")


def test_newsgroups(tmp_path):
    files = {"alt.atheism/49960": b"From: a", "sci.space/59848": b"From: b", "sci.space/59849": b"caf\xe9"}
    write(tmp_path, files)
    with pytest.raises(DataError, match=r"59849: .*is not utf-8: set data\.encoding"):
        opened(tmp_path)
    table = opened(tmp_path, encoding="latin-1")
    assert table.rows["label"].to_pylist() == ["alt.atheism", "sci.space", "sci.space"]
    assert table.rows["text"].to_pylist()[2] == "café"
    assert "split" not in table.known


@pytest.mark.parametrize(
    "other", [{"a/1.png": b"x", "b/1.txt": b"x"}, {"a/1.txt": b"x"}, {"a.txt": b"x", "b.txt": b"x"}]
)
def test_other_folders_are_none(tmp_path, other):
    with pytest.raises(DataError, match="is a directory: name the file"):
        opened(write(tmp_path, other))
    assert format_of(write(tmp_path / "more", IMDB)) == "text_folder"

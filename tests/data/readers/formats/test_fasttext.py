import pytest

from trainer.data.columns.options import ColumnOptions
from trainer.data.readers.tables import open_table
from trainer.data.sources.csv_text import load_csv_text
from trainer.errors import DataError
from trainer.tasks import MULTILABEL

COOKING = "__label__sauce __label__cheese How much does starch affect it ?\n__label__sauce Why\u00a0so\tsalty\n\n"


def loaded(tmp_path, text, name="x.txt", **options):
    (tmp_path / name).write_text(text, encoding="utf-8")
    return load_csv_text(str(tmp_path / name), ColumnOptions(**options), text="text")


@pytest.mark.parametrize("name", ["x.txt", "x.ft", "x.train", "x.valid", "cooking", "train.ft.txt"])
def test_several_labels_wherever_they_stand(tmp_path, name):
    samples, spec = loaded(tmp_path, f"{COOKING}Knife skills __label__equipment matter\nno label\n", name)
    assert samples.inputs.texts == (
        "How much does starch affect it ?",
        "Why\u00a0so salty",
        "Knife skills matter",
        "no label",
    )
    assert (spec.task, spec.classes) == (MULTILABEL, ("cheese", "equipment", "sauce"))
    assert samples.target.tolist() == [[1, 0, 1], [0, 0, 1], [0, 1, 0], [0, 0, 0]]


def test_one_label_per_line_is_a_class(tmp_path):
    samples, spec = loaded(
        tmp_path, "__label__2 Great CD, really\r\n__label__1 my__label__word , meh\r\n__label__2 ok\r\n"
    )
    assert (samples.inputs.texts, spec.classes) == (("Great CD, really", "my__label__word , meh", "ok"), ("2", "1"))
    assert samples.target.tolist() == [0, 1, 0]


def test_what_is_wrong_is_named(tmp_path):
    with pytest.raises(DataError, match=r"x\.txt line 2: a label without a name, __label__ alone: __label__ b"):
        loaded(tmp_path, "__label__p a\n__label__ b\n__label__q c\n")
    with pytest.raises(DataError, match="no label in column 'label' in row 3"):
        loaded(tmp_path, "__label__p a\n__label__q b\nc\n")
    with pytest.raises(DataError, match=r"x\.csv: this is a fastText file, which its ending does not say"):
        loaded(tmp_path, COOKING, "x.csv")


def test_a_table_that_speaks_of_labels_is_none(tmp_path):
    (tmp_path / "x.txt").write_text("text\tlabel\nthe mark __label__ is used\ta\nby fastText\tb\n")
    assert open_table(tmp_path / "x.txt", ColumnOptions()).rows.column_names == ["text", "label"]

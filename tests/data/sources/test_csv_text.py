import csv
from pathlib import Path

import pytest

from tests.data.sources.as_configured import as_configured
from tests.places import EXCERPTS, REAL_DATA
from trainer.data.sources import csv_text
from trainer.errors import ConfigError, DataError
from trainer.tasks import BINARY, MULTILABEL

load_csv_text = as_configured(csv_text.load_csv_text)

REAL = REAL_DATA


@pytest.fixture
def write(tmp_path: Path):
    def write_file(text: str, name: str = "reviews.csv") -> str:
        (tmp_path / name).write_text(text, encoding="utf-8")
        return str(tmp_path / name)

    return write_file


def test_texts_and_labels(write) -> None:
    samples, spec = load_csv_text(
        write('key,text,label\n7,"good, really\n😀",pos\n8,سيئ,neg\n9,NA,pos\n'),
        text="text",
        label="label",
        id="key",
    )
    assert samples.inputs.texts == ("good, really\n😀", "سيئ", "NA")
    assert samples.ids_N.tolist() == ["7", "8", "9"]
    assert samples.target.tolist() == [1, 0, 1]
    assert (spec.name, spec.task) == ("reviews", BINARY)


def test_several_text_columns_are_joined(write) -> None:
    samples, _ = load_csv_text(
        write("title,body,n,label\na,b,1,x\n,c,2,y\nd,,3,x\n"), text=["title", "body", "n"], label="label"
    )
    assert samples.inputs.texts == ("a b 1", "c 2", "d  3")


def test_empty_texts_are_kept_and_noted(write) -> None:
    samples, spec = load_csv_text(write('text,label\n"",a\nhi,b\n" ",a\n'), text="text", label="label")
    assert samples.inputs.texts == ("", "hi", " ")
    assert "empty text in 2 rows (1, 3): kept" in spec.notes


def test_every_text_empty(write) -> None:
    with pytest.raises(DataError, match="every text in text is empty"):
        load_csv_text(write('text,label\n"",a\n"",b\n'), text="text", label="label")


def test_missing_text_in_json_is_empty(write) -> None:
    path = write('{"text": "hi", "label": "a"}\n{"text": null, "label": "b"}\n{"label": "b"}\n', "r.jsonl")
    samples, _ = load_csv_text(path, text="text", label="label")
    assert samples.inputs.texts == ("hi", "", "")


def test_joined_labels_weights_and_groups(write) -> None:
    path = write("text,tags,w,g\nhi,a|b,1,u\nyo,,2,v\n")
    samples, spec = load_csv_text(path, text="text", label="tags", label_delimiter="|", weight="w", group="g")
    assert spec.task == MULTILABEL
    assert samples.target.tolist() == [[1, 1], [0, 0]]
    assert samples.weights_N is not None
    assert samples.weights_N.tolist() == [1.0, 2.0]
    assert samples.groups_N is not None
    assert samples.groups_N.tolist() == ["u", "v"]


def test_label_column_is_not_the_text_column(write) -> None:
    with pytest.raises(ConfigError, match=r"'text' is both data\.label and data\.text"):
        load_csv_text(write("text,label\nhi,a\n"), text="text", label="text")
    with pytest.raises(ConfigError, match=r"data\.text names no column"):
        load_csv_text(write("text,label\nhi,a\n"), text=[], label="label")


def test_pairs(write) -> None:
    path = write("question,title,answer,label\n在哪里？,x,这里,1\nwho?,y,,0\nwhy?,z,because,1\n")
    samples, spec = load_csv_text(path, text="question", pair="answer", label="label")
    assert samples.inputs.texts == ("在哪里？", "who?", "why?")
    assert samples.inputs.pairs == ("这里", "", "because")
    assert "empty pair in row 2: kept" in spec.notes
    resume_plan, _ = load_csv_text(path, text="question", pair=["title", "answer"], label="label")
    assert resume_plan.inputs.pairs == ("x 这里", "y", "z because")
    assert load_csv_text(path, text="question", label="label")[0].inputs.pairs is None


def test_a_pair_column_has_no_other_role(write) -> None:
    path = write("a,b,label\nhi,yo,1\nho,,0\n")
    with pytest.raises(ConfigError, match=r"'label' is both data\.label and data\.pair"):
        load_csv_text(path, text="a", pair="label", label="label")
    with pytest.raises(ConfigError, match=r"'a' is both data\.text and data\.pair"):
        load_csv_text(path, text="a", pair="a", label="label")
    with pytest.raises(ConfigError, match=r"'b' is both data\.group and data\.pair"):
        load_csv_text(path, text="a", pair="b", group="b", label="label")
    with pytest.raises(DataError, match=r"no column 'answer' \(data\.pair\)"):
        load_csv_text(path, text="a", pair="answer", label="label")


def test_every_second_text_empty(write) -> None:
    with pytest.raises(DataError, match=r"every text in b is empty: is data\.pair the right column"):
        load_csv_text(write("a,b,label\nhi,,1\nho, ,0\n"), text="a", pair="b", label="label")


def test_missing_text_column(write) -> None:
    with pytest.raises(DataError, match=r"no column 'txt' \(data.text\): did you mean 'text'"):
        load_csv_text(write("text,label\nhi,a\n"), text="txt", label="label")


def test_spam_needs_its_encoding_and_has_unnamed_columns() -> None:
    path = EXCERPTS / "sms_spam_cp1252.csv"
    with pytest.raises(DataError, match=r"data\.encoding=cp1252"):
        load_csv_text(str(path), text="v2", label="v1")
    samples, _ = load_csv_text(str(path), text=["v2", "unnamed_3"], label="v1", encoding="cp1252")
    with path.open(encoding="cp1252", newline="") as file:
        _, *rows = csv.reader(file)
    assert samples.target.tolist() == [int(row[0] == "spam") for row in rows]
    assert all(" ".join(text.split()) for text in samples.inputs.texts)
    assert any(row[2] and row[2].strip() in text for row, text in zip(rows, samples.inputs.texts, strict=True))


@pytest.mark.real_data
class TestRealFiles:
    def test_customer_reviews_have_four_empty_texts(self) -> None:
        samples, spec = load_csv_text(str(REAL / "text" / "cr.csv"), text="text", label="label")
        assert len(samples) == 3775
        assert any(note.startswith("empty text in 4 rows") for note in spec.notes)

    def test_spam_needs_its_encoding_and_has_unnamed_columns(self) -> None:
        path = str(REAL / "dirty" / "sms_spam_kaggle_latin1.csv")
        with pytest.raises(DataError, match=r"data\.encoding=cp1252"):
            load_csv_text(path, text="v2", label="v1")
        samples, _ = load_csv_text(path, text=["v2", "unnamed_3"], label="v1", encoding="cp1252")
        assert samples.target.tolist().count(1) == 747

    def test_gbk_with_damaged_records(self) -> None:
        path = str(REAL / "dirty" / "htl_ba_2000_gbk.csv")
        with pytest.raises(DataError, match=r"data\.encoding=gb18030"):
            load_csv_text(path, text="text", label="label")
        with pytest.raises(DataError, match="damaged lines: 46"):
            load_csv_text(path, text="text", label="label", encoding="gb18030")

    def test_rows_without_labels(self) -> None:
        path = str(REAL / "multilabel" / "jd_aspects.csv")
        samples, spec = load_csv_text(path, text="text", label="labels", label_delimiter="|")
        assert samples.target.shape == (2150, 9)
        assert (samples.target.sum(axis=1) == 0).sum() == 1943
        assert samples.target.sum(axis=0)[spec.classes.index("制热效果")] == 100

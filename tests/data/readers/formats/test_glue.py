import pytest

from tests.data.readers.formats.annotations import format_of, opened
from trainer.data.columns.options import ColumnOptions
from trainer.data.columns.rows import assign_roles
from trainer.errors import DataError

COLA = (
    "gj04\t1\t\tOur friends won't buy this.\ngj04\t0\t*\tThey drank the pub.\nbc01\t1\t\tOne \"more.\nbc01\t1\t\tEnd\n"
)
QNLI = 'index\tquestion\tsentence\tlabel\n0\tWhat "is it?\tA thing.\tentailment\n1\tWho?\tThe 5" one.\tnot_entailment\n'


def write(tmp_path, name, content):
    (tmp_path / name).write_text(content)
    return tmp_path / name


def test_cola_has_no_header(tmp_path):
    path = write(tmp_path, "dev.tsv", COLA)
    table = opened(path)
    assert table.rows["label"].to_pylist() == ["1", "0", "1", "1"]
    assert table.rows["sentence"].to_pylist()[1:3] == ["They drank the pub.", 'One "more.']


def test_quotes_are_plain_characters(tmp_path):
    table = opened(write(tmp_path, "train.tsv", QNLI))
    assert table.rows["question"].to_pylist() == ['What "is it?', "Who?"]
    assert table.rows["sentence"].to_pylist() == ["A thing.", 'The 5" one.']
    assert dict(table.known) == {"label": "label", "id": "index"}


HEADERS = [
    ("Quality\t#1 ID\t#2 ID\t#1 String\t#2 String", {"label": "Quality"}),
    ("id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate", {"label": "is_duplicate", "id": "id"}),
    (
        "index\tpromptID\tpairID\tgenre\tsentence1\tsentence2\tgold_label",
        {"label": "gold_label", "id": "index"},
    ),
    ("index\tsentence1\tsentence2\tlabel", {"label": "label", "id": "index"}),
    ("sentence\tlabel", {"label": "label"}),
]


@pytest.mark.parametrize(("header", "known"), HEADERS, ids=[header[:12] for header, _ in HEADERS])
def test_which_column_is_the_label(tmp_path, header, known):
    cells = "\t".join("x" for _ in header.split("\t"))
    path = write(tmp_path, "train.tsv", f"{header}\n{cells}\n")
    assert format_of(path) == "glue"
    assert dict(opened(path).known) == known


def test_a_test_file_has_no_labels(tmp_path):
    path = write(tmp_path, "test.tsv", "index\tsentence1\tsentence2\n0\ta\tb\n")
    table = opened(path)
    with pytest.raises(DataError, match=r"test\.tsv: no column 'label'.*\n.*\nis it a test file, which has no labels"):
        assign_roles(table.rows, path, table.complete(ColumnOptions()), others={})


@pytest.mark.parametrize("name", ["reviews.tsv", "train.csv"])
def test_other_names_are_none(tmp_path, name):
    assert format_of(write(tmp_path, name, "sentence\tlabel\na\tb\n")) == "delimited"
    assert format_of(write(tmp_path, "train.tsv", "sentence\tkind\na\tb\n")) == "delimited"


def test_json_lines_of_clue(tmp_path):
    line = '{"label": "108", "label_desc": "news_edu", "sentence": "a", "keywords": ""}\n'
    content = line + line.replace("108", "104").replace("edu", "finance")
    rows = opened(write(tmp_path, "train.json", content)).rows
    assert rows["label_desc"].to_pylist() == ["news_edu", "news_finance"]

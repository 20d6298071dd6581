import io
import math
import zipfile
from datetime import datetime

import arff
import pytest
from scipy.io import arff as scipy_arff

from trainer.data.columns.options import ColumnOptions
from trainer.data.readers.tables import open_table
from trainer.data.sources.csv_tabular import load_csv_tabular
from trainer.errors import DataError

KINDS = [
    ("len gth", "REAL"),
    ("it's", "NUMERIC"),
    ("kind", ["a,b", "it's", 'say "x"', "50%", "c\\d"]),
    ("y", ["p", "q"]),
]
ROWS = [
    [1.5, 2.0, "a,b", "p"],
    [-2e-7, None, "it's", "q"],
    [None, 3.0, 'say "x"', "p"],
    [4.0, 0.0, None, "q"],
    [0.0, 1.0, "50%", "p"],
    [0.0, 1.0, "c\\d", "q"],
]
HEAD = "@relation r\n@attribute a numeric\n@attribute k {u,v,'w x'}\n@attribute y {p,q}\n@data\n"


def opened(tmp_path, text, name="x.arff", **options):
    (tmp_path / name).write_text(text, encoding="utf-8")
    return open_table(tmp_path / name, ColumnOptions(**options))


def cells(tmp_path, text, **options):
    return [list(row.values()) for row in opened(tmp_path, text, **options).rows.to_pylist()]


def test_what_liac_arff_wrote_is_read_the_same(tmp_path):
    text = arff.dumps({"relation": "my data", "description": "by\nhand", "attributes": KINDS, "data": ROWS})
    table = opened(tmp_path, text).rows
    assert table.column_names == [name for name, _ in KINDS]
    assert [list(row.values()) for row in table.to_pylist()] == ROWS
    sparse = [{0: 1.5, 2: "it's", 3: "q"}, {}, {1: 3.0}]
    text = arff.dumps({"relation": "r", "attributes": KINDS, "data": sparse})
    dense = arff.loads(text, return_type=arff.LOD)["data"]
    filled = [[row.get(place, (0.0, 0.0, "a,b", "p")[place]) for place in range(4)] for row in dense]
    assert cells(tmp_path, text) == filled


def test_dates_and_numbers_are_those_of_scipy(tmp_path):
    head = "@relation r\n@attribute t date 'yyyy-MM-dd HH:mm:ss'\n@attribute\ta\treal [0, 9] % range\n@data\n"
    text = head + "'2001-04-03 12:12:59',1.5\n?,?\n\n% more\n'1999-12-31 00:00:00',3\n"
    expected, _ = scipy_arff.loadarff(io.StringIO(text))
    found = cells(tmp_path, text)
    assert [row[0] for row in found] == [value.astype(object) for value in expected["t"]]
    assert [math.nan if row[1] is None else row[1] for row in found] == pytest.approx(expected["a"], nan_ok=True)
    iso = cells(tmp_path, head.replace("'yyyy-MM-dd HH:mm:ss'", "") + "2001-04-03T12:12:59,1\n")
    assert iso == [[datetime(2001, 4, 3, 12, 12, 59), 1.0]]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ("1,u,p\n2,'w x',q\n", [[1.0, "u", "p"], [2.0, "w x", "q"]]),
        (" 1 , u ,p\n\n  % none\n2,\t'w x'\t, q % end\n", [[1.0, "u", "p"], [2.0, "w x", "q"]]),
        ("1\tu\tp\r\n2\tv\tq\r\n", [[1.0, "u", "p"], [2.0, "v", "q"]]),
        ("1 u p\n+2 v q\n", [[1.0, "u", "p"], [2.0, "v", "q"]]),
        ('1,"w x",p\n?, ? ,?\n', [[1.0, "w x", "p"], [None, None, None]]),
        ("{0 3, 1 'w x'}\n{ }\n{1 ?, 2 q}\n", [[3.0, "w x", "p"], [0.0, "u", "p"], [0.0, None, "q"]]),
    ],
)
def test_each_way_to_write_rows(tmp_path, rows, expected):
    assert cells(tmp_path, f"% head\n{HEAD}{rows}") == expected
    assert cells(
        tmp_path, f"{HEAD.upper().replace('{U,V', '{u,v').replace('W X', 'w x').replace('{P,Q', '{p,q')}{rows}"
    )
    assert cells(tmp_path, f"{HEAD}{rows}", format="arff") == expected


def test_text_with_escapes_and_a_question_mark_in_quotes(tmp_path):
    head = "@relation r\n@attribute s string\n@attribute y {p,q}\n@data\n"
    rows = "'a\\tb \\'c\\' \\u00e9',p\n'?',q\n?,p\n\" d \",q\nit's,p\n"
    assert cells(tmp_path, head + rows) == [["a\tb 'c' é", "p"], ["?", "q"], [None, "p"], [" d ", "q"], ["it's", "p"]]


def test_weights_of_rows_are_weights(tmp_path):
    (tmp_path / "x.arff").write_text(HEAD + "1,u,p,{3.0}\n2,v,q\n3,v,q, {0.5}\n")
    samples, spec = load_csv_tabular(str(tmp_path / "x.arff"), ColumnOptions())
    assert samples.weights_N.tolist() == [3.0, 1.0, 0.5]
    assert (samples.inputs.numeric, samples.inputs.categorical, spec.classes) == (("a",), ("k",), ("q", "p"))
    sparse = opened(tmp_path, HEAD + "{0 3}, {2.0}\n{2 q}\n")
    assert sparse.rows["weight"].to_pylist() == ["2.0", "1"]


def test_the_label_is_the_last_nominal_attribute_unless_another_is_named(tmp_path):
    said = "label: 'y', which is last, as is usual in ARFF; data.label=NAME names another"
    found = opened(tmp_path, HEAD + "1,u,p\n")
    assert (found.known["label"], found.notes) == ("y", (said,))
    named = opened(tmp_path, HEAD + "1,u,p\n", label="k")
    assert (named.complete(ColumnOptions(label="k")).label, named.notes) == ("k", ())
    called = opened(tmp_path, HEAD.replace(" k ", " label ") + "1,u,p\n")
    assert (called.complete(ColumnOptions()).label, called.notes) == ("label", ())
    assert "label" not in opened(tmp_path, HEAD.replace("y {p,q}", "y real") + "1,u,5\n").known


def test_nominal_codes_stay_categories_and_flags_are_numbers(tmp_path):
    head = HEAD.replace("{u,v,'w x'}", "{1,2,3}").replace("a numeric", "a {0,1}")
    (tmp_path / "x.arff").write_text(head + "0,3,p\n1,1,q\n1,2,p\n")
    samples, _ = load_csv_tabular(str(tmp_path / "x.arff"), ColumnOptions())
    assert (samples.inputs.numeric, samples.inputs.categorical) == (("a",), ("k",))


MULTI = (
    "@relation {0}\n@attribute l1 {{0,1}}\n@attribute l2 {{0,1}}\n@attribute a numeric\n@attribute b numeric\n@data\n"
)


@pytest.mark.parametrize(
    ("name", "label"), [("'x: -C 2'", ["l1", "l2"]), ("'x: -C -1 -split 3'", ["b"]), ("'x -C 2'", 0)]
)
def test_labels_by_the_relation_of_meka(tmp_path, name, label):
    found = opened(tmp_path, MULTI.format(name) + "0,1,0.5,2\n1,1,2,0\n")
    assert found.known.get("label", 0) == label
    if label == ["l1", "l2"]:
        samples, spec = load_csv_tabular(str(tmp_path / "x.arff"), ColumnOptions())
        assert (samples.target.tolist(), spec.classes) == ([[0, 1], [1, 1]], ("l1", "l2"))


XML = (
    '<?xml version="1.0"?>\n<labels xmlns="http://mulan.sourceforge.net/labels">'
    '<label name="l2"><label name="l1"/></label></labels>'
)


def test_labels_by_the_xml_of_mulan(tmp_path):
    (tmp_path / "x.xml").write_text(XML)
    text = MULTI.format("x") + "0,1,0.5,2\n1,0,2,0\n"
    assert opened(tmp_path, text).known["label"] == ["l2", "l1"]
    assert opened(tmp_path, text, name="x-train.arff").known["label"] == ["l2", "l1"]
    with zipfile.ZipFile(tmp_path / "z.zip", "w") as archive:
        archive.write(tmp_path / "x.xml", "d/x.xml")
        archive.write(tmp_path / "x.arff", "d/x.arff")
    assert open_table(tmp_path / "z.zip", ColumnOptions()).known["label"] == ["l2", "l1"]
    (tmp_path / "x.xml").write_text(XML.replace("l2", "other"))
    with pytest.raises(DataError, match=r"x\.xml: the label 'other' is no attribute of x\.arff"):
        opened(tmp_path, text)
    (tmp_path / "x.xml").write_text(XML.replace("?>\n", '?>\n<!DOCTYPE labels [<!ENTITY e "l1">]>\n'))
    with pytest.raises(DataError, match=r"x\.xml: declares a document type"):
        opened(tmp_path, text)
    (tmp_path / "x.xml").write_bytes((tmp_path / "x.xml").read_text().encode("utf-16"))
    with pytest.raises(DataError, match=r"x\.xml: declares a document type"):
        opened(tmp_path, text)
    (tmp_path / "x.xml").write_text(XML[:-9])
    with pytest.raises(DataError, match=r"x\.xml: not readable as XML"):
        opened(tmp_path, text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEAD + "1,u,p\n2,v,q,9\n", r"row 2 \(line 7\) has 4 values for 3 attributes: 2,v,q,9"),
        (HEAD + "1,u\n", r"row 1 \(line 6\) has 2 values for 3 attributes"),
        (HEAD + "1,,p\n", r"row 1 \(line 6\) has no value for 'k' \(a missing one is written \?\)"),
        (HEAD + "1,u,p\n2,z,q\n", r"row 2 'z' of 'k' \(attribute 2\) is not declared: the header has u, v, w x"),
        (HEAD + "1,'w x',p\n2,'it\\'s',q\n", "row 2 'it's' of 'k'"),
        (HEAD + "one,u,p\n", "row 1 'one' of 'a' is not a number"),
        (HEAD + "{0 one}\n", "row 1 'one' of 'a' is not a number"),
        (HEAD + "{0 1, 3 p}\n", r"row 1 \(line 6\) has the index 3, but the attributes are 0 to 2"),
        (HEAD + "{}\n{0 1, 0 2}\n", r"row 2 \(line 7\) has the index 0 twice"),
        (HEAD + "{0 1\n", r"row 1 \(line 6\) is no sparse row"),
        (HEAD + "{0 1}\n1,u,p\n", r"row 2 \(line 7\) is no sparse row"),
        (HEAD + "1,u,p\n{0 1}\n", r"row 2 \(line 7\) is sparse, the rows before it are not"),
        (HEAD, "no rows after @data"),
        (HEAD.replace("@data\n", ""), "no line @data"),
        (HEAD.replace("@data", "1,u,p\n@data"), "line 5: not @attribute or @data, but: 1,u,p"),
        (HEAD.replace("a numeric", "a numbers") + "1,u,p\n", r"line 2: attribute 'a' is of no known type \(numbers\)"),
        (HEAD.replace("a numeric", "a relational") + "1,u,p\n", "attribute 'a' is relational"),
        (HEAD.replace("a numeric", "k numeric") + "1,u,p\n", "two attributes are called 'k'"),
        (
            HEAD.replace("a numeric", "a date 'yyyy'") + "1990,u,p\nsoon,v,q\n",
            "row 2 'soon' of 'a' is no date of the form yyyy",
        ),
        (HEAD.replace("a numeric", "a date 'ww'") + "1,u,p\n", "dates of the form ww are not read"),
        (
            "@relation 'x: -C 9'\n" + HEAD[12:] + "1,u,p\n",
            "-C 9 in the name of the relation counts labels, but there are 3",
        ),
        ("@relation 'x: -C 2'\n" + HEAD[12:] + "1,u,p\n", "-C 2 in the name .* but 'k' is not of {0,1}"),
        ("a,b\n1,2\n", "this is CSV text, not an ARFF file"),
        ("a b\n", "line 1: not @attribute or @data"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, text, message):
    with pytest.raises(DataError, match=message):
        opened(tmp_path, text)


def test_an_arff_file_with_another_ending(tmp_path):
    assert opened(tmp_path, HEAD + "1,u,p\n", name="x.txt").rows.num_rows == 1
    with pytest.raises(DataError, match=r"x\.csv: this is an ARFF file.*rename it to end in \.arff"):
        opened(tmp_path, HEAD + "1,u,p\n", name="x.csv")

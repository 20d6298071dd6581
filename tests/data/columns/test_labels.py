import numpy as np
import pyarrow as pa
import pytest

from trainer.data.columns.labels import encode_joined_labels, encode_labels, read_labels, sort_labels
from trainer.errors import ConfigError, DataError
from trainer.tasks import BINARY, MULTICLASS, MULTILABEL


def encode(*values: str | None):
    return encode_labels(list(values), "y", "f.csv")


def test_text_labels_sorted_as_text() -> None:
    labels = encode("pos", "neg", "pos")
    assert labels.classes == ("neg", "pos")
    assert labels.target.tolist() == [1, 0, 1]
    assert labels.target.dtype == np.int64
    assert labels.task == BINARY
    assert labels.notes == ("labels: neg -> 0, pos -> 1",)


def test_numeric_labels_sorted_numerically() -> None:
    labels = encode("10", "9", "-1", "10")
    assert labels.classes == ("-1", "9", "10")
    assert labels.target.tolist() == [2, 1, 0, 2]
    assert labels.task == MULTICLASS


def test_words_that_mean_missing_elsewhere_are_labels() -> None:
    assert encode("NA", "null", "None", "nan").classes == ("NA", "None", "nan", "null")


def test_large_whole_numbers_stay_apart() -> None:
    assert len(encode("12345678901234567890", "12345678901234567891").classes) == 2


def test_long_map_is_cut() -> None:
    note = encode(*(f"c{i:02}" for i in range(30))).notes[0]
    assert note.endswith("c09 -> 9, ... (30 in all)")


def test_labels_in_two_writings_are_joined_or_kept_apart_where_asked() -> None:
    cells = ["Pos", "pos", "neg", "pos", "pos."]
    joined = encode_labels(cells, "y", "f.csv", spellings="join")
    assert joined.classes == ("neg", "pos")
    assert joined.target.tolist() == [1, 1, 0, 1, 1]
    assert joined.notes[1] == "labels in several writings, joined: Pos / pos / pos."
    apart = encode_labels(cells, "y", "f.csv", spellings="apart")
    assert apart.classes == ("Pos", "neg", "pos", "pos.")
    assert "kept apart: Pos / pos / pos." in apart.notes[1]
    with pytest.raises(ConfigError, match=r"data\.spellings=joined: did you mean 'join'"):
        encode_labels(cells, "y", "f.csv", spellings="joined")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (["a", "", "b", None, " "], r"3 rows \(2, 4, 5\)"),
        (["a", "b", "", "", "", "", "", "", ""], r"7 rows \(3, 4, 5, 6, 7, \.\.\.\)"),
        (["a", "a"], "every row of column 'y' has the label 'a'"),
        (["0", "1", "0.0", "0 "], r"(?s)'0' in row 1.*'0.0' in row 3.*'0 ' in row 4"),
        (["pos", "neg", "pos "], r"(?s)'pos' in row 1.*'pos ' in row 3"),
        (["no", "yes", "no."], r"(?s)'no' in row 1.*'no\.' in row 3.*a dot at the end"),
        (["crème", "thé", "cre\u0300me"], r"(?s)\(U\+00E8\) in row 1.*\(U\+0065 U\+0300\) in row 3.*Unicode form"),
        (["好评", "差", "好评\u200b"], r"(?s)'好评\\u200b' \(U\+200B\) in row 3.*unseen characters"),
        (["1", "2", "１"], r"(?s)'1' in row 1.*'１' \(U\+FF11\) in row 3.*width"),
        (["'a'", "b", "a"], r"(?s)\"'a'\" in row 1.*'a' in row 3.*quotes.*join \(one\) or apart \(several\)"),
        ([f"{i}.5" for i in range(30)], "regression"),
        (["1.5", "2.25", "3"], "regression"),
    ],
)
def test_labels_that_are_no_classes(values: list[str | None], message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        encode(*values)
    assert len(str(caught.value).splitlines()) <= 5
    assert "f.csv" in str(caught.value)


def test_a_few_repeated_fractions_are_classes() -> None:
    assert encode(*["0.5", "1.5"] * 5).classes == ("0.5", "1.5")


def read(columns: dict[str, list], names: list[str], **options):
    return read_labels(pa.table(columns), names, "f.csv", **options)


@pytest.mark.parametrize(
    "column",
    [[0, 1, 1], [0.0, 1.0, 1.0], ["0", "1", "1"], ["0.0", "1", " 1 "], [False, True, True]],
)
def test_several_columns_of_zero_and_one(column: list) -> None:
    labels = read({"label:a": column, "label:b": ["1", "0", "0"]}, ["label:b", "label:a"])
    assert labels.classes == ("label:b", "label:a")
    assert labels.target.tolist() == [[1, 0], [0, 1], [0, 1]]
    assert labels.task == MULTILABEL


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (["0", "2", "x"], r"label column 'b' has '2' in 2 rows \(2, 3\)"),
        (["0", "", "1"], "no label in column 'b' in row 2"),
    ],
)
def test_other_cells_in_label_columns(cells: list[str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        read({"a": ["0", "1", "1"], "b": cells}, ["a", "b"])


def test_joined_labels() -> None:
    labels = encode_joined_labels(["red|blue", "", "blue | green", None, "red|red"], "y", "f.csv", "|")
    assert labels.classes == ("blue", "green", "red")
    assert labels.target.tolist() == [[1, 0, 1], [0, 0, 0], [1, 1, 0], [0, 0, 0], [0, 0, 1]]
    assert "1.00 labels per row, 2 rows without a label" in labels.notes[1]


def test_a_joined_label_in_two_writings_is_refused_with_its_rows() -> None:
    with pytest.raises(DataError, match=r"(?s)'red' in 2 rows \(1, 3\)\n'Red' in row 4.*differ only by case"):
        encode_joined_labels(["red|blue", "", "blue|red|red", "Red"], "y", "f.csv", "|")
    labels = encode_joined_labels(["red|blue", "", "blue|red|red", "Red"], "y", "f.csv", "|", spellings="join")
    assert labels.target.tolist() == [[1, 1], [0, 0], [1, 1], [0, 1]]


@pytest.mark.parametrize(
    "cells",
    [
        ["['a', 'b c']", "[]", "['b c']", "['d, e']"],
        ['["a", "b c"]', "[]", '["b c"]', '["d, e"]'],
        ["['a' 'b c']", "[]", "['b c']", "['d, e']"],  # NumPy's
        ["('a', 'b c')", "", "('b c',)", "('d, e',)"],
        ["{'a', \"b c\"}", "", "{'b c'}", "{'d, e'}"],
        ["[a, b c]", "[]", "[b c]", "['d, e']"],
    ],
)
def test_cells_that_are_lists_are_read_as_lists(cells: list[str]) -> None:
    labels = encode_joined_labels(cells, "y", "f.csv", ",")
    assert labels.classes == ("a", "b c", "d, e")
    assert labels.target.tolist() == [[1, 1, 0], [0, 0, 0], [0, 1, 0], [0, 0, 1]]
    assert any("are lists" in note for note in labels.notes)


@pytest.mark.parametrize(
    ("cells", "delimiter", "message"),
    [
        (["['a', 'b']", "a,b"], ",", r"1 different cells look like lists.*'a,b' in row 2"),
        (["[['a'], 'b']", "['b']"], ",", r"in row 1 looks like a list and cannot be read"),
        (["a,b", "a，b", "b"], ",", r"label 'a，b' in row 2 is other labels with '，' .*or set data\.spellings=join"),
        (["a|b", "a;b", "b"], "|", r"label 'a;b' in row 2 .*not '\|': write one delimiter$"),
        (["a,b", "a、b", "b"], ",", r"label 'a、b' in row 2"),
    ],
)
def test_cells_joined_in_two_ways_are_refused(cells: list[str], delimiter: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        encode_joined_labels(cells, "y", "f.csv", delimiter)


def test_the_wide_form_of_the_delimiter_is_read_where_asked() -> None:
    labels = encode_joined_labels(["a,b", "a，b", "b、a", "b"], "y", "f.csv", ",", spellings="join")
    assert labels.target.tolist() == [[1, 1], [1, 1], [1, 1], [0, 1]]


@pytest.mark.parametrize(("sign", "typed"), [("\n", "\\n"), ("\t", "\\t"), ("\r\n", "\\n")])
def test_signs_that_a_shell_cannot_type_are_named_and_read_as_typed(sign: str, typed: str) -> None:
    cells = [f"a{sign}b", "b", "a", "c"]
    assert f"set \"data.label_delimiter='{typed}'\"" in encode(*cells).notes[1]
    labels = encode_joined_labels(cells, "y", "f.csv", typed)
    assert labels.classes == ("a", "b", "c")
    assert labels.target.tolist() == [[1, 1, 0], [0, 1, 0], [1, 0, 0], [0, 0, 1]]
    exported = encode_joined_labels([f"a{typed}b", *cells[1:]], "y", "f.csv", typed)
    assert exported.target.tolist() == labels.target.tolist()


def test_joined_cells_without_the_delimiter_are_told() -> None:
    with pytest.raises(DataError, match=r"holds lists such as \['a', 'b'\].*data.label_delimiter=','"):
        encode("['a', 'b']", "['b']", "['a']")
    assert "set \"data.label_delimiter='|'\"" in encode("a|b", "b", "a", "c").notes[1]
    for joined, sign in (("a - b", " - "), ("a合并b", "合并"), ("a>b", ">")):
        assert f"set \"data.label_delimiter='{sign}'\"" in encode(joined, "b", "a").notes[1]
    assert "joined by '>'" in encode("<a><b>", "<b>", "<a>").notes[1]
    assert "joined by '#'" in encode("#a##b#", "#b#", "#a#").notes[1]
    assert "joined by ';'" in encode("a;b", "b;c", "a;c", "b").notes[1]
    for classes in (("Sports/NBA", "Sports/CBA", "News/World", "News/China", "Other"), ("a;b", "b;a", "c")):
        assert len(encode(*classes).notes) == 1
    for nested in ("[['a', 'b']]", '[{"id": 1, "name": "a"}]'):
        with pytest.raises(
            DataError, match=r"column 'y' holds lists within lists, or of objects.*label_delimiter='\|'"
        ):
            encode(nested, nested.replace("a", "b"))
    assert len(encode("R/B", "A-B", "x").notes) == 1  # of which the parts are no classes


def test_joined_labels_with_a_delimiter_that_never_occurs() -> None:
    assert any("right delimiter" in note for note in encode_joined_labels(["a/b", "c"], "y", "f", "|").notes)


def test_constant_label_is_noted() -> None:
    assert any("same in every row: b" in n for n in encode_joined_labels(["a|b", "b"], "y", "f", "|").notes)


@pytest.mark.parametrize("cells", [["a", "a"], ["", None]])
def test_joined_labels_need_two(cells: list[str | None]) -> None:
    with pytest.raises(DataError, match="at least two"):
        encode_joined_labels(cells, "y", "f.csv", "|")


def test_whole_numbers_stored_as_floats_are_labels_without_a_fraction() -> None:
    assert read({"y": [0.0, 1.0, 2.0, 0.0]}, ["y"]).classes == ("0", "1", "2")


def test_nan_label_is_missing() -> None:
    with pytest.raises(DataError, match="no label in column 'y' in row 2"):
        read({"y": [0.0, float("nan"), 1.0]}, ["y"])


def test_task_override_that_fits() -> None:
    assert read({"y": ["a", "b"]}, ["y"], task="multiclass").task == MULTICLASS
    assert read({"y": ["a", "b"]}, ["y"], task="binary").task == BINARY


@pytest.mark.parametrize(
    ("names", "options", "message"),
    [
        (["y"], {"task": "binary"}, "task=binary, but column 'y' has 3 classes"),
        (["y"], {"task": "multilabel"}, "one label per row"),
        (["a", "b"], {"task": "multiclass"}, "labels are multi-label"),
        (["y"], {"task": "binary", "label_delimiter": "|"}, "labels are multi-label"),
    ],
)
def test_task_override_that_contradicts(names: list[str], options: dict[str, str], message: str) -> None:
    columns = {"y": ["p", "q", "r"], "a": ["0", "1", "1"], "b": ["1", "1", "0"]}
    with pytest.raises(DataError, match=message):
        read(columns, names, **options)


@pytest.mark.parametrize(
    ("names", "options"),
    [
        (["y"], {"task": "ranking"}),
        (["a", "b"], {"label_delimiter": "|"}),
        (["y"], {"label_delimiter": ""}),
    ],
)
def test_options_that_make_no_sense(names: list[str], options: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match=r"data\.(task|label_delimiter)"):
        read({"y": ["p", "q"], "a": ["0", "1"], "b": ["1", "0"]}, names, **options)


def test_sort_labels() -> None:
    assert sort_labels(["2", "10", "-3", "1e1"]) == ("-3", "2", "10", "1e1")
    assert sort_labels(["2", "10", "x"]) == ("10", "2", "x")


@pytest.mark.parametrize("word", ["?", "NA", "n/a", "None", "unknown", "Not labeled", "未知", "-"])
def test_words_for_no_label_are_told_and_left_out_where_asked(word: str) -> None:
    cells = ["a", word, "b", "a", word]
    said = f"'{word}' in 2 rows (2, 5); to leave these rows out set \"data.missing_labels=['{word}']\""
    assert said in encode(*cells).notes[-1]
    labels = encode_labels(cells, "y", "f.csv", missing=[word])
    assert labels.classes == ("a", "b")
    assert labels.left_out_N.tolist() == [False, True, False, False, True]
    assert labels.target[~labels.left_out_N].tolist() == [0, 1, 0]
    assert labels.notes[1] == f"2 of 5 rows left out: their label is in data.missing_labels ({word})"


@pytest.mark.parametrize(
    ("cells", "warned"),
    [
        (["0", "1", "-1"], True),
        (["0", "1", "2", "-999"], True),
        (["0.0", "1.0", "-1.0"], True),  # as pandas writes whole numbers that once had a gap
        (["1", "2", "3", "-1"], True),
        (["-1", "1"], False),  # the two classes of a support vector machine
        (["-1", "0", "x"], False),
        (["-2", "-1", "0", "1", "2"], False),
        (["anone", "b"], False),
    ],
)
def test_minus_one_beside_classes_from_zero_up_is_told(cells: list[str], warned: bool) -> None:
    assert any("look like no label" in note for note in encode(*cells).notes) == warned


def test_empty_cells_and_cells_of_several_columns_may_be_left_out() -> None:
    assert encode_labels(["a", "", "b", None], "y", "f.csv", missing=[""]).left_out_N.tolist() == [False, True] * 2
    labels = read({"a": ["1", "-1", "0"], "b": ["0", "1", "1"]}, ["a", "b"], missing=[-1])
    assert labels.left_out_N.tolist() == [False, True, False]
    labels = read({"y": ["p|q", "?", "", "q"]}, ["y"], label_delimiter="|", missing=["?"])
    assert (labels.classes, labels.left_out_N.tolist()) == (("p", "q"), [False, True, False, False])
    with pytest.raises(DataError, match="no row has a label"):
        encode_labels(["?", "?"], "y", "f.csv", missing=["?"])
    assert "no row has such a label" in encode_labels(["a", "b"], "y", "f.csv", missing=["?"]).notes[1]


def test_many_whole_numbers_are_asked_about() -> None:
    ids, counted = [str(3 * value) for value in range(150)] * 4, [str(value) for value in range(150)] * 4
    for cells in (ids, [str(value) for value in range(60)]):
        with pytest.raises(DataError, match=r"values \(regression\) or ids"):
            encode(*cells)
    assert len(encode(*counted).classes) == 150
    assert len(read({"y": ids}, ["y"], task="multiclass").classes) == 150

import pytest

from tests.data.readers.formats.annotations import opened
from trainer.errors import DataError

IRIS = "5.1,3.5,1.4,0.2,Iris-setosa\n4.9,?,1.4,0.2,Iris-setosa\n7.0,3.2,4.7,1.4,Iris-versicolor\n\n"
PROSE = """1. Title: Plants

5. Number of Instances: 3

7. Attribute Information:
   1. sepal length in cm
   2. sepal width in cm
   3. petal length in cm
   4. petal width in cm
   5. class:
      -- Iris Setosa

8. Missing Attribute Values: None
"""
C45 = """| made of the census
>50K, <=50K.

age: continuous.
workclass: Private, Self-emp-not-inc, Never-worked.
hours-per-week: continuous.
"""


def write(tmp_path, content, names=None):
    (tmp_path / "x.data").write_text(content)
    if names is not None:
        (tmp_path / "x.names").write_text(names)
    return tmp_path / "x.data"


def test_names_of_the_prose(tmp_path):
    table = opened(write(tmp_path, IRIS, PROSE))
    assert table.rows.column_names == ["sepal length", "sepal width", "petal length", "petal width", "class"]
    assert table.rows["sepal width"].to_pylist() == ["3.5", "?", "3.2"]
    assert table.known["label"] == "class"
    assert table.notes[0].startswith("columns named by x.names: sepal length, ")


def test_names_in_the_form_of_c45(tmp_path):
    table = opened(write(tmp_path, "39, Private, 40, <=50K\n50, ?, 13, >50K\n", C45))
    assert table.rows.to_pydict() == {
        "age": ["39", "50"],
        "workclass": ["Private", "?"],
        "hours-per-week": ["40", "13"],
        "class": ["<=50K", ">50K"],
    }


def test_what_is_to_be_ignored_is_left_out(tmp_path):
    path = write(tmp_path, "bob, 3, a\nal, 4, b\n", "a, b.\n\nname: ignore.\nage: continuous.\n")
    table = opened(path)
    assert table.rows.to_pydict() == {"age": ["3", "4"], "class": ["a", "b"]}
    assert table.notes[-1] == "left out, since x.names says ignore: name"
    assert opened(path, id="name").rows.column_names == ["name", "age", "class"]


def test_names_that_do_not_fit_are_not_used(tmp_path):
    for names in (PROSE.replace("   5. class:", ""), PROSE.replace("petal width", "petal length"), "nothing"):
        table = opened(write(tmp_path, IRIS, names))
        assert table.rows.column_names == ["c1", "c2", "c3", "c4", "c5"]
        assert "the columns are c1, c2, ..." in table.notes[0]


def test_blanks_between_cells(tmp_path):
    table = opened(write(tmp_path, '18.0   8\t"chevrolet chevelle"  \n15.0   ?\t"buick"\n'))
    assert table.rows.to_pydict() == {"c1": ["18.0", "15.0"], "c2": ["8", "?"], "c3": ["chevrolet chevelle", "buick"]}
    named = opened(write(tmp_path, "1 2\n3 4\n"), header=["a", "b"])
    assert named.rows.to_pydict() == {"a": ["1", "3"], "b": ["2", "4"]}


def test_a_header_as_that_of_parkinsons(tmp_path):
    table = opened(write(tmp_path, "name,MDVP:Fo(Hz),status\nphon_R01,119.992,1\nphon_R02,122.4,0\n"))
    assert table.rows.column_names == ["name", "MDVP:Fo(Hz)", "status"]
    assert table.rows.num_rows == 2
    assert table.notes == ("the first line has the names of the columns",)
    with pytest.raises(DataError, match="duplicate column 'a'"):
        opened(write(tmp_path, "a,a,b\n1,2,3\n"))


def test_rows_of_another_length(tmp_path):
    with pytest.raises(DataError, match=r"x\.data: row 2 has 2 cells, row 1 has 3"):
        opened(write(tmp_path, "1,2,3\n1,2\n"))

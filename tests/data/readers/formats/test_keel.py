import shutil
import zipfile

import pytest

from trainer.data.columns.options import ColumnOptions
from trainer.data.readers.tables import open_table
from trainer.data.sources.csv_tabular import load_csv_tabular
from trainer.errors import DataError

HEAD = (
    "@relation iris\n@attribute length real [4.3, 7.9]\n@attribute width integer[1,9]\n"
    "@attribute colour {1, 2, 3}\n@attribute class{a, b}\n@inputs length, width, colour\n@outputs class\n@data\n"
)
ROWS = [f"{n / 2}, {n}, {n % 3 + 1}, {'ab'[n % 2]}\n" for n in range(8)]


def family(folder, k=3, stem="iris"):
    folder.mkdir(exist_ok=True)
    for fold in range(1, k + 1):
        held = [row for place, row in enumerate(ROWS) if place % k == fold - 1]
        rest = [row for row in ROWS if row not in held]
        (folder / f"{stem}-{k}-{fold}tst.dat").write_text(HEAD + "".join(held))
        (folder / f"{stem}-{k}-{fold}tra.dat").write_text(HEAD + "".join(reversed(rest)))
    return folder


def test_one_file(tmp_path):
    text = HEAD + "5.1, 3, 1, a\n?, <null>, 3, b\n 4, 1,2,a\n"
    (tmp_path / "iris.dat").write_text("% made by hand\n" + text)
    samples, spec = load_csv_tabular(str(tmp_path / "iris.dat"), ColumnOptions())
    assert (samples.inputs.numeric, samples.inputs.categorical) == (("length", "width"), ("colour",))
    assert str(samples.inputs.numeric_NF.tolist()) == "[[5.1, 3.0], [nan, nan], [4.0, 1.0]]"
    assert (samples.inputs.categorical_NK.ravel().tolist(), sorted(spec.classes)) == (["1", "3", "2"], ["a", "b"])
    (tmp_path / "iris.dat").write_text(text.replace("@outputs class\n", "").replace("@inputs length,", "@inputs"))
    opened = open_table(tmp_path / "iris.dat", ColumnOptions())
    assert (opened.rows.column_names, opened.known["label"]) == (["width", "colour", "class"], "class")


@pytest.mark.parametrize("given", ["iris-3-1tra.dat", "iris-3-2tst.dat", "", "zip"])
def test_any_part_of_a_family_stands_for_its_folds(tmp_path, given):
    folder = family(tmp_path / "folds")
    path = folder / given
    if given == "zip":
        path = tmp_path / "iris-3-fold.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for file in folder.iterdir():
                archive.write(file, file.name)
    samples, spec = load_csv_tabular(str(path), ColumnOptions())
    assert samples.split_N.tolist() == ["0"] * 3 + ["1"] * 3 + ["2"] * 2
    assert samples.inputs.numeric == ("length", "width")
    assert samples.inputs.numeric_NF[:, 1].tolist() == [0, 3, 6, 1, 4, 7, 2, 5]
    assert [note for note in spec.notes if "cv=predefined" in note] == [
        "the folds of iris-3-1tst.dat, iris-3-2tst.dat, iris-3-3tst.dat are column 'fold': cv=predefined trains on them"
    ]


def test_a_training_part_is_the_other_test_parts(tmp_path):
    folder = family(tmp_path / "folds")
    part = folder / "iris-3-2tra.dat"
    part.write_text(part.read_text().replace(ROWS[0], "9, 9, 1, a\n"))
    with pytest.raises(DataError, match=r"iris-3-2tra\.dat: not the rows of the other test parts: 1 of them"):
        open_table(folder, ColumnOptions())
    part.unlink()
    (note,) = open_table(folder, ColumnOptions()).notes
    assert "(2 of 3 training parts are there to check them by)" in note


def test_what_is_wrong_is_named(tmp_path):
    folder = family(tmp_path / "folds")
    shutil.copy(folder / "iris-3-1tra.dat", tmp_path)
    with pytest.raises(DataError, match=r"iris-3-1tst\.dat is not beside it: all 3 test parts are needed"):
        open_table(tmp_path / "iris-3-1tra.dat", ColumnOptions())
    family(folder, stem="wine")
    with pytest.raises(DataError, match=r"folds: parts of several data sets \(iris-3-, wine-3-\): give one"):
        open_table(folder, ColumnOptions())
    other = folder / "wine-3-2tst.dat"
    other.write_text(other.read_text().replace("width", "depth"))
    with pytest.raises(DataError, match=r"wine-3-2tst\.dat: its attributes are not those of wine-3-1tst\.dat"):
        open_table(folder / "wine-3-1tra.dat", ColumnOptions())
    (tmp_path / "x.dat").write_text(HEAD.replace("@outputs class", "@outputs kind") + ROWS[0])
    with pytest.raises(DataError, match=r"x\.dat: @outputs names 'kind', which is no attribute"):
        open_table(tmp_path / "x.dat", ColumnOptions())
    (tmp_path / "x.dat").write_text(HEAD + "1, 2, 4, a\n")
    with pytest.raises(DataError, match=r"x\.dat: row 1 '4' of 'colour' \(attribute 3\) is not declared"):
        open_table(tmp_path / "x.dat", ColumnOptions())

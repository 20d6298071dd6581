"""``foldwise audit`` from the command line."""

import shutil

import numpy as np
import pytest

from tests.audit.picture_cases import jpeg, photo, written
from tests.look.format_files import write_text_folder, write_zip
from trainer.cli.flags import fix_as_flags
from trainer.cli.main import main as foldwise


@pytest.fixture
def table(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(80, 2)).round(4)
    x[70:] = x[:10]
    rows = [f"{a},{b},{int(a + b > 0)},{'train' if i < 60 else 'test'}" for i, (a, b) in enumerate(x)]
    path = tmp_path / "t.csv"
    path.write_text("a,b,label,part\n" + "\n".join(rows) + "\n")
    return str(path)


def test_a_leak_is_named_with_its_rows_and_what_it_is_worth(table, capsys):
    assert foldwise(["audit", table, "--label", "label", "--split", "part", "--measure"]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "10 of 20 held-out rows are copies of training rows" in printed
    assert "the leak is worth" in printed
    assert "71" in printed


def test_strict_ends_with_the_exit_code_of_data_errors(table, capsys):
    assert foldwise(["audit", table, "--label", "label", "--split", "part", "--strict"]) == 3
    assert "leak (--strict)" in capsys.readouterr().err


def test_what_is_wrong_with_the_file_is_said(table, capsys):
    assert foldwise(["audit", table, "--label", "lable"]) == 3
    assert "did you mean 'label'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "code", "message"),
    [
        (["--text", "part", "--drop", "absent"], 2, "--drop has no effect with --text"),
        (["--group", "parts"], 3, "no column 'parts' (--group): did you mean 'part'? set --group part"),
        (["--time", "parts"], 3, "no column 'parts' (--time): did you mean 'part'? set --time part"),
        (["--split", "PARTS"], 3, "no column 'PARTS' (--split): did you mean 'part'? set --split part"),
        (["--weight", "bb"], 3, "no column 'bb' (--weight): did you mean 'b'? set --weight b"),
        (["--text", "part", "--weight", "bb"], 3, "no column 'bb' (--weight)"),
        (["--time", "label"], 2, "column 'label' is both --label and --time: a column has one role"),
        (["--id", "part"], 3, "repair them, or leave --id out to number the rows"),
    ],
)
def test_errors_speak_of_the_options_of_this_command(table, capsys, given, code, message):
    assert foldwise(["audit", table, "--label", "label", *given]) == code
    err = capsys.readouterr().err
    assert message in err
    assert "data." not in err


@pytest.fixture
def folder(tmp_path):
    """Six photos in train, three in test: one of them a JPEG of a training photo."""
    pictures = {f"train/{'cat' if place % 2 else 'dog'}/{place}.png": photo(place) for place in range(6)}
    pictures |= {"test/cat/7.png": photo(7), "test/dog/8.png": photo(8), "test/dog/9.png": jpeg(photo(2))}
    written(tmp_path / "photos", pictures)
    return tmp_path / "photos"


def test_a_folder_of_images_is_audited_under_its_own_split(folder, capsys):
    assert foldwise(["audit", str(folder), "--strict"]) == 3
    printed = " ".join(capsys.readouterr().out.split())
    assert "1 of 3 held-out rows is nearly the same as training rows (fold test: 1 of 3)" in printed
    assert "(test/dog/9.png) is held out while row" in printed
    assert "(train/dog/2.png) is trained on" in printed


def test_folders_beside_the_split_are_left_out(folder, capsys):
    shutil.copytree(folder / "train", folder / "extra")
    test_a_folder_of_images_is_audited_under_its_own_split(folder, capsys)


def test_a_folder_without_a_split_is_audited_as_a_whole(folder, capsys):
    assert foldwise(["audit", str(folder / "train"), "--strict"]) == 0
    assert "nothing found" in capsys.readouterr().out.lower()


def test_a_folder_of_texts_is_audited_under_the_split_of_its_format(tmp_path, capsys):
    write_text_folder(tmp_path)
    given = ["audit", str(tmp_path / "aclImdb"), "--label", "label", "--text", "text"]
    assert foldwise([*given, "--strict"]) == 3
    assert "10 of 10 held-out rows are nearly the same as training rows" in " ".join(capsys.readouterr().out.split())
    assert foldwise([*given, "--split", "none"]) == 0
    assert "held out" not in capsys.readouterr().out


def test_a_zip_file_without_images_is_a_table(tmp_path, capsys):
    write_zip(tmp_path)
    assert foldwise(["audit", str(tmp_path / "archive.zip"), "--label", "label"]) == 0
    assert "labels: ill -> 0, well -> 1" in capsys.readouterr().out


def test_a_table_that_names_images(folder, tmp_path, capsys):
    names = [file.relative_to(folder).as_posix() for file in sorted(folder.rglob("*.png"))]
    rows = [f"{name},{name.split('/')[1]},{name.split('/')[0]},{row}" for row, name in enumerate(names)]
    table = tmp_path / "t.csv"
    table.write_text("picture,label,part,day\n" + "\n".join(rows) + "\n")
    options = ["--images", str(folder), "--file", "picture", "--label", "label", "--split", "part", "--time", "day"]
    assert foldwise(["audit", str(table), *options, "--measure"]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "nearly the same as training rows (fold test: 1 of 3)" in printed
    assert "earlier than rows trained on" in printed
    assert "nearest neighbour on 16 x 16 grey pixels" in printed


@pytest.mark.parametrize(
    ("given", "code", "message"),
    [
        (["DIR", "--label", "label"], 2, "--label has no effect"),
        (["DIR/train/cat"], 3, "for a table that names the files and their labels add --file COL --label COL"),
        (["t.csv"], 2, "--label COL is missing"),
        (["t.csv", "--images", "nowhere", "--label", "label"], 3, "no column 'file' (--file)"),
        (["t.csv", "--images", "nowhere", "--label", "label", "--file", "a"], 3, "--images nowhere does not exist"),
        (["t.csv", "--images", "DIR", "--label", "label", "--file", "a", "--text", "b"], 2, "--text has no effect"),
        (["t.csv", "--images", "DIR", "--label", "label", "--file", "a"], 3, "no row's file is there: set --images"),
    ],
)
def test_what_is_wrong_with_images_is_said(folder, table, capsys, given, code, message):
    places = {"t.csv": table}
    given = [places.get(word, word.replace("DIR", str(folder))) for word in given]
    assert foldwise(["audit", *given]) == code
    err = capsys.readouterr().err
    assert message in err
    assert "data." not in err


@pytest.mark.parametrize(
    ("fix", "here"),
    [
        ("data.group=person cv=stratified_group", "--group person"),
        ("\"data.group='a person'\" cv=group", "--group 'a person'"),
        ("data.split=part cv=predefined, or data.drop=[part]", "--split part or --drop part"),
        (r""""data.drop=[id,'it\'s, id']" cv=group cv.group=auto""", """--drop id --drop 'it'"'"'s, id' """.strip()),
        ("cv=time data.group=null cv.group=null (no split keeps groups and goes forward)", ""),
        ("cv=group cv.group=auto_duplicates", ""),
    ],
)
def test_a_fix_names_the_flags_that_are_here_and_the_options_of_a_run(fix, here):
    assert fix_as_flags(fix) == (f"{here} (in a run: {fix})" if here else fix)


def test_the_fix_that_is_printed_is_one_that_the_command_takes(tmp_path, capsys):
    lines = [f"{i * 37 % 61},user {i // 4},{i % 2}" for i in range(80)]
    (tmp_path / "t.csv").write_text("\n".join(["x,user_id,label", *lines]) + "\n")
    assert foldwise(["audit", str(tmp_path / "t.csv"), "--label", "label"]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "fix: --group user_id or --drop user_id (in a run: data.group=user_id cv=stratified_group" in printed
    assert foldwise(["audit", str(tmp_path / "t.csv"), "--label", "label", "--group", "user_id"]) == 0


def test_arrays_of_images_are_audited_under_their_own_split(tmp_path, capsys):
    images = np.random.default_rng(0).integers(0, 256, (8, 12, 12), dtype=np.uint8)
    images[6] = images[1]
    labels = np.arange(8, dtype=np.uint8)[:, None] % 2
    parts = {"train": slice(0, 6), "test": slice(6, 8)}
    arrays = {
        f"{name}_{what}": all_of[rows]
        for name, rows in parts.items()
        for what, all_of in (("images", images), ("labels", labels))
    }
    np.savez(tmp_path / "med.npz", **arrays)
    assert foldwise(["audit", str(tmp_path / "med.npz"), "--strict"]) == 3
    printed = " ".join(capsys.readouterr().out.split())
    assert "1 of 2 held-out rows is a copy of training rows" in printed
    assert foldwise(["audit", str(tmp_path / "med.npz"), "--label", "label"]) == 2
    assert "--label has no effect" in capsys.readouterr().err

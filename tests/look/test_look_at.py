"""``foldwise look`` says the right things of files as people have them, and its commands run."""

import json
import shlex
import subprocess
import zipfile

import pyarrow.csv
import pyarrow.parquet
import pytest

import trainer as fw
from tests.look.format_files import FILES
from tests.look.made_files import RIGHT, write_files
from tests.picture_files import write_pictures
from trainer.cli.main import main as foldwise
from trainer.data.columns.options import ColumnOptions
from trainer.data.sources.csv_tabular import load_csv_tabular
from trainer.errors import DataError
from trainer.look import at_images
from trainer.look.look_at import look_at
from trainer.look.page import MOST_LINES, as_page

TABLES = ("sep.csv", "commas.txt", "noheader.csv", "passengers.csv", "patients.csv", "house.csv", "my data (1).csv")
QUICK = ("debug=fast", "cv.fold=0", "audit=off", "baseline=off", "preflight=off")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    write_files(folder)
    return folder


@pytest.mark.parametrize("name", RIGHT)
def test_what_is_said_is_right_and_its_commands_run(files, train, monkeypatch, capsys, name):
    monkeypatch.chdir(files)
    right, found = RIGHT[name], look_at(name)
    words = shlex.split(found.train)
    assert set(right.train.split()) <= set(words)
    assert [column.kind for column in found.columns] == list(right.kinds)
    assert found.task == right.task
    assert len(as_page(found).splitlines()) <= MOST_LINES
    assert bool(found.repair) == right.repaired
    for step in found.repair:
        subprocess.run(step, shell=True, check=True)
    audit = shlex.split(found.audit)
    assert audit[0] == words[0] == "foldwise"
    assert foldwise(audit[1:]) == 0, capsys.readouterr().err
    outcome = train(*words[2:], *QUICK, f"run=x{list(RIGHT).index(name)}")
    assert outcome.code == 0, outcome.err


@pytest.mark.parametrize("name", TABLES)
def test_kinds_are_those_that_the_loader_takes(files, name):
    found = look_at(str(files / name))
    label = found.candidates["label"][0].name
    refused = [column.name for column in found.columns if column.read_as == "refused"]
    form = {"header": found.form["header"]} if found.form["header"] == "none" else {}
    options = ColumnOptions(
        label=label,
        task=found.task if found.task == "regression" else None,
        delimiter=found.form["delimiter"] if name.endswith(".txt") else None,
        missing_labels=[""],
        **form,
    )
    samples, _ = load_csv_tabular(str(files / name), options, drop=refused)
    for kind, taken in (("number", samples.inputs.numeric), ("category", samples.inputs.categorical)):
        said = {column.name for column in found.columns if column.read_as == kind and column.name != label}
        assert said == set(taken)


def test_json_has_all_that_the_page_has(files, capsys, monkeypatch):
    monkeypatch.chdir(files)
    assert foldwise(["look", "patients.csv", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found == json.loads(json.dumps(look_at("patients.csv").to_dict()))
    assert found["candidates"]["group"][0]["name"] == "patient_id"
    assert foldwise(["look", "patients.csv"]) == 0
    assert found["train"] in capsys.readouterr().out


def test_fewer_rows_are_looked_at_where_so_many_are_asked_for(files):
    found = look_at(str(files / "house.csv"), n_rows=20)
    assert (found.n_rows, found.sample) == (60, "20 rows were looked at")


def test_a_frame_is_looked_at_as_its_file_is(files):
    table = pyarrow.csv.read_csv(files / "house.csv")
    found = fw.look(table)
    assert [column.kind for column in found.columns] == ["number", "number", "number"]
    assert found.task == "regression"
    assert "fw.cross_validate" in found.train
    assert "house" not in as_page(found)


def test_a_split_that_training_refuses_is_no_part_of_the_command(tmp_path):
    rows = "".join(f"{i}.5,{'ab'[i % 2]},{['dev', 'test'][i % 2]}\n" for i in range(20))
    (tmp_path / "t.csv").write_text(f"x,label,split\n{rows}")
    found = look_at(str(tmp_path / "t.csv"))
    assert "predefined" not in found.train
    assert "data.drop=[split]" in found.train
    assert "'dev' in row 1 is no fold" in found.refusals[-1].why


def test_the_current_folder_is_looked_at_as_any_other(tmp_path, monkeypatch):
    pyarrow.parquet.write_table(pyarrow.table({"x": range(20), "label": ["a", "b"] * 10}), tmp_path / "part-0.parquet")
    monkeypatch.chdir(tmp_path)
    assert (look_at(".").n_rows, look_at(".").repair) == (20, ())


def test_what_is_not_there_is_an_error():
    with pytest.raises(DataError, match="no such file"):
        look_at("nowhere.csv")
    assert look_at("https://x.org/a.csv").advice == "download it first: curl -LO https://x.org/a.csv"


@pytest.mark.parametrize("encoding", ["gb18030", "utf-8"])
def test_damaged_text_is_repaired_first(tmp_path, monkeypatch, encoding):
    rows = "".join(f"酒店的房间很大也很干净{i},{'ab'[i % 2]}\n" for i in range(40))
    (tmp_path / "bad.csv").write_bytes(f"文本,label\n{rows}".encode(encoding) + b"abc\xff,a\n")
    monkeypatch.chdir(tmp_path)
    found = look_at("bad.csv")
    assert found.repair == (f"iconv -c -f {encoding} -t utf-8 bad.csv > bad_repaired.csv",)
    assert found.form["encoding"] == encoding
    subprocess.run(found.repair[0], shell=True, check=False)  # iconv tells of what it left out
    assert look_at("bad_repaired.csv").train == found.train


def test_a_large_folder_is_not_searched_for_images(files, monkeypatch):
    monkeypatch.setattr(at_images, "MOST_COUNTED", 3)
    assert look_at(str(files)).what.startswith("a folder with ")
    assert look_at(str(files / "photos")).what == "a folder of images"


def test_a_table_in_a_zip_file_names_the_images_beside_it(files, tmp_path):
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for path in sorted((files / "named").rglob("*.*")):
            archive.write(path, path.relative_to(files / "named"))
    found = look_at(str(tmp_path / "all.zip"))
    assert "data=image_csv" in found.train
    assert "data.file=file" in found.train
    assert look_at(str(files / "named")).train == look_at(str(files / "named" / "table.csv")).train


def test_what_a_format_knows_is_said(tmp_path):
    for name, what, header in (("tar", "a CSV file in a .tar.gz file", "the first line"), ("uci", "a .data", "none")):
        FILES[name].write(tmp_path)
        found = look_at(str(tmp_path / FILES[name].path))
        assert found.what.startswith(what)
        assert found.form["header"] == header
    FILES["keel"].write(tmp_path)
    found = look_at(str(tmp_path / FILES["keel"].path))
    assert {column.name: column.kind for column in found.columns}["colour"] == "category"  # codes, by its header
    FILES["arff_mulan"].write(tmp_path)
    assert [one.name for one in look_at(str(tmp_path / "moods.arff")).candidates["label"]] == ["calm, sad"]


def test_a_parquet_file_among_others_is_not_all_there_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = pyarrow.table({"x": [n * 7 % 5 for n in range(20)], "label": ["a", "b"] * 10})
    for folder in ("photos", "parts", "tables"):
        (tmp_path / folder).mkdir()
        pyarrow.parquet.write_table(rows, f"{folder}/meta.parquet")
    write_pictures(tmp_path / "photos" / "all", 3)
    (tmp_path / "tables" / "more.csv").write_text("x,label\n1,a\n")
    (tmp_path / "parts" / "cover.png").write_bytes(b"x")
    photos, parts, tables = map(look_at, ("photos", "parts", "tables"))
    assert "data=image_folder" in photos.train
    assert photos.facts[-1] == "beside the images: meta.parquet; foldwise look photos/meta.parquet looks at it"
    assert foldwise(shlex.split(photos.audit)[1:]) == 0
    assert (parts.n_rows, parts.facts[-1]) == (20, "other files of the folder are not read: 1 .png")
    assert [name.split(" ")[0] for name in tables.files] == ["meta.parquet", "more.csv"]

import unicodedata
from pathlib import Path

import pytest

from tests.data.images.image_cases import encoded, pixels, write_files, write_zip
from tests.data.sources.as_configured import as_configured
from tests.places import EXCERPTS, REAL_DATA
from trainer.data.images.image_files import read_image
from trainer.data.sources import image_csv
from trainer.errors import ConfigError, DataError
from trainer.tasks import BINARY, MULTILABEL

load_image_csv = as_configured(image_csv.load_image_csv)

REAL = REAL_DATA / "images"
FILES = {f"img/{n}.png": encoded(pixels(seed=n)) for n in range(4)}
TABLE = "file,label\nimg/2.png,b\nimg/0.png,a\nimg/1.png,a\nimg/3.png,b\n"


def with_table(files=FILES, table=TABLE, name="labels.csv"):
    return {**files, name: table.encode()}


def test_rows_are_in_the_order_of_the_table(tmp_path):
    write_files(tmp_path, with_table())
    samples, spec = load_image_csv(str(tmp_path / "labels.csv"))
    assert samples.ids_N.tolist() == ["img/2.png", "img/0.png", "img/1.png", "img/3.png"]
    assert samples.target.tolist() == [1, 0, 0, 1]
    assert [read_image(samples.inputs, row).tobytes() for row in range(4)] == [
        pixels(seed=n).tobytes() for n in (2, 0, 1, 3)
    ]
    assert (spec.name, spec.task, spec.classes) == ("labels", BINARY, ("a", "b"))


@pytest.mark.parametrize("folder", ["", "data/", "数据/子 集/"])
def test_the_table_may_be_in_the_zip(tmp_path, folder):
    files = {folder + name: payload for name, payload in with_table().items()}
    samples, spec = load_image_csv(write_zip(tmp_path / "all.zip", files))
    assert samples.inputs.names[0] == f"{folder}img/2.png"
    assert samples.ids_N[0] == "img/2.png"
    assert spec.name == "all"
    assert read_image(samples.inputs, 1).tobytes() == pixels(seed=0).tobytes()


def test_a_table_beside_a_zip_of_images(tmp_path):
    write_files(tmp_path, {"labels.csv": TABLE.encode()})
    for top in ("", "unpacked/"):  # many tools pack a folder where one means its content
        images = write_zip(tmp_path / f"i{len(top)}.zip", {top + name: payload for name, payload in FILES.items()})
        samples, _ = load_image_csv(str(tmp_path / "labels.csv"), images=images)
        assert samples.inputs.names[0] == f"{top}img/2.png"


def test_a_zip_with_no_table_or_several(tmp_path):
    with pytest.raises(DataError, match="no table in it"):
        load_image_csv(write_zip(tmp_path / "none.zip", FILES))
    with pytest.raises(DataError, match=r"several tables in it \(other.csv, sample.tsv\)"):
        load_image_csv(write_zip(tmp_path / "two.zip", {"other.csv": b"a", "sample.tsv": b"a", **FILES}))
    bad = write_zip(tmp_path / "bad.zip", with_table(table="file,label\nx.png,a,b\n"))
    with pytest.raises(DataError) as caught:
        load_image_csv(bad)
    assert str(caught.value).startswith(f"{bad}/labels.csv")


def test_a_text_beside_the_table_is_not_the_table(tmp_path):
    for folder in ("", "d/"):
        files = with_table(files={folder + name: payload for name, payload in FILES.items()}, name=f"{folder}l.csv")
        path = write_zip(tmp_path / f"{len(folder)}.zip", {f"{folder}README.txt": b"How it was made.\n", **files})
        assert load_image_csv(path)[0].ids_N[0] == "img/2.png"
    alone = write_zip(tmp_path / "txt.zip", with_table(table=TABLE.replace(",", "\t"), name="labels.TXT"))
    assert load_image_csv(alone)[1].classes == ("a", "b")
    several = {"l.csv": b"a", "m.csv": b"a", "README.txt": b"a"}
    with pytest.raises(DataError, match=r"several tables in it \(l.csv, m.csv\)"):
        load_image_csv(write_zip(tmp_path / "several.zip", several))


@pytest.mark.parametrize(("in_table", "in_files"), [("NFC", "NFD"), ("NFD", "NFC")])
@pytest.mark.parametrize("top", ["", "Gemälde/"])
def test_accents_in_another_unicode_form_are_the_same_name(tmp_path, in_table, in_files, top):
    names = [f"Käfer/é{n}.png" for n in range(3)]
    table = "file,label\n" + "".join(f"{name},{'ab'[n % 2]}\n" for n, name in enumerate(names))
    table = unicodedata.normalize(in_table, table)
    there = [unicodedata.normalize(in_files, top + name) for name in names]
    files = {name: encoded(pixels(seed=n)) for n, name in enumerate(there)}
    write_files(tmp_path, {"labels.csv": table.encode()})
    for images in (write_zip(tmp_path / "i.zip", files), write_files(tmp_path / "i", files)):
        root = images if images.endswith(".zip") else str(Path(images, unicodedata.normalize(in_files, top)))
        samples, _ = load_image_csv(str(tmp_path / "labels.csv"), images=root)
        assert [Path(samples.inputs.root, name) for name in samples.inputs.names] == [Path(images, n) for n in there]
        assert samples.ids_N.tolist() == [unicodedata.normalize(in_table, name) for name in names]
        assert read_image(samples.inputs, 2).tobytes() == pixels(seed=2).tobytes()


def test_accents_in_a_mix_of_unicode_forms_are_noticed(tmp_path):
    mixed = unicodedata.normalize("NFC", "ä") + unicodedata.normalize("NFD", "ö") + ".png"
    files = with_table(files={mixed: FILES["img/0.png"]}, table="file,label\näö.png,a\n")
    with pytest.raises(DataError, match="which differs only by Unicode form: write the names as those of the files"):
        load_image_csv(write_zip(tmp_path / "d.zip", files))


def test_multi_label_in_both_forms(tmp_path):
    resume_plan = "path,tags,w,g,fold\nimg/0.png,a|b,1,u,0\nimg/1.png,,2,v,1\nimg/2.png,b,1,u,0\n"
    write_files(tmp_path, with_table(table=resume_plan))
    options = {"file": "path", "label": "tags", "label_delimiter": "|", "weight": "w", "group": "g", "split": "fold"}
    samples, spec = load_image_csv(str(tmp_path / "labels.csv"), **options)
    assert spec.task == MULTILABEL
    assert samples.target.tolist() == [[1, 1], [0, 0], [0, 1]]
    assert samples.weights_N.tolist() == [1.0, 2.0, 1.0]
    assert samples.groups_N.tolist() == ["u", "v", "u"]
    assert samples.split_N.tolist() == ["0", "1", "0"]
    columns = "file\tcat\tdog\nimg/0.png\t1\t1\nimg/1.png\t0\t1\n"
    write_files(tmp_path, with_table(table=columns, name="labels.tsv"))
    samples, spec = load_image_csv(str(tmp_path / "labels.tsv"), label=["cat", "dog"])
    assert samples.target.tolist() == [[1, 1], [0, 1]]


def test_json_lines_another_encoding_and_delimiter(tmp_path):
    lines = '{"file": "img/0.png", "label": "a"}\n{"file": "img/1.png", "label": "b"}\n'
    write_files(tmp_path, with_table(table=lines, name="l.jsonl"))
    assert load_image_csv(str(tmp_path / "l.jsonl"))[1].classes == ("a", "b")
    (tmp_path / "l.csv").write_bytes("file;label\nimg/0.png;猫\nimg/1.png;狗\n".encode("gb18030"))
    assert load_image_csv(str(tmp_path / "l.csv"), encoding="gb18030", delimiter=";")[1].classes == ("狗", "猫")


def test_names_without_ending_with_backslashes_and_absolute(tmp_path):
    write_files(tmp_path, with_table(table="file,label\nimg\\0,a\nimg/./1,b\n"))
    samples, _ = load_image_csv(str(tmp_path / "labels.csv"), suffix=".png")
    assert samples.inputs.names == ("img/0.png", "img/1.png")
    write_files(tmp_path, with_table(table=f"file,label\n{tmp_path}/img/0.png,a\nimg/1.png,b\n"))
    samples, _ = load_image_csv(str(tmp_path / "labels.csv"))
    assert samples.inputs.names == ("img/0.png", "img/1.png")


def test_a_missing_ending_is_noticed(tmp_path):
    write_files(tmp_path, with_table(table="file,label\nimg/0,a\nimg/1,b\n"))
    with pytest.raises(DataError, match=r"there is 'img/0.png': set data.suffix=.png"):
        load_image_csv(str(tmp_path / "labels.csv"))
    with pytest.raises(DataError, match=r"there is 'img/0.png': set data.suffix=.png"):
        load_image_csv(write_zip(tmp_path / "x.zip", with_table(table="file,label\nimg/0,a\nimg/1,b\n")))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (
            "img/1.PNG",
            "there is 'img/1.png', which differs only by case: write the names as those of the files, or set "
            "data.spellings=join",
        ),
        ("img", "put them there, or take these rows out of the table"),  # a directory
        ("labels", "put them there, or take these rows out of the table"),  # the table itself is no image
        (f"img/{'x' * 5000}.png", "put them there, or take these rows out of the table"),  # too long for the system
        (f"{'x' * 5000}/1.png", "put them there, or take these rows out of the table"),
    ],
)
def test_the_advice_for_a_missing_file_can_be_followed(tmp_path, name, said):
    files = with_table(table=f"file,label\nimg/0.png,a\n{name},b\n")
    write_files(tmp_path, files)
    for path in (str(tmp_path / "labels.csv"), write_zip(tmp_path / "d.zip", files)):
        with pytest.raises(DataError, match=r"row 2 .*: no such file in") as caught:
            load_image_csv(path)
        assert str(caught.value).splitlines()[1:] == [said]


def test_names_that_lead_up_start_from_the_table(tmp_path, monkeypatch):
    files = with_table(table="file,label\n../img/0.png,a\n../img/1.png,b\n")
    write_files(tmp_path, {**files, "tables/labels.csv": files["labels.csv"]})
    with pytest.raises(DataError, match="not below") as caught:
        load_image_csv(str(tmp_path / "tables" / "labels.csv"))
    assert str(caught.value).splitlines()[1] == f"set data.images={tmp_path}/img"
    monkeypatch.chdir(tmp_path)
    for images, expected in ((f"{tmp_path}/img", "0.png"), (str(tmp_path), "img/0.png"), (".", "img/0.png")):
        samples, _ = load_image_csv("tables/labels.csv", images=images)
        assert samples.inputs.names[0] == expected


def test_absolute_names_below_a_relative_directory(tmp_path, monkeypatch):
    write_files(tmp_path, with_table(table=f"file,label\n{tmp_path}/img/0.png,a\n{tmp_path}/img/1.png,b\n"))
    monkeypatch.chdir(tmp_path)
    assert load_image_csv("labels.csv", images="img")[0].inputs.names == ("0.png", "1.png")
    (tmp_path / "other").mkdir()
    with pytest.raises(DataError, match=f"set data.images={tmp_path}/img"):
        load_image_csv("labels.csv", images="other")


def test_missing_files_are_named_with_their_rows(tmp_path):
    rows = "".join(f"img/{n}.png,{'ab'[n % 2]}\n" for n in range(12))
    write_files(tmp_path, with_table(table=f"file,label\n{rows}"))
    with pytest.raises(DataError) as caught:
        load_image_csv(str(tmp_path / "labels.csv"))
    first, advice = str(caught.value).splitlines()
    listed = ", ".join(f"row {n + 1} 'img/{n}.png'" for n in range(4, 9))
    assert first == f"{tmp_path}/labels.csv: 8 rows ({listed}, ...): no such file in {tmp_path}"
    assert advice == "put them there, or take these rows out of the table"
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"set data.images to the directory"):
        load_image_csv(str(tmp_path / "labels.csv"), images=str(tmp_path / "empty"))
    with pytest.raises(DataError, match=r"data.images=nowhere does not exist"):
        load_image_csv(str(tmp_path / "labels.csv"), images="nowhere")


@pytest.mark.parametrize("name", ["../secret.png", "/etc/secret.png", "img/../../x.png"])
def test_files_outside_of_the_directory_are_refused(tmp_path, name):
    files = with_table(table=f"file,label\nimg/0.png,a\n{name},b\n")
    write_files(tmp_path / "d", files)
    (tmp_path / "secret.png").write_bytes(FILES["img/0.png"])
    for path in (str(tmp_path / "d" / "labels.csv"), write_zip(tmp_path / "d.zip", files)):
        with pytest.raises(DataError, match=r"row 2 '.*': not below"):
            load_image_csv(path)


def test_rows_without_a_file_name(tmp_path):
    write_files(tmp_path, with_table(table="file,label\nimg/0.png,a\n,b\n  ,b\n"))
    with pytest.raises(DataError, match=r"no file name in column 'file' in 2 rows \(2, 3\)"):
        load_image_csv(str(tmp_path / "labels.csv"))


def test_an_image_of_several_rows(tmp_path):
    write_files(tmp_path, with_table(table="file,label\nimg/0.png,a\nimg/0.png,b\nimg/1.png,b\n"))
    samples, spec = load_image_csv(str(tmp_path / "labels.csv"))
    assert samples.ids_N.tolist() == ["0", "1", "2"]
    assert "1 of the rows name an image that an earlier row names too" in spec.notes


def test_columns_are_checked(tmp_path):
    write_files(tmp_path, with_table())
    path = str(tmp_path / "labels.csv")
    with pytest.raises(DataError, match=r"no column 'files' \(data.file\): did you mean 'file'"):
        load_image_csv(path, file="files")
    with pytest.raises(ConfigError, match=r"'file' is both data\.label and data\.file"):
        load_image_csv(path, label="file")
    with pytest.raises(ConfigError, match=r"data\.file is empty"):
        load_image_csv(path, file="")


def test_four_images_of_blood_cells():
    samples, spec = load_image_csv(
        str(EXCERPTS / "blood_cells.zip"), file="path", label="labels", label_delimiter="|", split="split"
    )
    wanted = [{"Platelets", "RBC", "WBC"}, {"RBC", "WBC"}, {"Platelets", "WBC"}, {"WBC"}]
    found = [{name for name, held in zip(spec.classes, row, strict=True) if held} for row in samples.target]
    assert found == wanted
    assert [read_image(samples.inputs, row).height for row in range(4)] == [160] * 4


@pytest.mark.real_data
def test_blood_cells():
    path = str(REAL / "bccd_multilabel_160.zip")
    samples, spec = load_image_csv(path, file="path", label="labels", label_delimiter="|", split="split")
    assert dict(zip(spec.classes, samples.target.sum(axis=0).tolist(), strict=True)) == {
        "RBC": 349,
        "WBC": 358,
        "Platelets": 201,
    }
    assert read_image(samples.inputs, 0).height == 160

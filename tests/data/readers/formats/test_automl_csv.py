import pytest

from tests.data.images.image_cases import encoded, pixels, write_files
from tests.data.readers.formats.annotations import format_of, opened
from tests.data.sources.as_configured import as_configured
from trainer.data.sources import image_csv
from trainer.errors import DataError

load_image_csv = as_configured(image_csv.load_image_csv)
ROWS = "TRAIN,gs://bucket/day/a.png,cat\nVALIDATION,gs://bucket/day/b.png,dog\nTEST,gs://bucket/night/a.png,dog\n"


def write(path, content):
    path.write_text(content)
    return path


def test_images_are_found_by_the_end_of_their_address(tmp_path):
    names = ("x/day/a.png", "x/day/b.png", "x/night/a.png")
    write_files(tmp_path / "images", {name: encoded(pixels(seed=n)) for n, name in enumerate(names)})
    path = write(tmp_path / "import.csv", ROWS)
    samples, spec = load_image_csv(str(path), images=str(tmp_path / "images"))
    assert samples.inputs.names == names
    assert spec.classes == ("dog", "cat")  # the rarer one is the positive one
    assert samples.split_N.tolist() == ["train", "validation", "test"]


def test_two_files_that_may_be_meant(tmp_path):
    write_files(tmp_path / "images", {f"{folder}/a.png": encoded(pixels()) for folder in ("x", "y")})
    path = write(tmp_path / "import.csv", "gs://bucket/a.png,cat\ngs://bucket/b.png,dog\n")
    with pytest.raises(DataError, match=r"'gs://bucket/a\.png' may be x/a\.png or y/a\.png in .*set data\.images"):
        load_image_csv(str(path), images=str(tmp_path / "images"))


def test_without_parts_and_with_several_labels(tmp_path):
    path = write(tmp_path / "import.csv", "gs://b/a.jpg,cat,big\ngs://b/b.jpg,dog\ngs://b/c.jpg\n")
    assert format_of(path) == "automl_csv"
    table = opened(path)
    assert table.rows["label"].to_pylist() == [["big", "cat"], ["dog"]]
    assert table.notes == ("1 of 3 rows left out: 1 not annotated",)
    assert "split" not in table.known


def test_parts_of_some_images_only(tmp_path):
    table = opened(write(tmp_path / "import.csv", f"{ROWS}UNASSIGNED,gs://b/d.jpg,cat\n"))
    assert table.notes == ("1 of 4 images are in no part (ML_USE): the parts are not used",)
    assert table.rows.column_names == ["file", "label", "id"]


def test_a_line_of_something_else(tmp_path):
    with pytest.raises(DataError, match=r"import\.csv line 4: 'TRIAN,gs://b/a\.jpg,cat' is no \[ML_USE,\]gs://"):
        opened(write(tmp_path / "import.csv", f"{ROWS}TRIAN,gs://b/a.jpg,cat\n"))

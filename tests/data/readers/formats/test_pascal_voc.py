import pytest

from tests.data.images.image_cases import encoded, pixels, write_files
from tests.data.readers.formats.annotations import opened
from tests.data.sources.as_configured import as_configured
from trainer.data.sources import image_csv
from trainer.errors import DataError

SETS = {
    "cat_train": "2007_01  1\n2007_02 -1\n",
    "dog_train": "2007_01 -1\n2007_02  1\n",
    "cat_val": "2007_03  1\n2007_04  0\n",
    "dog_val": "2007_03  1\n2007_04 -1\n",
    "cat_trainval": "2007_01  1\n",
    "train": "2007_01\n2007_02\n",
}


def write(tmp_path, sets):
    images = {f"JPEGImages/2007_0{n}.jpg": encoded(pixels(seed=n)) for n in range(1, 5)}
    texts = {f"ImageSets/Main/{name}.txt": content.encode() for name, content in sets.items()}
    write_files(tmp_path, {**images, **texts})
    return tmp_path


def test_the_folder_is_the_data_set(tmp_path):
    load_image_csv = as_configured(image_csv.load_image_csv)
    samples, spec = load_image_csv(str(write(tmp_path, SETS)))
    assert samples.ids_N.tolist() == ["2007_01", "2007_02", "2007_03"]
    assert samples.inputs.names[0] == "JPEGImages/2007_01.jpg"
    assert spec.classes == ("cat", "dog")
    assert samples.target.tolist() == [[1, 0], [0, 1], [1, 1]]
    assert samples.split_N.tolist() == ["train", "train", "val"]
    assert "1 of 4 rows left out: 1 without a class" in spec.notes
    assert "marks of 0, for objects that are difficult to see, read as absent: 1" in spec.notes


def test_bad_sets(tmp_path):
    with pytest.raises(DataError, match=r"cat_val\.txt line 1: not an image and one of -1, 0, 1"):
        opened(write(tmp_path, {**SETS, "cat_val": "2007_03 2\n"}))
    with pytest.raises(DataError, match="image '2007_01' is in val and in train"):
        opened(write(tmp_path, {**SETS, "cat_val": "2007_01 1\n"}))

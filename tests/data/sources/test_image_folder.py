import numpy as np
import pytest

from tests.data.images.image_cases import class_folders, encoded, pixels, write_files, write_zip
from tests.places import REAL_DATA
from trainer.data.images.image_files import read_image
from trainer.data.sources.image_folder import load_image_folder
from trainer.errors import ConfigError, DataError
from trainer.folds.strategies.predefined import from_cells
from trainer.tasks import BINARY, MULTICLASS

REAL = REAL_DATA / "images"
GOOD = encoded(pixels())


def below(folder, files):
    return {f"{folder}/{name}": payload for name, payload in files.items()}


def splits():
    return {**below("train", class_folders(3)), **below("val", class_folders(2)), **below("Test", class_folders(1))}


def test_a_directory_and_a_zip_give_the_same_samples(tmp_path):
    files = class_folders()
    samples, spec = load_image_folder(write_files(tmp_path / "pets", files))
    packed, packed_spec = load_image_folder(write_zip(tmp_path / "pets.zip", files))
    assert samples.ids_N.tolist() == packed.ids_N.tolist() == sorted(files)
    assert samples.inputs.sha256 == packed.inputs.sha256
    assert samples.target.tolist() == packed.target.tolist() == [0, 0, 0, 1, 1, 1]
    assert (spec.name, spec.task, spec.classes) == ("pets", BINARY, ("cat", "dog"))
    assert load_image_folder(str(tmp_path / "pets"), positive="cat")[1].describe_positive() == "cat (data.positive)"
    assert spec == packed_spec
    assert samples.split_N is None
    for row, name in enumerate(sorted(files)):
        assert read_image(packed.inputs, row).tobytes() == read_image(samples.inputs, row).tobytes()
        assert (tmp_path / "pets" / name).read_bytes() == files[name]


@pytest.mark.parametrize("top", ["pets", "download/pets", "猫 狗"])
def test_a_single_folder_is_stepped_into(tmp_path, top):
    samples, spec = load_image_folder(write_zip(tmp_path / "x.zip", below(top, class_folders())))
    assert samples.ids_N.tolist() == sorted(class_folders())
    assert samples.inputs.names[0] == f"{top}/cat/0.png"
    assert spec.classes == ("cat", "dog")


def test_images_further_down_belong_to_the_class_folder(tmp_path):
    files = {"cat/2019/a.png": GOOD, "cat/b.png": GOOD, "dog/x/y/c.png": GOOD}
    samples, _ = load_image_folder(write_files(tmp_path, files))
    assert samples.target.tolist() == [0, 0, 1]


def test_train_val_and_test_folders_are_the_split(tmp_path):
    samples, spec = load_image_folder(write_zip(tmp_path / "x.zip", below("pets", splits())), split=True)
    assert spec.classes == ("cat", "dog")
    assert samples.ids_N.tolist() == sorted(splits())
    assert samples.split_N.tolist() == ["test"] * 2 + ["train"] * 6 + ["val"] * 4
    ((train, held_out),) = from_cells(samples.split_N.tolist(), "x.zip")
    assert (train.tolist(), held_out.tolist()) == (list(range(2, 8)), [0, 1])
    assert "images by folder: Test 2, train 6, val 4" in spec.notes


@pytest.mark.parametrize("called", [("训练集", "验证集", "测试集"), ("train_set", "val_set", "testset")])
def test_the_split_may_be_called_otherwise(tmp_path, called):
    names = dict(zip(("train", "val", "Test"), called, strict=True))
    path = write_files(
        tmp_path / "pets",
        {name.replace(name.split("/")[0], names[name.split("/")[0]]): of for name, of in splits().items()},
    )
    with pytest.raises(ConfigError, match=r"data\.split=true"):
        load_image_folder(path)
    samples, spec = load_image_folder(path, split=True)
    assert spec.classes == ("cat", "dog")
    ((train, held_out),) = from_cells(samples.split_N.tolist(), "pets")
    assert (len(train), len(held_out)) == (6, 2)


def test_split_folders_are_mixed_only_where_one_says_so(tmp_path):
    path = write_files(tmp_path / "pets", splits())
    with pytest.raises(ConfigError) as caught:
        load_image_folder(path)
    assert str(caught.value).splitlines() == [
        f"{path} is split into Test, train, val: say what that is for",
        "to train and score on just this split: data.split=true cv=predefined",
        "to mix them and make folds of all: data.folders=[Test,train,val]",
    ]
    samples, spec = load_image_folder(path, folders=["train", "val"])
    assert (len(samples), samples.split_N) == (10, None)
    assert "images by folder: train 6, val 4; left out: Test" in spec.notes
    samples, _ = load_image_folder(path, folders=["train", "val"], split=True)
    assert set(samples.split_N) == {"train", "val"}
    with pytest.raises(ConfigError, match=r"needs images of .* both in train and in one of test"):
        load_image_folder(path, folders=["train"], split=True)
    with pytest.raises(ConfigError, match=r"'valid'\]: .* no such split folders; have: Test, train, val"):
        load_image_folder(path, folders=["train", "valid"])
    plain = write_files(tmp_path / "plain", class_folders())
    for options in ({"folders": ["train"]}, {"folders": []}, {"split": True}):
        with pytest.raises(ConfigError, match="its top holds class folders"):
            load_image_folder(plain, **options)


@pytest.mark.parametrize("split", [False, True])
def test_folders_beside_the_split_are_asked_about(tmp_path, split):
    files = {**below("train", class_folders(3)), **below("val", class_folders(2)), **below("extra", class_folders(1))}
    path = write_files(tmp_path / "pets", files)
    with pytest.raises(ConfigError) as caught:
        load_image_folder(path, split=split)
    assert str(caught.value).splitlines() == [
        f"{path} is split into train, val, with other folders next to them (extra): say which are read",
        "to train and score on just this split: data.folders=[train,val] data.split=true cv=predefined",
        "to mix them and make folds of all: data.folders=[train,val], with the names of others that are read too",
        "or move the other folders away; if all of these are classes, rename those called like a split",
    ]
    samples, spec = load_image_folder(path, folders=["train", "val"], split=split)
    assert (len(samples), spec.classes) == (10, ("cat", "dog"))
    assert "images by folder: train 6, val 4; left out: extra" in spec.notes
    if split:
        assert set(samples.split_N) == {"train", "val"}
        with pytest.raises(ConfigError, match="'extra' is neither train nor held out"):
            load_image_folder(path, folders=["train", "val", "extra"], split=True)
    else:
        assert len(load_image_folder(path, folders=["train", "val", "extra"])[0]) == 12


def test_classes_may_be_called_train_and_test(tmp_path):
    samples, spec = load_image_folder(write_files(tmp_path / "a", class_folders(classes=("bus", "train"))))
    assert (spec.classes, samples.split_N) == (("bus", "train"), None)
    files = {"bus/a/1.png": GOOD, "train/a/1.png": GOOD, "test/b/1.png": GOOD}
    assert load_image_folder(write_files(tmp_path / "b", files))[1].classes == ("bus", "test", "train")


def test_test_images_without_class_folders_are_left_out_and_named(tmp_path):
    files = {**below("train", class_folders()), "test/1.png": GOOD, "test/2.png": GOOD}
    samples, spec = load_image_folder(write_files(tmp_path, files), folders=["train", "test"])
    assert len(samples) == 6
    assert "left out, because they lie next to the class folders: 2 (test/1.png, test/2.png)" in spec.notes


def test_stray_files_are_named_and_system_files_are_not(tmp_path):
    stray = {"cat/imageNotFound.gif": b"GIF89a", "cat/notes.txt": b"hm", "dog/.DS_Store": b"0", "dog/Thumbs.db": b"0"}
    stray |= {"top.png": GOOD, "README.md": b"#", "__MACOSX/cat/._0.png": b"0", "wolf/readme.txt": b"later"}
    files = {**class_folders(), **stray}
    directory = write_files(tmp_path / "d", files)
    (tmp_path / "d" / "fox").mkdir()
    for path in (directory, write_zip(tmp_path / "d.zip", files, folders=("fox",))):
        samples, spec = load_image_folder(path)
        assert samples.ids_N.tolist() == sorted(class_folders())
        assert "left out, because they lie next to the class folders: 1 (top.png)" in spec.notes
        [other] = [note for note in spec.notes if "endings are not read" in note]
        assert other.endswith(": 4 (README.md, cat/imageNotFound.gif, cat/notes.txt, wolf/readme.txt)")
        assert "class folders without an image, left out: 2 (fox, wolf)" in spec.notes
        assert not [note for note in spec.notes if "DS_Store" in note or "Thumbs" in note or "MACOSX" in note]


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, "there are no files in it"),
        (
            {"cat/a.gif": b"GIF", "dog/b.gif": b"GIF", "x.txt": b""},
            r"no image files in it .* it holds 2 \.gif, 1 \.txt",
        ),
        ({"a.png": GOOD, "b.png": GOOD}, "lie in no sub-folder"),
        ({"cat/a.png": GOOD, "cat/b.png": GOOD}, "only 'cat' has images"),
    ],
)
def test_what_has_no_classes(tmp_path, files, said):
    (tmp_path / "d").mkdir()
    with pytest.raises(DataError, match=said) as caught:
        load_image_folder(write_files(tmp_path / "d", files))
    assert str(caught.value).startswith(str(tmp_path / "d"))
    assert len(str(caught.value).splitlines()) <= 5


def test_an_empty_image_is_named(tmp_path):
    path = write_files(tmp_path, {**class_folders(), "cat/9.png": b""})
    with pytest.raises(DataError, match=r"row 4, .*/cat/9.png: the file is empty"):
        load_image_folder(path)


def test_numbered_classes_are_in_numeric_order(tmp_path):
    _, spec = load_image_folder(write_files(tmp_path, class_folders(n=1, classes=("10", "9", "2"))))
    assert (spec.classes, spec.task) == (("2", "9", "10"), MULTICLASS)


def test_the_task_may_be_named(tmp_path):
    path = write_files(tmp_path, class_folders())
    assert load_image_folder(path, task="multiclass")[1].task == MULTICLASS
    with pytest.raises(ConfigError, match="several labels: data=image_csv"):
        load_image_folder(path, task="multilabel")
    with pytest.raises(DataError, match=r"data.task=binary, but there are 3 class folders"):
        load_image_folder(write_files(tmp_path, class_folders(classes=("fox",))), task="binary")


@pytest.mark.real_data
def test_ants_and_bees_of_the_pytorch_tutorial():
    samples, spec = load_image_folder(str(REAL / "hymenoptera_160.zip"), split=True)
    assert np.unique(samples.split_N, return_counts=True)[1].tolist() == [244, 153]
    assert np.bincount(samples.target).tolist() == [123 + 70, 121 + 83]
    assert any(note.endswith("1 (hymenoptera/train/ants/imageNotFound.gif)") for note in spec.notes)

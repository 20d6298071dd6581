import gzip
import pickle
import struct

import numpy as np
import pytest
import torch

from trainer.data.images.image_files import read_image
from trainer.data.preprocess.pixels import ImagePixels
from trainer.data.sources.image_arrays import load_image_arrays
from trainer.errors import ConfigError, DataError

RANDOM = np.random.default_rng(0)
GRAY = RANDOM.integers(0, 256, (6, 5, 7), dtype=np.uint8)
COLOUR = RANDOM.integers(0, 256, (6, 5, 7, 3), dtype=np.uint8)
LABELS = np.array([0, 1, 2, 0, 1, 2], dtype=np.uint8)


def medmnist(path, images=COLOUR, labels=LABELS[:, None]):
    np.savez_compressed(
        path,
        train_images=images[:3],
        train_labels=labels[:3],
        val_images=images[3:4],
        val_labels=labels[3:4],
        test_images=images[4:],
        test_labels=labels[4:],
    )
    return str(path)


def idx(path, array):
    head = struct.pack(f">I{array.ndim}I", 0x800 + array.ndim, *array.shape)
    content = head + array.tobytes()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


def mnist(folder, ending=""):
    for word, rows in (("train", slice(0, 4)), ("t10k", slice(4, 6))):
        idx(folder / f"{word}-images-idx3-ubyte{ending}", GRAY[rows])
        idx(folder / f"{word}-labels-idx1-ubyte{ending}", LABELS[rows])
    return str(folder)


def pixels_of(samples):
    return [np.asarray(read_image(samples.inputs, row)) for row in range(len(samples))]


@pytest.mark.parametrize("images", [GRAY, GRAY[..., None], COLOUR, np.moveaxis(COLOUR, 3, 1)])
def test_medmnist_has_its_split(tmp_path, images):
    samples, spec = load_image_arrays(medmnist(tmp_path / "pathmnist.npz", images), split=True)
    assert samples.split_N.tolist() == ["train"] * 3 + ["val"] + ["test"] * 2
    assert samples.ids_N.tolist() == ["train/0", "train/1", "train/2", "val/0", "test/0", "test/1"]
    assert (samples.target.tolist(), spec.classes, spec.name) == (LABELS.tolist(), ("0", "1", "2"), "pathmnist")
    wanted = COLOUR if 3 in images.shape[1:] and images.ndim == 4 else GRAY
    assert np.array_equal(pixels_of(samples), wanted)


def test_several_labels_per_image(tmp_path):
    labels = np.array([[0, 1], [1, 1], [0, 0], [1, 0], [0, 1], [1, 1]], dtype=np.uint8)
    samples, spec = load_image_arrays(medmnist(tmp_path / "chest.npz", GRAY, labels), parts=["val", "train"])
    assert samples.target.tolist() == labels[:4].tolist()
    assert (spec.classes, samples.split_N) == (("0", "1"), None)


def test_parts_are_not_mixed_unasked(tmp_path):
    path = medmnist(tmp_path / "a.npz")
    with pytest.raises(ConfigError, match=r"(?s)split into train, val, test.*split=true.*parts=\[train,val,test\]"):
        load_image_arrays(path)
    with pytest.raises(ConfigError, match="no such part; have: train, val, test"):
        load_image_arrays(path, parts=["training"])
    np.savez(tmp_path / "one.npz", images=GRAY, labels=LABELS)
    assert load_image_arrays(str(tmp_path / "one.npz"))[0].ids_N.tolist() == list("012345")
    with pytest.raises(ConfigError, match="has no parts"):
        load_image_arrays(str(tmp_path / "one.npz"), split=True)


@pytest.mark.parametrize("ending", ["", ".gz"])
def test_mnist(tmp_path, ending):
    samples, spec = load_image_arrays(mnist(tmp_path, ending), split=True)
    assert (samples.target.tolist(), spec.classes) == (LABELS.tolist(), ("0", "1", "2"))
    assert samples.split_N.tolist() == ["train"] * 4 + ["test"] * 2
    assert np.array_equal(pixels_of(samples), GRAY)
    alone, _ = load_image_arrays(str(tmp_path / f"train-images-idx3-ubyte{ending}"))
    assert alone.target.tolist() == LABELS[:4].tolist()


@pytest.mark.parametrize(
    ("before", "label", "names"), [((), None, "batches.meta.txt"), ((9,), "fine", "fine_label_names.txt")]
)
def test_cifar(tmp_path, before, label, names):
    images = RANDOM.integers(0, 256, (4, 3, 32, 32), dtype=np.uint8)
    batches = ("data_batch_1.bin", "data_batch_2.bin", "test_batch.bin") if label is None else ("train.bin", "test.bin")
    for row, name in enumerate(batches):
        (tmp_path / name).write_bytes(bytes([*before, row % 2]) + images[row].tobytes())
    (tmp_path / names).write_text("airplane\nautomobile\n\n")
    samples, spec = load_image_arrays(str(tmp_path), split=True, label=label)
    assert spec.classes == ("airplane", "automobile")
    assert [spec.classes[code] for code in samples.target] == ["airplane", "automobile", "airplane"][: len(batches)]
    assert samples.split_N.tolist() == ["train"] * (len(batches) - 1) + ["test"]
    assert np.array_equal(pixels_of(samples), images[: len(batches)].transpose(0, 2, 3, 1))


@pytest.mark.parametrize("memory", [True, False])
def test_the_image_models_are_given_them_as_files(tmp_path, memory):
    samples, _ = load_image_arrays(medmnist(tmp_path / "a.npz"), parts=["train", "val", "test"])
    fitted = (images := ImagePixels(normalize="none", memory=memory)).fit(samples.inputs, np.arange(4))
    batch = fitted.transform(images.prepare(samples.inputs)).take(torch.tensor([1, 5]))["images"]
    assert fitted.model_arguments == {"in_channels": 3, "image_size": (5, 7)}
    torch.testing.assert_close(batch, torch.from_numpy(COLOUR[[1, 5]]).permute(0, 3, 1, 2) / 255)


def test_equal_images_have_equal_content(tmp_path):
    np.savez(tmp_path / "a.npz", images=GRAY[[0, 1, 0]], labels=[0, 1, 0])
    first, second, again = load_image_arrays(str(tmp_path / "a.npz"))[0].inputs.sha256
    assert first == again != second


def write_objects(folder):
    np.savez(folder / "a.npz", images=np.array([GRAY, None], dtype=object), labels=LABELS)
    return folder / "a.npz"


def write_floats(folder):
    np.savez(folder / "a.npz", images=GRAY / 255, labels=LABELS)
    return folder / "a.npz"


def write_flat(folder):
    np.savez(folder / "a.npz", images=GRAY.reshape(6, -1), labels=LABELS)
    return folder / "a.npz"


def write_one_label(folder):
    np.savez(folder / "a.npz", images=GRAY, labels=5)
    return folder / "a.npz"


def write_other_names(folder):
    np.savez(folder / "a.npz", pictures=GRAY, y=LABELS)
    return folder / "a.npz"


def write_too_few(folder):
    np.savez(folder / "a.npz", images=GRAY, labels=LABELS[:4])
    return folder / "a.npz"


def write_pickled_batch(folder):
    (folder / "data_batch_1").write_bytes(pickle.dumps({b"data": 1}))
    return folder


def write_cut_idx(folder):
    mnist(folder)
    path = folder / "train-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:-3])
    return path


def write_idx_alone(folder):
    idx(folder / "train-images-idx3-ubyte", GRAY)
    return folder


def write_cut_cifar(folder):
    (folder / "data_batch_1.bin").write_bytes(b"\0" * 4000)
    return folder


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (write_objects, r"a\.npz: 'images' holds Python objects, which are never loaded"),
        (write_floats, r"a\.npz: 'images' is float64 from 0 to .*: images are whole numbers"),
        (write_flat, r"images of the shape \(6, 35\)"),
        (write_one_label, r"labels \(\): images are"),
        (write_other_names, r"(?s)no arrays of images and labels by name.*have: pictures, y"),
        (write_too_few, r"a\.npz: 4 labels for 6 images"),
        (write_pickled_batch, r"batches that Python has pickled \(data_batch_1\).*cifar-10-binary\.tar\.gz"),
        (write_cut_idx, r"train-images-idx3-ubyte: should have 140 bytes of values, and has 137 bytes"),
        (write_idx_alone, "no train-labels-idx1-ubyte beside it"),
        (write_cut_cifar, r"data_batch_1\.bin: no binary batch of CIFAR, 4000 bytes"),
        (lambda folder: folder, "no arrays of images: give an .npz file"),
        (lambda folder: folder / "gone.npz", "no such file"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path, write, message):
    with pytest.raises(DataError, match=message):
        load_image_arrays(str(write(tmp_path)))

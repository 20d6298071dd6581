import json
import multiprocessing
import random
from zipfile import ZipFile

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms import v2

from tests.data.images.image_cases import encoded, gray_png, images_of, pixels, write_zip
from tests.places import EXCERPTS, REAL_DATA
from trainer.data.columns.options import ColumnOptions
from trainer.data.images.image_files import hash_images
from trainer.data.loading.batches import ReadAhead, StreamingRows, TrainingSet, ViewedRows
from trainer.data.preprocess.pixels import FittedImages, ImagePixels
from trainer.data.samples import Texts
from trainer.data.sources.image_csv import load_image_csv
from trainer.data.sources.image_folder import load_image_folder
from trainer.errors import ConfigError, DataError

N_ROWS = 20
KEY = (7, 0, 1, 3)
AUGMENTATION = ["hflip", "crop4", {"name": "ColorJitter", "brightness": 0.5}, "erase"]
ORDER = [np.array([3, 1, 19, 4]), np.array([0, 7, 8, 2]), np.array([11, 5])]


def pictures():
    return {f"{n}.png": encoded(pixels(18 + n % 3, 24, seed=n)) for n in range(N_ROWS)}


@pytest.fixture
def images(tmp_path):
    return hash_images(write_zip(tmp_path / "数据 集.zip", pictures()), list(pictures()))


def by_hand(size=(16, 12)):
    """uint8 pixels (N, 3, H, W) of ``pictures`` as torchvision resizes Pillow images."""
    resized = (v2.Resize(size)(v2.functional.to_pil_image(pixels(18 + n % 3, 24, seed=n))) for n in range(N_ROWS))
    return torch.stack([v2.functional.pil_to_tensor(image) for image in resized])


def rows_of(images, train_rows=range(N_ROWS), **options):
    preprocess = ImagePixels([16, 12], **options)
    prepared = preprocess.prepare(images)
    return preprocess.fit(prepared, np.array(train_rows)).transform(prepared)


def streamed(rows, key=KEY, order=ORDER):
    return [batch["images"] for batch in rows.stream(order, key)]


@pytest.mark.parametrize("memory", [True, False])
def test_batches_are_what_torchvision_makes(images, memory):
    train = [0, 4, 5, 17]
    rows = rows_of(images, train, memory=memory)
    unit = v2.functional.to_dtype(by_hand(), torch.float32, scale=True)
    chosen = by_hand()[train].double().div(255)
    mean, std = chosen.mean(dim=(0, 2, 3)), chosen.std(dim=(0, 2, 3), correction=0)
    expected = v2.functional.normalize(unit, mean.tolist(), std.tolist())
    batch = rows.take(torch.tensor([3, 1, 3]))
    assert list(batch) == ["images"]
    assert batch["images"].dtype == torch.float32
    torch.testing.assert_close(batch["images"], expected[[3, 1, 3]], rtol=0, atol=2e-6)
    for found, wanted in zip(streamed(rows, None), ORDER, strict=True):
        torch.testing.assert_close(found, expected[wanted], rtol=0, atol=2e-6)
    np.testing.assert_allclose(rows.mean_C, mean.numpy(), rtol=1e-13)
    np.testing.assert_allclose(rows.std_C, std.numpy(), rtol=1e-12)


def test_only_training_rows_decide_mean_and_deviation(images):
    preprocess = ImagePixels(16)
    prepared = preprocess.prepare(images)
    one, other, again = (preprocess.fit(prepared, np.array(rows)) for rows in ([0, 1], [2, 3], [1, 0]))
    assert one.moments != other.moments
    assert one.moments == again.moments


@pytest.mark.parametrize("num_workers", [0, 2])
@pytest.mark.parametrize("memory", [True, False])
def test_augmented_bits_depend_on_seed_repeat_fold_epoch_and_row_alone(images, memory, num_workers):
    rows = rows_of(images, memory=memory, train=AUGMENTATION, normalize="none").with_workers(num_workers, 30.0)
    chain = [
        v2.RandomHorizontalFlip(),
        v2.RandomCrop([16, 12], padding=4),
        v2.ColorJitter(brightness=0.5),
        v2.RandomErasing(p=0.25),
    ]
    plain, expected = by_hand(), []
    for row in np.concatenate(ORDER).tolist():
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(np.random.default_rng((*KEY, row)).integers(2**63)))
            image = plain[row]
            for transform in chain:
                image = transform(image)
        expected.append(image)
    found = torch.cat(streamed(rows))
    assert torch.equal((found * 255).round().to(torch.uint8), torch.stack(expected))
    assert torch.equal(torch.cat(streamed(rows, order=ORDER[1:])), found[4:])  # the rest of an epoch
    assert not torch.equal(torch.cat(streamed(rows, (7, 0, 1, 4))), found)
    assert torch.equal(torch.cat(streamed(rows, None)), rows.take(torch.tensor(np.concatenate(ORDER)))["images"])


def test_the_global_generators_are_left_alone(images):
    def states():
        return torch.get_rng_state().tolist(), str(np.random.get_state()), random.getstate()  # noqa: NPY002

    rows = rows_of(images, train=AUGMENTATION)
    before = states()
    streamed(rows)
    assert states() == before


def test_evaluation_is_not_augmented_and_a_training_set_takes_the_rows(images):
    rows = rows_of(images, train=AUGMENTATION)
    assert isinstance(rows, StreamingRows)
    assert isinstance(rows, ReadAhead)
    assert rows.augments
    assert not rows_of(images).augments
    data = TrainingSet(rows, torch.arange(N_ROWS), torch.ones(N_ROWS))
    for batch, wanted in zip(data.batches(ORDER, None), ORDER, strict=True):
        assert batch.target.tolist() == wanted.tolist()
        assert torch.equal(batch.inputs["images"], data.batch(wanted).inputs["images"])


def test_views_are_the_plain_rows_and_each_turned(images):
    rows = rows_of(images, views=["hflip", "vflip", "rot180"])
    assert isinstance(rows, ViewedRows)
    first, hflip, vflip, turned = (view.take(torch.tensor([2, 9]))["images"] for view in rows.views())
    assert torch.equal(first, rows.take(torch.tensor([2, 9]))["images"])
    assert torch.equal(hflip, v2.functional.horizontal_flip(first))
    assert torch.equal(vflip, v2.functional.vertical_flip(first))
    assert torch.equal(turned, v2.functional.rotate(first, 180))
    assert torch.equal(streamed(rows.views()[1], None)[0], v2.functional.horizontal_flip(streamed(rows, None)[0]))
    assert len(rows_of(images).views()) == 1
    with pytest.raises(ConfigError, match=r"rot90 needs square images, not \[16, 12\]"):
        rows_of(images, views=["rot90"])
    square = ImagePixels(16, views=["rot90", "rot270"])
    [one, left, right] = square.fit(square.prepare(images), np.arange(4)).transform(square.prepare(images)).views()
    one = one.take(torch.tensor([1]))["images"]
    assert torch.equal(left.take(torch.tensor([1]))["images"], v2.functional.rotate(one, 90))
    assert torch.equal(right.take(torch.tensor([1]))["images"], v2.functional.rotate(one, 270))


@pytest.mark.parametrize(
    ("normalize", "mean", "std"),
    [
        ("imagenet", (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        ("none", (0, 0, 0), (1, 1, 1)),
        ([[0.5], [0.25]], (0.5,) * 3, (0.25,) * 3),
        ([[0.1, 0.2, 0.3], [1, 2, 3]], (0.1, 0.2, 0.3), (1, 2, 3)),
    ],
)
def test_moments_that_are_given(images, normalize, mean, std):
    expected = v2.functional.normalize(by_hand()[:2] / 255, list(mean), list(std))
    found = rows_of(images, normalize=normalize).take(torch.tensor([0, 1]))["images"]
    torch.testing.assert_close(found, expected, rtol=0, atol=2e-6)


def test_imagenets_moments_are_torchvisions():
    from torchvision.transforms._presets import ImageClassification

    from trainer.data.preprocess.pixels import IMAGENET

    preset = ImageClassification(crop_size=224)
    assert (tuple(preset.mean), tuple(preset.std)) == IMAGENET


def test_images_of_one_colour_are_not_divided_by_zero(tmp_path):
    images = images_of(tmp_path, {f"{n}.png": encoded(np.full((4, 4), 99, np.uint8)) for n in range(3)})
    preprocess = ImagePixels()
    fitted = preprocess.fit(images, np.arange(3))
    assert fitted.model_arguments == {"in_channels": 1, "image_size": (4, 4)}
    assert torch.equal(
        fitted.transform(images).take(torch.tensor([0]))["images"].abs() < 1e-4, torch.ones(1, 1, 4, 4) > 0
    )


def test_size_and_channels_come_from_the_images(tmp_path):
    gray = {f"{n}.png": encoded(pixels(28, 30, 1, seed=n)) for n in range(3)}
    assert ImagePixels().prepare(images_of(tmp_path / "a", gray)).shape.dimensions == (1, 28, 30)
    assert ImagePixels(channels=3).prepare(images_of(tmp_path / "b", gray)).shape.dimensions == (3, 28, 30)
    mixed = images_of(tmp_path / "c", {**gray, "colour.png": encoded(pixels(28, 31))})
    prepared = ImagePixels().prepare(mixed)
    assert prepared.shape.dimensions == (3, 224, 224)
    assert prepared.notes[0].startswith(
        "images: 28 x 30 to 28 x 31 (2 sizes) pixels, brought to 224 x 224 RGB (squash)"
    )
    assert "3 of 4 images gray, as three equal channels" in prepared.notes
    single = ImagePixels(8, 1).prepare(mixed)
    assert single.pixels_NCHW.shape == (4, 1, 8, 8)
    assert "1 of 4 images in colour, turned gray" in single.notes
    large = images_of(tmp_path / "d", {"a.png": encoded(pixels(300, 300))})
    assert ImagePixels().prepare(large).shape.size == (224, 224)


def test_what_was_done_to_the_files_is_noted(tmp_path):
    from PIL import Image

    exif = Image.Exif()
    exif[0x0112] = 6
    layers = Image.fromarray(pixels()).convert("RGBA")
    layers.putalpha(128)
    files = {
        "turned.jpg": encoded(pixels(), "JPEG", exif=exif),
        "clear.png": encoded(layers),
        "deep.png": gray_png(16, np.full((12, 16), 4095, np.uint16)),
        "frames.tif": encoded(Image.fromarray(pixels()), "TIFF", save_all=True, append_images=[layers.convert("RGB")]),
    }
    notes = ImagePixels(8).prepare(images_of(tmp_path, files)).notes
    assert "1 of 4 images turned upright (EXIF)" in notes
    assert "1 of 4 images with transparency, shown on white" in notes
    assert "1 of 4 images with several frames, the first is taken" in notes
    assert notes[-1] == (
        "1 images of 16 bits scaled from 0..65535 to 0..255; the brightest pixel is 4095: "
        "most detail is lost, stretch them before"
    )


@pytest.mark.parametrize("memory", [True, False])
@pytest.mark.parametrize("size", [None, 8])
def test_all_broken_images_are_counted_before_training(tmp_path, memory, size):
    files = {f"{n}.jpg": encoded(pixels(40, 40, seed=n), "JPEG") for n in range(9)}
    files |= {f"{n}.jpg": files[f"{n}.jpg"][:300] for n in (1, 2, 4, 6, 7, 8)}
    with pytest.raises(DataError) as caught:
        ImagePixels(size, 3, memory=memory).prepare(images_of(tmp_path, files))
    lines = str(caught.value).splitlines()
    assert len(lines) == 5
    assert lines[0] == "6 of 9 images cannot be used: repair these files or take them out of the data"
    assert lines[1].startswith(f"row 2, {tmp_path}/1.jpg: damaged or cut off")
    assert lines[4] == "also row 7 (6.jpg), row 8 (7.jpg) and 1 more"


CUT_OFF = encoded(pixels(60, 80), "JPEG")[:700]  # its size can still be read


@pytest.mark.parametrize(
    ("broken", "options"),
    [
        ([b"", b"<html>", CUT_OFF], {"size": 8, "channels": 3}),  # noticed while files are read
        ([b"<html>", CUT_OFF], {}),  # while sizes are looked up
    ],
)
def test_files_broken_in_different_ways_are_counted_together(tmp_path, broken, options):
    files = {f"{n}.jpg": payload for n, payload in enumerate([encoded(pixels(), "JPEG"), *broken])}
    with pytest.raises(DataError) as caught:
        ImagePixels(**options).prepare(images_of(tmp_path, files))
    lines = str(caught.value).splitlines()
    assert lines[0].startswith(f"{len(broken)} of {len(files)} images cannot be used")
    reasons = {b"": "the file is empty", b"<html>": "not a PNG", CUT_OFF: "damaged or cut off"}
    for row, (line, payload) in enumerate(zip(lines[1:], broken, strict=True), start=1):
        assert line.startswith(f"row {row + 1}, {tmp_path}/{row}.jpg: {reasons[payload]}")


@pytest.mark.parametrize("num_workers", [0, 2])
def test_a_file_that_breaks_later_is_named(tmp_path, num_workers):
    images = images_of(tmp_path, pictures())
    rows = rows_of(images, memory=False).with_workers(num_workers, 30.0)
    (tmp_path / "7.png").write_bytes(b"overwritten")
    with pytest.raises(DataError, match=r"^row 8 \(id '7.png'\) cannot be read: not a PNG"):
        streamed(rows, None)
    assert not multiprocessing.active_children()


def test_memory_decides_where_the_pixels_are(images):
    gib = N_ROWS * 3 * 16 * 12 / 2**30
    held = {memory: ImagePixels([16, 12], memory=memory).prepare(images) for memory in ("auto", gib, gib / 2, False)}
    assert [prepared.pixels_NCHW is not None for prepared in held.values()] == [True, True, False, False]
    assert "held in memory (0 MiB)" in held["auto"].notes[0]
    assert "read from the files in every epoch" in held[False].notes[0]
    for memory in ("yes", -1.0):
        with pytest.raises(ConfigError, match=r"data\.preprocess\.memory"):
            ImagePixels(memory=memory)


def test_progress_is_shown(images):
    seen = []

    def track(items, description, total):
        seen.append((description, total))
        return items

    ImagePixels(8).prepare(images, track)
    assert seen == [("decoding images", N_ROWS)]


def test_what_was_fitted_survives_json(images):
    preprocess = ImagePixels([16, 12], train=["hflip"], views=["hflip"], resize="crop")
    fitted = preprocess.fit(preprocess.prepare(images), np.arange(5))
    again = FittedImages.from_json(json.loads(json.dumps(fitted.to_json())))
    assert again.model_arguments == fitted.model_arguments == {"in_channels": 3, "image_size": (16, 12)}
    assert again.moments == fitted.moments
    rows, other = fitted.transform(preprocess.prepare(images)), again.transform(images)  # files, not prepared
    for one, two in zip(rows.views(), other.views(), strict=True):
        assert torch.equal(one.take(torch.arange(N_ROWS))["images"], two.take(torch.arange(N_ROWS))["images"])
    with pytest.raises(DataError, match="trained on"):
        again.transform(ImagePixels(8).prepare(images))


@pytest.mark.parametrize(
    ("train", "said"),
    [
        (["hflp"], r"train\[0\]: torchvision.transforms.v2 has no transform 'hflp': did you mean 'hflip'"),
        (["RandomHorizontalFlop"], "did you mean 'RandomHorizontalFlip'"),
        (["hflip", {"name": "RandomCrop", "paddin": 4}], r"train\[1\]\.paddin: .*did you mean 'padding'"),
        ([{"name": "GaussianBlur"}], "GaussianBlur refused its arguments: .*kernel_size"),
        ([{"name": "ColorJitter", "brightness": "much"}], "ColorJitter refused its arguments"),
        ([{"p": 0.5}], "give a name"),
        ([7], "7: give a name"),
        (["Normalize"], "data.preprocess.normalize"),
        ([{"name": "Lambda", "lambd": "os.system"}], "cannot come from a configuration"),
        (["MixUp"], "whole batches"),
        (["ToTensor"], "ToTensor has no place here"),
        (["Transform"], "no transform 'Transform'"),
        ([{"name": "RandomApply", "transforms": ["hflp"]}], r"train\[0\]\.transforms\[0\]: .*'hflp'"),
        ([{"name": "ToDtype", "dtype": "complex64"}], "give uint8 or float32"),
        (["functional"], "no transform 'functional'"),
        (["functional.hflip"], "no transform"),
        (["torch"], "no transform 'torch'"),
        (["os.system"], "no transform 'os.system'"),
        (["__builtins__"], "no transform"),
        (["v2.Transform.__init__"], "no transform"),
        (["Compose.__init__.__globals__"], "no transform"),
    ],
)
def test_transforms_that_are_refused(train, said):
    with pytest.raises(ConfigError, match=said) as caught:
        ImagePixels(16, train=train)
    assert str(caught.value).startswith("data.preprocess.train[")
    assert len(str(caught.value).splitlines()) <= 5


@pytest.mark.parametrize(
    ("train", "said"),
    [
        (
            [{"name": "CenterCrop", "size": 8}],
            r"train\[0\]: CenterCrop makes 3 x 8 x 8 of 3 x 16 x 12: every image must keep",
        ),
        (["hflip", "RandomIoUCrop"], r"train\[1\]: RandomIoUCrop does not take images of 3 x 16 x 12: .*box"),
        (["ToPILImage"], "ToPILImage makes Image of 3 x 16 x 12"),
        (["FiveCrop"], "FiveCrop makes tuple"),
        (
            ["hflip", {"name": "ToDtype", "dtype": "float32", "scale": False}],
            r"train\[1\]: ToDtype leaves gray pixels at 127 in floating point, where white is 1",
        ),
        (["Grayscale"], "Grayscale makes 1 x 16 x 12 .*\ndata.preprocess.size and data.preprocess.channels set it"),
    ],
)
def test_transforms_that_make_something_else_are_refused_before_decoding(images, train, said):
    with pytest.raises(ConfigError, match=said):
        rows_of(images, train=train)


def test_a_size_that_changes_now_and_then_is_noticed_while_training(images):
    now_and_then = {"name": "RandomApply", "p": 0.1, "transforms": [{"name": "Pad", "padding": 1}]}
    rows = rows_of(images, train=[now_and_then])
    said = r"^row \d+ \(id '\d+\.png'\) cannot be read: data\.preprocess\.train makes \(3, 18, 14\)"
    with pytest.raises(DataError, match=said):
        streamed(rows, order=[np.arange(N_ROWS)])


@pytest.mark.parametrize("nested", [False, True])
def test_floating_point_keeps_the_pixels(images, nested):
    train = [{"name": "ToDtype", "dtype": "float32"}]
    if nested:
        train = [{"name": "RandomApply", "p": 1.0, "transforms": train}]
    found = streamed(rows_of(images, train=train, normalize="none"))
    assert torch.equal((torch.cat(found) * 255).round().to(torch.uint8), by_hand()[np.concatenate(ORDER)])


@pytest.mark.parametrize(
    "train",
    [
        ["hflip", "vflip", "crop4", "resized_crop", "rotate15", "color", "erase", "trivial"],
        ["RandAugment", "AutoAugment", {"name": "RandomRotation", "degrees": 10, "interpolation": "bilinear"}],
        [{"name": "RandomChoice", "transforms": ["hflip", {"name": "GaussianBlur", "kernel_size": 3}]}],
        [{"name": "ToDtype", "dtype": "float32", "scale": True}, {"name": "GaussianNoise", "sigma": 0.05}],
        ({"name": "Compose", "transforms": ["hflip", "vflip"]},),
    ],
)
@pytest.mark.parametrize("channels", [1, 3])
def test_what_people_use_works_for_gray_and_colour(images, train, channels):
    rows = rows_of(images, train=train, channels=channels, normalize="none")
    batch = streamed(rows)[0]
    assert batch.shape == (4, channels, 16, 12)
    assert 0 <= batch.min() <= batch.max() <= 1
    assert not torch.equal(batch, streamed(rows, None)[0])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"size": 0}, r"size=0"),
        ({"size": [16]}, r"size=\[16\]"),
        ({"size": True}, "size=True"),
        ({"channels": 4}, "channels=4"),
        ({"channels": "rgb"}, "channels=rgb"),
        ({"resize": "stretch"}, "resize=stretch: give one of squash, crop, pad"),
        ({"normalize": "imagnet"}, "no such word: did you mean 'imagenet'"),
        ({"normalize": [[0.5]]}, r"normalize=\[\[0.5\]\]"),
        ({"normalize": [[0.5], [0]]}, "every std above 0"),
        ({"views": ["hflop"]}, "no view 'hflop': did you mean 'hflip'"),
    ],
)
def test_settings_that_are_refused(options, said):
    with pytest.raises(ConfigError, match=said):
        ImagePixels(**options)


def test_moments_and_channels_must_fit(tmp_path):
    gray = images_of(tmp_path, {"a.png": encoded(pixels(channels=1))})
    with pytest.raises(ConfigError, match=r"normalize has 3 channels, the images 1: set data\.preprocess\.channels=3"):
        ImagePixels(normalize="imagenet").prepare(gray)


def test_texts_are_refused():
    with pytest.raises(ConfigError, match="ImagePixels is for images"):
        ImagePixels().prepare(Texts(("a",)))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("memory", [True, False])
def test_batches_on_a_gpu(images, memory):
    rows = rows_of(images, memory=memory, train=AUGMENTATION)
    moved = rows.to(torch.device("cuda"))
    for key in (None, KEY):
        for here, there in zip(streamed(rows, key), streamed(moved, key), strict=True):
            assert there.is_cuda
            torch.testing.assert_close(here, there.cpu(), rtol=0, atol=1e-6)


def assert_torchvisions_pixels(path, samples, rows):
    prepared = ImagePixels(64).prepare(samples.inputs)
    with ZipFile(path) as archive:
        for row in rows:
            image = Image.open(archive.open(samples.inputs.names[row])).convert("RGB")
            assert torch.equal(prepared.pixels_NCHW[row], v2.functional.pil_to_tensor(v2.Resize((64, 64))(image)))


def test_photographs_of_blood_cells_have_torchvisions_pixels():
    path = EXCERPTS / "blood_cells.zip"
    samples, _ = load_image_csv(str(path), ColumnOptions(label="labels", label_delimiter="|"), file="path")
    assert_torchvisions_pixels(path, samples, range(4))


@pytest.mark.real_data
def test_ants_and_bees():
    path = REAL_DATA / "images" / "hymenoptera_160.zip"
    samples, _ = load_image_folder(str(path), folders=["train", "val"])
    assert_torchvisions_pixels(path, samples, (0, 100, 396))

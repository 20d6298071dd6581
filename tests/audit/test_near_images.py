"""Copies and near copies of pictures: found where they are, and not where pictures only resemble each other."""

import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps

from tests.audit.audit_cases import SPEC, folds, of_kind
from tests.audit.picture_cases import digit, jpeg, listed, photo, samples_of, written
from trainer.audit import near_images
from trainer.audit.clusters import duplicate_groups
from trainer.audit.image_hashes import ImageHash, take
from trainer.audit.measure import measure
from trainer.audit.near_images import image_clusters
from trainer.audit.run import audit
from trainer.data.samples import Images
from trainer.errors import DataError

N_PHOTOS = 20

CHANGES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "jpeg 60": jpeg,
    "half": lambda picture: picture.resize((60, 60)),
    "half, then jpeg 60": lambda picture: jpeg(picture.resize((60, 60))),
    "5 % brighter": lambda picture: ImageEnhance.Brightness(picture).enhance(1.05),
    "less contrast": lambda picture: ImageEnhance.Contrast(picture).enhance(0.85),
    "another format": lambda picture: picture.convert("RGBA"),
}


def with_copies(root: Path, change: Callable[[Image.Image], Image.Image]) -> np.ndarray:
    """Return (2, N) the clusters of N photos and of their changed copies."""
    originals = {f"a{place}.png": photo(place) for place in range(N_PHOTOS)}
    copies = {f"b{place}.png": change(picture) for place, picture in enumerate(originals.values())}
    return image_clusters(written(root, originals | copies)).reshape(2, N_PHOTOS)


@pytest.mark.parametrize("change", CHANGES)
def test_changed_copies_are_found_and_joined_with_nothing_else(tmp_path: Path, change: str) -> None:
    original_N, copy_N = with_copies(tmp_path, CHANGES[change])
    assert (original_N == copy_N).all()
    assert len(set(original_N.tolist())) == N_PHOTOS


def test_most_copies_with_two_percent_cut_off_are_found(tmp_path: Path) -> None:
    original_N, copy_N = with_copies(tmp_path, lambda picture: picture.crop((1, 1, 119, 119)))
    assert (original_N == copy_N).mean() >= 0.8


@pytest.mark.parametrize("change", [ImageOps.mirror, ImageOps.flip, ImageOps.invert, lambda p: p.rotate(90)])
def test_mirrored_turned_and_inverted_pictures_are_no_copies(tmp_path: Path, change) -> None:
    original_N, copy_N = with_copies(tmp_path, change)
    assert len({*original_N.tolist(), *copy_N.tolist()}) == 2 * N_PHOTOS


def test_another_colour_is_another_picture(tmp_path: Path) -> None:
    red = photo(0)
    images = written(tmp_path, {"red.png": red, "blue.png": Image.merge("RGB", red.split()[::-1])})
    assert len(set(image_clusters(images).tolist())) == 2


def different() -> dict[str, dict[str, Image.Image]]:
    random = np.random.default_rng(0)
    noise = {
        f"{place}.png": Image.fromarray(random.integers(0, 256, (64, 64, 3), dtype=np.uint8)) for place in range(40)
    }
    flat = {f"{place}.png": Image.new("RGB", (32, 32), (3 * place,) * 3) for place in range(40)}
    digits = {f"{place}.png": digit(place, (235, 235, 230)) for place in range(10)}
    across = np.linspace(0, 1, 96)
    stripes = {
        f"{place}.png": Image.fromarray(
            np.tile(127 + 120 * np.sin(2 * np.pi * (2 + place / 3) * across), (96, 1)).astype(np.uint8)
        )
        for place in range(15)
    }
    return {"noise": noise, "flat colours": flat, "digits on one ground": digits, "stripes": stripes}


@pytest.mark.parametrize("kind", different())
def test_pictures_that_only_resemble_each_other_stay_apart(tmp_path: Path, kind: str) -> None:
    pictures = different()[kind]
    clusters = image_clusters(written(tmp_path, pictures))
    assert len(set(clusters.tolist())) == len(pictures)


def test_real_sprites_of_one_class_stay_apart() -> None:
    from sklearn.datasets import load_digits

    sprites = load_digits().images[:600]
    thumbs_USS = np.stack(
        [np.asarray(Image.fromarray((sprite * 15.9).astype(np.uint8)).resize((16, 16), 3)) for sprite in sprites]
    )
    same_hash = ImageHash(
        tuple(str(place).encode() for place in range(600)),
        np.zeros(600, dtype=np.uint64),
        thumbs_USS,
        np.full((600, 128), 128, dtype=np.uint8),
    )
    assert clusters_of(same_hash).max() + 1 >= 598  # all 179,700 pairs have the same hash


def clusters_of(image_hashes: ImageHash) -> np.ndarray:
    names = tuple(map(str, range(len(image_hashes.pixels))))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(near_images, "look_at", lambda _: image_hashes)
        return image_clusters.__wrapped__(Images("", names, names))


def test_close_hashes_are_all_found() -> None:
    random = np.random.default_rng(0)
    hashes_V = random.integers(0, 2**64, 900, dtype=np.uint64)
    hashes_V[450:] = hashes_V[:450] ^ (np.uint64(1) << random.integers(0, 64, 450, dtype=np.uint64))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(near_images, "BLOCK_PAIRS", 10_000)  # several blocks
        found = {tuple(pair) for block in near_images._candidates(hashes_V) for pair in block.tolist()}
    bits = np.unpackbits(hashes_V.view(np.uint8).reshape(-1, 8), axis=1).astype(int)
    distances = (bits[:, None] != bits[None]).sum(2)
    assert found == {(int(i), int(j)) for i, j in np.argwhere(distances <= 10) if i < j}
    assert len(found) >= 450


def test_equal_pixels_in_another_file_are_copies_even_without_detail(tmp_path: Path) -> None:
    flat = Image.new("RGB", (40, 40), (9, 9, 9))
    images = written(tmp_path, {"a.png": flat, "b.bmp": flat, "c.png": Image.new("RGB", (40, 40), (9, 9, 10))})
    clusters = image_clusters(images)
    assert clusters[0] == clusters[1] != clusters[2]


def copied(root: Path) -> Images:
    """Four photos: row 5 is the first file again, row 6 a JPEG of the second, row 7 the third mirrored."""
    pictures = {f"{place}.png": photo(place) for place in range(4)}
    more = {"again.png": photo(0), "small.jpg": photo(1).resize((70, 70)), "mirrored.png": ImageOps.mirror(photo(2))}
    return written(root, pictures | more)


def test_copies_on_both_sides_are_leaks_with_their_files(tmp_path: Path) -> None:
    samples = samples_of(copied(tmp_path), [0, 1, 0, 1, 0, 1, 0])
    found = audit(samples, SPEC, folds(0, 0, 0, 0, 1, 1, 1))
    exact, near = of_kind(found, "exact_copies"), of_kind(found, "near_copies")
    assert (exact.severity, exact.rows, exact.folds) == ("leak", (1, 5), ("0", "1"))
    assert (near.severity, near.rows, near.folds) == ("leak", (2, 6), ("0", "1"))
    assert "Row 2 (1.png) is held out while row 6 (small.jpg) is trained on" in near.message
    assert "cv.group=auto_duplicates" in near.fix
    assert of_kind(audit(samples, SPEC, folds(0, 1, 0, 1, 0, 1, 1)), "near_copies") is None


def test_the_whole_folder(tmp_path: Path) -> None:
    found = audit(samples_of(copied(tmp_path)), SPEC, None)
    assert "Row 5 (again.png) is the same as row 1 (0.png)" in of_kind(found, "exact_copies").message
    assert "Row 6 (small.jpg) is nearly the same as row 2 (1.png)" in of_kind(found, "near_copies").message
    assert of_kind(audit(samples_of(copied(tmp_path)), SPEC, None, near=None), "near_copies") is None


def test_copies_with_different_labels_are_told(tmp_path: Path) -> None:
    found = audit(samples_of(copied(tmp_path), [0, 0, 0, 0, 1, 1, 0]), SPEC, None)
    same, nearly = of_kind(found, "label_conflicts"), of_kind(found, "near_label_conflicts")
    assert "row 1 (0.png: no) and row 5 (again.png: yes)" in same.message
    assert same.rows == (1, 5)
    assert "row 2 (1.png: no) and row 6 (small.jpg: yes)" in nearly.message
    assert nearly.rows == (2, 6)
    assert of_kind(audit(samples_of(copied(tmp_path), [0] * 7), SPEC, None), "near_label_conflicts") is None


def test_groups_of_copies_do_not_depend_on_the_order_of_rows(tmp_path: Path) -> None:
    images = copied(tmp_path)
    expected = dict(zip(images.names, duplicate_groups(samples_of(images), near=True).tolist(), strict=True))
    assert expected["again.png"] == expected["0.png"] == "0.png"
    assert expected["small.jpg"] == expected["1.png"] == "1.png"
    assert len(set(expected.values())) == 5
    for seed in range(5):
        shuffled = take(images, np.random.default_rng(seed).permutation(7))
        groups = duplicate_groups(samples_of(shuffled), near=True).tolist()
        assert dict(zip(shuffled.names, groups, strict=True)) == expected
    assert duplicate_groups(samples_of(images), near=False).tolist()[5] == "small.jpg"


def test_common_near_copies_with_different_labels_are_no_copies(tmp_path: Path) -> None:
    noisy = {}
    for place in range(24):
        noise = np.random.default_rng(place).normal(0, 2, (120, 120, 3))
        noisy[f"{place}.png"] = Image.fromarray(np.clip(np.asarray(photo(0)) + noise, 0, 255).astype(np.uint8))
    images = written(tmp_path, noisy)
    assert len(set(duplicate_groups(samples_of(images, [0] * 24), near=True).tolist())) == 1
    assert len(set(duplicate_groups(samples_of(images), near=True).tolist())) == 24


def test_a_zip_file_reads_like_a_directory(tmp_path: Path) -> None:
    images = copied(tmp_path / "files")
    with zipfile.ZipFile(tmp_path / "files.zip", "w") as archive:
        for name in images.names:
            archive.write(tmp_path / "files" / name, name)
    zipped = Images(str(tmp_path / "files.zip"), images.names, images.sha256)
    assert image_clusters(zipped).tolist() == image_clusters(images).tolist()


def test_unusual_pictures_are_compared_too(tmp_path: Path) -> None:
    grey = photo(0).convert("L")
    deep = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    turned = photo(1).rotate(90, expand=True)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 270 degrees
    pictures = {"8 bits.png": grey, "16 bits.png": deep, "upright.png": photo(1), "palette.png": photo(2).quantize(200)}
    written(tmp_path, {**pictures, "full.png": photo(2)})
    turned.save(tmp_path / "turned.jpg", exif=exif, quality=95)
    images = listed(tmp_path, [*pictures, "full.png", "turned.jpg"])
    clusters = image_clusters(images).tolist()
    assert clusters[0] == clusters[1]
    assert clusters[2] == clusters[5]
    assert clusters[3] == clusters[4]
    assert len(set(clusters)) == 3


def test_a_file_that_is_no_picture_is_named(tmp_path: Path) -> None:
    images = copied(tmp_path)
    (tmp_path / "3.png").write_bytes((tmp_path / "3.png").read_bytes()[:3000])
    with pytest.raises(DataError, match=r"3\.png: damaged or cut off"):
        audit(samples_of(listed(tmp_path, images.names)), SPEC, None)


def test_the_leak_of_copies_is_measured(tmp_path: Path) -> None:
    pictures = {f"{place}.png": photo(place, 48) for place in range(30)}
    copies = {f"copy{place}.jpg": jpeg(photo(place, 48), 80) for place in range(20)}
    target = [*np.random.default_rng(0).integers(0, 2, 30).tolist()]
    samples = samples_of(written(tmp_path, pictures | copies), target + target[:20])
    split = np.array([[0] * 30 + [1] * 20], dtype=np.int64)
    linear, nearest = measure(samples, SPEC, split)
    assert "16 x 16 grey pixels" in linear.probe
    assert "nearest neighbour" in nearest.probe
    assert (nearest.n_given, nearest.n_honest) == (50, 10)  # only ten photos have no copy
    assert nearest.given > nearest.honest + 0.2

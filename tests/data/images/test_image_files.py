import hashlib
import io
import multiprocessing
import os
import struct
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from tests.data.images.image_cases import encoded, gray_png, images_of, pixels, png_head, write_files, write_zip
from trainer.data.images.decoding import brought_to, decode, look
from trainer.data.images.image_files import hash_images, list_files, read_image
from trainer.data.readers.archives import open_archive
from trainer.errors import DataError

GOOD = encoded(pixels())


def lines_of(caught):
    return str(caught.value).splitlines()


def test_a_directory_and_a_zip_give_the_same_record(tmp_path):
    files = {"b/2.png": GOOD, "a/1.jpg": encoded(pixels(seed=1), "JPEG")}
    there = hash_images(write_files(tmp_path / "d", files), sorted(files))
    packed = hash_images(write_zip(tmp_path / "d.zip", files), sorted(files))
    expected = tuple(hashlib.sha256(files[name]).hexdigest() for name in sorted(files))
    assert there.sha256 == packed.sha256 == expected
    assert there.content_sha256() == packed.content_sha256()
    for row in range(2):
        assert np.array_equal(read_image(there, row), read_image(packed, row))


def test_the_listing_is_sorted_and_leaves_system_files_out(tmp_path):
    files = {
        "b/x.png": GOOD,
        "a/y.PNG": GOOD,
        "a/notes.txt": b"hm",
        ".DS_Store": b"0",
        "a/Thumbs.db": b"0",
        "a/._y.png": b"0",
    }
    files |= {"__MACOSX/a/._y.png": b"0", ".cache/z.png": GOOD}
    for root in (write_files(tmp_path / "d", files), write_zip(tmp_path / "d.zip", files)):
        listing = list_files(root)
        assert listing.files == ("a/notes.txt", "a/y.PNG", "b/x.png")
        assert listing.images() == ("a/y.PNG", "b/x.png")


def test_a_directory_is_walked_through_links_and_never_in_circles(tmp_path):
    write_files(tmp_path / "real", {"x.png": GOOD})
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "cat").symlink_to(tmp_path / "real")
    (tmp_path / "d" / "loop").symlink_to(tmp_path / "d")
    assert list_files(str(tmp_path / "d")).files == ("cat/x.png",)


@pytest.mark.parametrize("name", ["图片/猫 1.png", "with space/ä.png", "😀/x.png"])
def test_names_of_every_language(tmp_path, name):
    for root in (write_files(tmp_path / "数据 集", {name: GOOD}), write_zip(tmp_path / "数据 集.zip", {name: GOOD})):
        assert list_files(root).files == (name,)
        assert np.array_equal(read_image(hash_images(root, [name]), 0), pixels())


@pytest.mark.parametrize("encoding", ["gb18030", "utf-8"])
def test_names_of_a_zip_without_the_utf8_mark(tmp_path, encoding):
    raw = "猫/白色.png".encode(encoding)
    path = write_zip(tmp_path / "old.zip", {"x" * len(raw): GOOD})
    (tmp_path / "old.zip").write_bytes((tmp_path / "old.zip").read_bytes().replace(b"x" * len(raw), raw))
    assert list_files(path).files == ("猫/白色.png",)
    assert read_image(hash_images(path, ["猫/白色.png"]), 0).size == (16, 12)


def test_names_of_a_zip_are_read_in_one_encoding(tmp_path):
    """The bytes of the first name in GB 18030 are "è" in UTF-8; those of the second are no UTF-8."""
    raw = [name.encode("gb18030") for name in ("猫/1.png", "狗/1.png")]
    assert raw[0].decode() == "è/1.png"
    path = write_zip(tmp_path / "old.zip", {"x" * len(raw[0]): GOOD, "y" * len(raw[1]): GOOD})
    packed = Path(path).read_bytes().replace(b"x" * len(raw[0]), raw[0]).replace(b"y" * len(raw[1]), raw[1])
    Path(path).write_bytes(packed)
    assert set(list_files(path).files) == {"猫/1.png", "狗/1.png"}


def test_a_zip_with_one_name_twice_is_refused(tmp_path):
    path = write_zip(tmp_path / "twice.zip", {"a.png": GOOD, "b.png": b""})
    Path(path).write_bytes(Path(path).read_bytes().replace(b"b.png", b"a.png"))
    with pytest.raises(DataError, match=r"twice\.zip: 'a\.png' in it is there twice: pack it again"):
        list_files(path)


@pytest.mark.parametrize("name", ["../x.png", "a/../../x.png", "/etc/x.png", "C:/x.png", "..\\x.png"])
def test_zip_slip_is_refused(tmp_path, name):
    with pytest.raises(DataError, match=r"leads out of the archive \(zip slip\)"):
        list_files(write_zip(tmp_path / "evil.zip", {"a.png": GOOD, name: GOOD}))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["evil.zip"]


def test_zip_bombs_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"'a.png' in it is 20,000,000 bytes packed into .*zip bomb"):
        list_files(write_zip(tmp_path / "one.zip", {"a.png": bytes(20_000_000)}))
    many = {f"{n}.png": bytes(2_000_000) for n in range(20)}
    with pytest.raises(DataError, match=r"40,000,000 bytes packed into .*zip bomb"):
        list_files(write_zip(tmp_path / "many.zip", many))
    white = encoded(np.full((1000, 1000, 3), 255, np.uint8), "BMP")  # 3 MB that pack into 3 kB: an image all the same
    assert len(list_files(write_zip(tmp_path / "white.zip", {"a.bmp": white})).files) == 1


def test_a_zip_whose_members_overlap_is_refused(tmp_path):
    """The same packed bytes listed a thousand times (Fifield 2019), here by pointing all entries at one of them."""
    noise = np.random.default_rng(0).bytes(50_000)
    path = tmp_path / "overlap.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("0.png", noise)
        for number in range(1, 1000):
            info = zipfile.ZipInfo(f"{number}.png")
            first = archive.filelist[0]
            info.header_offset, info.CRC = first.header_offset, first.CRC
            info.compress_size, info.file_size = first.compress_size, first.file_size
            archive.filelist.append(info)
        archive._didModify = True
    with pytest.raises(DataError, match="zip bomb"):
        list_files(str(path))


def test_a_member_that_is_larger_than_it_says_is_refused(tmp_path):
    path = tmp_path / "liar.zip"
    write_zip(path, {"a.png": bytes(100_000)})
    raw = path.read_bytes()
    path.write_bytes(raw.replace(struct.pack("<I", 100_000), struct.pack("<I", 90)))
    with pytest.raises(DataError, match=r"row 1, .*a\.png: cannot be read"):
        hash_images(str(path), ["a.png"])


def test_a_link_or_a_locked_member_of_a_zip_is_refused(tmp_path):
    link = zipfile.ZipInfo("a.png")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "link.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(DataError, match="is a link"):
        list_files(str(tmp_path / "link.zip"))
    raw = bytearray(Path(write_zip(tmp_path / "locked.zip", {"a.png": GOOD})).read_bytes())
    raw[raw.index(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "locked.zip").write_bytes(raw)
    with pytest.raises(DataError, match="is encrypted"):
        list_files(str(tmp_path / "locked.zip"))


def test_what_is_no_directory_and_no_zip(tmp_path):
    (tmp_path / "data.zip").write_bytes(b"no zip at all")
    with pytest.raises(DataError, match="this is plain text, not a zip file"):
        list_files(str(tmp_path / "data.zip"))
    (tmp_path / "data.rar").write_bytes(b"Rar!")
    with pytest.raises(DataError, match=r"neither a directory nor a .zip file"):
        list_files(str(tmp_path / "data.rar"))
    with pytest.raises(DataError, match=r"no such directory or \.zip file: did you mean 'data.zip'"):
        list_files(str(tmp_path / "dat.zip"))


def test_missing_and_empty_files_are_named_with_their_rows(tmp_path):
    root = write_files(tmp_path / "d", {"a.png": GOOD, "b.png": b""})
    with pytest.raises(DataError) as caught:
        hash_images(root, ["a.png", "c.png", "b.png"])
    assert lines_of(caught) == [
        "2 of 3 images cannot be used: repair these files or take them out of the data",
        f"row 2, {root}/c.png: there is no such file",
        f"row 3, {root}/b.png: the file is empty (0 bytes)",
    ]
    with pytest.raises(DataError, match=r"row 2, .*d/c.png: there is no such file"):
        hash_images(root, ["a.png", "c.png"])


def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.png")
    with pytest.raises(DataError, match=r"row 1, .*a\.png: it is no regular file"):
        hash_images(str(tmp_path), ["a.png"])


def test_many_broken_files_are_counted_in_five_lines(tmp_path):
    with pytest.raises(DataError) as caught:
        hash_images(str(tmp_path), [f"{n}.png" for n in range(40)])
    lines = lines_of(caught)
    assert len(lines) == 5
    assert lines[0].startswith("40 of 40 images")
    assert lines[4] == "also row 4 (3.png), row 5 (4.png) and 35 more"


BROKEN = {
    "cut.jpg": (encoded(pixels(60, 80), "JPEG")[:700], "damaged or cut off"),
    "cut.png": (
        encoded(np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8))[:2000],
        "damaged or cut",
    ),
    "text.jpg": (b"this is text, not an image", r"not a PNG, JPEG, BMP, WEBP, TIFF image: it begins with b'this"),
    "anim.jpg": (encoded(Image.fromarray(pixels()).convert("P"), "GIF"), "not a PNG, JPEG.* begins with b'GIF8"),
    "huge.png": (png_head(20_000, 10_000), "more than 178 million pixels"),
    "float.tif": (
        encoded(Image.fromarray(np.zeros((4, 4), np.float32)), "TIFF"),
        "floating point numbers of unknown range",
    ),
    "int.tif": (encoded(Image.fromarray(np.zeros((4, 4), np.int32)), "TIFF"), "32-bit whole numbers of unknown range"),
    "head.png": (GOOD[:20], "damaged or cut off|not a PNG"),
    "script.jpg": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n", "not a PNG"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_images_are_named(tmp_path, name):
    payload, said = BROKEN[name]
    images = images_of(tmp_path, {"good.png": GOOD, name: payload})
    with pytest.raises(DataError, match=rf"^row 2, .*{name}: ") as caught:
        read_image(images, 1)
    assert len(lines_of(caught)) <= 5
    assert caught.match(said)
    assert read_image(images, 0).size == (16, 12)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "WEBP", "TIFF"])
def test_damage_anywhere_is_an_error_or_an_image(kind):
    raw = bytearray(encoded(pixels(20, 20), kind))
    random = np.random.default_rng(3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(60):
            broken = bytearray(raw)
            for place in random.integers(0, len(raw), 5):
                broken[place] = random.integers(0, 256)
            try:
                image, _ = decode(bytes(broken[: random.integers(len(raw) // 2, len(raw) + 1)]))
            except DataError:
                continue
            assert image.mode in ("L", "RGB")


def test_pillow_never_writes_warnings_to_the_screen(tmp_path):
    most = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = 100  # 12 x 16 pixels lie between it and twice it: Pillow warns
    try:
        assert read_image(images_of(tmp_path, {"a.png": GOOD}), 0).size == (16, 12)
    finally:
        Image.MAX_IMAGE_PIXELS = most


def test_sixteen_bits_are_scaled_not_clipped():
    values = np.linspace(0, 65535, 64).round().astype(np.uint16).reshape(8, 8)
    image, origin = decode(gray_png(16, values))
    assert np.array_equal(np.asarray(image), np.floor(values / 257.0 + 0.5).astype(np.uint8))
    assert (origin.is_gray, origin.brightest) == (True, 65535)
    tiff, _ = decode(encoded(Image.fromarray(values), "TIFF"))
    assert np.array_equal(np.asarray(tiff), np.asarray(image))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_exif_turned_images_stand_upright(orientation, kind):
    picture = Image.fromarray(pixels(12, 16))
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"quality": 95} if kind == "JPEG" else {"lossless": True} if kind == "WEBP" else {}
    payload = encoded(picture, kind, exif=exif, **options)
    stored = decode(encoded(picture, kind, **options))[0]
    upright, origin = decode(payload)
    ways = {2: (0,), 3: (3,), 4: (1,), 5: (5,), 6: (4,), 7: (6,), 8: (2,)}  # Image.Transpose of each orientation
    expected = stored if orientation == 1 else stored.transpose(Image.Transpose(ways[orientation][0]))
    assert np.array_equal(np.asarray(upright), np.asarray(expected))
    assert origin.is_rotated == (orientation > 1)
    assert origin.size == look(payload).size == ((16, 12) if orientation > 4 else (12, 16))


def test_palette_cmyk_gray_bilevel_and_transparency():
    plain = Image.fromarray(pixels(channels=1)).convert("RGB")
    palette = plain.convert("P", palette=Image.Palette.ADAPTIVE, colors=16)
    assert np.array_equal(np.asarray(decode(encoded(palette))[0]), np.asarray(palette.convert("RGB")))
    cmyk = Image.fromarray(np.full((8, 8, 4), (0, 255, 255, 0), np.uint8), mode="CMYK")
    red = np.asarray(decode(encoded(cmyk, "JPEG", quality=95))[0]).reshape(-1, 3).mean(axis=0)
    assert np.allclose(red, (255, 0, 0), atol=4)
    gray, origin = decode(encoded(pixels(channels=1)))
    assert (gray.mode, origin.is_gray) == ("L", True)
    bilevel, _ = decode(encoded(Image.fromarray(pixels(channels=1) > 99)))
    assert set(np.unique(np.asarray(bilevel))) == {0, 255}


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA", "tRNS"])
def test_transparent_pixels_are_white(mode):
    layers = np.zeros((2, 2, 4), np.uint8)
    layers[..., 3] = [[0, 255], [127, 255]]  # black, seen or not
    picture = Image.fromarray(layers)
    if mode == "tRNS":
        flat = Image.fromarray(np.array([[7, 0], [0, 0]], np.uint8)).convert("P")
        payload = encoded(flat, "PNG", transparency=7)
        flat_expected = [[255, 0], [0, 0]]
    else:
        payload = encoded(picture.convert("RGBA" if mode == "PA" else mode), "PNG")
        flat_expected = [[255, 0], [128, 0]]
    image, origin = decode(payload)
    assert origin.is_transparent
    assert np.asarray(image.convert("L")).tolist() == flat_expected


def test_the_first_frame_of_several_is_taken():
    first, second = (Image.fromarray(pixels(seed=seed)) for seed in (1, 2))
    image, origin = decode(encoded(first, "TIFF", save_all=True, append_images=[second]))
    assert np.array_equal(np.asarray(image), np.asarray(first))
    assert origin.frames == 2


def test_resizing_is_torchvisions_on_pillow_images():
    from torchvision.transforms import v2

    image = Image.fromarray(pixels(37, 53))
    expected = v2.functional.pil_to_tensor(v2.Resize((20, 24))(image)).numpy()
    assert np.array_equal(brought_to(image, (20, 24), 3, "squash"), expected)
    wide = Image.fromarray(pixels(20, 40))
    crop = brought_to(wide, (20, 20), 3, "crop")
    assert np.array_equal(crop, v2.functional.pil_to_tensor(v2.CenterCrop(20)(wide)).numpy())
    pad = brought_to(wide, (40, 40), 3, "pad")
    assert np.array_equal(pad[:, 10:30], np.asarray(wide).transpose(2, 0, 1))
    assert not pad[:, :10].any()
    assert not pad[:, 30:].any()
    assert np.array_equal(brought_to(image, (37, 53), 1, "squash")[0], np.asarray(ImageOps.grayscale(image)))


@pytest.mark.parametrize(("height", "width"), [(1, 300), (300, 1), (2, 300), (3, 4000)])
@pytest.mark.parametrize("size", [(32, 32), (32, 20), (1, 7)])
def test_padding_keeps_something_of_the_longest_images(height, width, size):
    image = Image.fromarray(np.full((height, width, 3), 200, np.uint8))
    padded = brought_to(image, size, 3, "pad")
    filled = (padded == 200).all(axis=0)
    assert (padded[:, ~filled] == 0).all()
    lines, columns = np.flatnonzero(filled.any(axis=1)), np.flatnonzero(filled.any(axis=0))
    scale = min(size[0] / height, size[1] / width)
    assert (len(lines), len(columns)) == (max(1, round(height * scale)), max(1, round(width * scale)))
    assert filled.sum() == len(lines) * len(columns)


def test_padding_of_other_images_is_pillows():
    random = np.random.default_rng(5)
    for height, width, *size in random.integers(1, 60, (200, 4)).tolist():
        image = Image.fromarray(random.integers(0, 256, (height, width, 3), dtype=np.uint8))
        if 0 in ImageOps.contain(image, size).size:
            continue
        expected = np.asarray(ImageOps.pad(image, size, Image.Resampling.BILINEAR)).transpose(2, 0, 1)
        assert np.array_equal(brought_to(image, (size[1], size[0]), 3, "pad"), expected)


def test_a_forked_process_opens_the_zip_itself(tmp_path):
    files = {f"{n}.png": encoded(pixels(30, 30, seed=n)) for n in range(20)}
    images = hash_images(write_zip(tmp_path / "d.zip", files), list(files))
    before = open_archive(images.root)
    context = multiprocessing.get_context("fork")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=DeprecationWarning)  # forking next to the threads of other tests
        with context.Pool(4) as pool:
            found = pool.starmap(_read_in_child, [(images, n, os.getpid()) for n in range(20)] * 5)
    assert found == [pixels(30, 30, seed=n).tobytes() for n in range(20)] * 5
    assert open_archive(images.root) is before


def _read_in_child(images, row, parent):
    assert os.getpid() != parent
    return np.asarray(read_image(images, row)).tobytes()


def test_reading_takes_the_bytes_as_they_are():
    assert decode(GOOD)[0].tobytes() == Image.open(io.BytesIO(GOOD)).tobytes()

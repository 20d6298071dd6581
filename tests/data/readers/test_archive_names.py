"""Names in zip files that do not say their encoding: read as they were written, and told."""

import struct
import zipfile
import zlib

import pytest

from tests.data.images.image_cases import class_folders, encoded, pixels, write_files
from trainer.data.images.image_files import list_files, read_bytes
from trainer.data.readers.archives import open_archive
from trainer.data.sources.image_folder import load_image_folder
from trainer.errors import ConfigError

NAMES = {
    "cp850": ("décor", "façade", "Übung"),
    "cp866": ("кошка", "Собака"),
    "cp1251": ("кошка", "собака"),
    "cp1252": ("décor", "château"),
    "cp932": ("ネコ", "いぬ"),
    "cp949": ("고양이", "강아지"),
    "gb18030": ("好评", "差评"),
    "big5hkscs": ("這個", "貓"),
}


def packed(path, names, encoding, extra=b""):
    """Write a zip whose names are bytes of a code page, as other programs do: no flag, no word of the encoding."""
    with zipfile.ZipFile(path, "w") as archive:
        for number, name in enumerate(names):
            archive.writestr(f"{chr(97 + number) * len(name.encode(encoding))}/1.png", encoded(pixels(seed=number)))
    payload = path.read_bytes()
    for number, name in enumerate(names):
        raw = name.encode(encoding)
        payload = payload.replace(chr(97 + number).encode() * len(raw) + b"/1.png", raw + b"/1.png")
    path.write_bytes(payload)
    return str(path)


@pytest.mark.parametrize("encoding", NAMES)
def test_names_are_read_in_the_code_page_they_were_written_in(tmp_path, encoding):
    path = packed(tmp_path / "a.zip", NAMES[encoding], encoding)
    listing = list_files(path)
    assert listing.files == tuple(sorted(f"{name}/1.png" for name in NAMES[encoding]))
    assert listing.notes == (
        f"file names in {path} do not say their encoding: read as {encoding} ({', '.join(NAMES[encoding])}); "
        "if that is wrong, set data.zip_encoding",
    )


def test_an_encoding_that_is_given_is_used_and_the_files_are_found_again(tmp_path):
    path = packed(tmp_path / "a.zip", ("décor", "façade"), "cp850")
    samples, spec = load_image_folder(path, zip_encoding="cp437")
    assert spec.classes == ("décor", "façade")
    assert not any("encoding" in note for note in spec.notes)
    russian = list_files(path, "cp866").files
    assert russian == ("dВcor/1.png", "faЗade/1.png")
    assert read_bytes(path, russian[0]) == read_bytes(path, samples.inputs.names[0])
    with pytest.raises(KeyError):
        open_archive(path).read("dücor/1.png")
    with pytest.raises(ConfigError, match=r"data\.zip_encoding=cp8500: did you mean 'cp850'"):
        list_files(path, "cp8500")


def test_the_field_that_says_the_name_in_utf_8_wins(tmp_path):
    raw = "d?cor/1.png".encode("cp850")
    said = "décor/1.png".encode()
    field = struct.pack("<HHBL", 0x7075, 5 + len(said), 1, zlib.crc32(raw.replace(b"?", b"\x82"))) + said
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        info = zipfile.ZipInfo("d?cor/1.png")
        info.extra = field
        archive.writestr(info, encoded(pixels()))
    payload = (tmp_path / "a.zip").read_bytes().replace(raw, raw.replace(b"?", b"\x82"))
    (tmp_path / "a.zip").write_bytes(payload)
    listing = list_files(str(tmp_path / "a.zip"))
    assert (listing.files, listing.notes) == (("décor/1.png",), ())
    assert read_bytes(str(tmp_path / "a.zip"), "décor/1.png") == encoded(pixels())


def test_folders_below_the_class_folders_are_told_and_can_be_groups(tmp_path):
    files = {f"{label}/p{n // 2}/{n}.png": encoded(pixels(seed=n)) for label in ("cat", "dog") for n in range(4)}
    path = write_files(tmp_path / "d", files | {"cat/alone.png": encoded(pixels(seed=9))})
    samples, spec = load_image_folder(path)
    assert samples.groups_N is None
    assert spec.notes[-1].startswith("images lie in 2 (p0, p1) folders below the class folders and are mixed: if")
    samples, spec = load_image_folder(path, group="folder")
    assert samples.groups_N is not None
    assert dict(zip(samples.ids_N.tolist(), samples.groups_N.tolist(), strict=True)) == {
        **{f"{label}/p{n // 2}/{n}.png": f"p{n // 2}" for label in ("cat", "dog") for n in range(4)},
        "cat/alone.png": "/cat/alone.png",
    }
    assert not any("mixed" in note for note in spec.notes)
    with pytest.raises(ConfigError, match="no folders below the class folders"):
        load_image_folder(write_files(tmp_path / "flat", class_folders()), group="folder")
    with pytest.raises(ConfigError, match=r"data\.group=person"):
        load_image_folder(path, group="person")


def test_class_folders_in_two_writings_or_without_a_label(tmp_path):
    files = class_folders(2, ("cat", "dog", "unknown"))
    samples, spec = load_image_folder(write_files(tmp_path / "d", files))
    assert "'unknown' in 2 rows (5, 6)" in spec.notes[1]
    samples, spec = load_image_folder(str(tmp_path / "d"), missing_labels=["unknown"])
    assert spec.classes == ("cat", "dog")
    assert samples.ids_N.tolist() == ["cat/0.png", "cat/1.png", "dog/0.png", "dog/1.png"]
    assert len(samples.inputs.names) == len(samples.inputs.sha256) == len(samples.target) == 4
    write_files(tmp_path / "d", {"Cat/9.png": encoded(pixels(seed=99))})
    samples, spec = load_image_folder(str(tmp_path / "d"), missing_labels=["unknown"], spellings="join")
    assert samples.target.tolist() == [0, 0, 0, 1, 1]

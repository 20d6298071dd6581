import bz2
import gzip
import io
import lzma
import tarfile
import tempfile
import zipfile
from pathlib import Path

import pyarrow as pa
import pytest

from trainer.data.columns.options import ColumnOptions
from trainer.data.readers import unpacked
from trainer.data.readers.tables import open_table
from trainer.data.sources.csv_tabular import load_csv_tabular
from trainer.errors import ConfigError, DataError, StorageError

TABLE = b"a,kind,label\n1,x,p\n2,y,q\n3,x,p\n"
CELLS = {"a": ["1", "2", "3"], "kind": ["x", "y", "x"], "label": ["p", "q", "p"]}


def zstd(payload):
    return pa.Codec("zstd").compress(payload, asbytes=True)


COMPRESS = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress, ".zst": zstd}


def tar(files, compress=bytes):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, payload in files.items():
            member = payload if isinstance(payload, tarfile.TarInfo) else tarfile.TarInfo(name)
            content = b"" if member is payload else payload
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return compress(stream.getvalue())


def zipped(files):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, payload in files.items():
            archive.writestr(name, payload)
    return stream.getvalue()


def written(path: Path, payload: bytes) -> Path:
    path.write_bytes(payload)
    return path


def cells(path, **options):
    return open_table(path, ColumnOptions(**options)).rows.to_pydict()


@pytest.mark.parametrize("ending", COMPRESS)
def test_a_compressed_file_is_read_as_what_is_in_it(tmp_path, ending):
    path = written(tmp_path / f"x.csv{ending}", COMPRESS[ending](TABLE))
    assert cells(path) == CELLS
    twice = written(tmp_path / f"y.csv{ending}", COMPRESS[ending](TABLE[:20]) + COMPRESS[ending](TABLE[20:]))
    assert cells(twice) == CELLS  # as written by parallel tools, or put together with cat
    assert load_csv_tabular(str(path), ColumnOptions())[1].name == "x"


@pytest.mark.parametrize(
    ("name", "payload"),
    [
        ("x.zip", zipped({"d/": "", "d/t.csv": TABLE, "README.txt": b"About.", "__MACOSX/d/._t.csv": b"\0"})),
        ("x.csv.zip", zipped({"t.csv.gz": gzip.compress(TABLE)})),
        ("x.tar", tar({"./t.csv": TABLE, "./._t.csv": b"\0", "./LICENSE": b"MIT"})),
        ("x.tgz", tar({"t.csv": TABLE}, gzip.compress)),
        ("x.tar.bz2", tar({"t.csv": TABLE}, bz2.compress)),
        ("x.tar.xz", tar({"t.csv": TABLE}, lzma.compress)),
        ("x.tar.zst", tar({"t.csv": TABLE}, zstd)),
    ],
)
def test_the_only_table_of_an_archive_is_read(tmp_path, name, payload):
    path = written(tmp_path / name, payload)
    assert cells(path) == CELLS
    assert load_csv_tabular(str(path), ColumnOptions())[1].name == "x"
    assert not list(Path(tempfile.gettempdir()).glob("foldwise-*/**/t.csv"))


@pytest.mark.parametrize("name", ["notes.txt", "schema.json"])
def test_what_lies_beside_a_table_is_said_not_to_be_read(tmp_path, name):
    path = written(tmp_path / "x.zip", zipped({"t.csv": TABLE, name: b"{}"}))
    assert cells(path) == CELLS
    assert any(f"the table is t.csv; not read: {name}" in note for note in open_table(path, ColumnOptions()).notes)


@pytest.mark.parametrize("pack", [zipped, tar])
def test_of_several_tables_one_is_named(tmp_path, pack):
    path = written(tmp_path / ("x.zip" if pack is zipped else "x.tar"), pack({"d/a.csv": b"no,1\n", "d/b.csv": TABLE}))
    with pytest.raises(DataError, match=r"several tables in it \(d/a.csv, d/b.csv\): name one.*data\.table=d/a\.csv"):
        cells(path)
    with pytest.raises(DataError, match=r"data\.table=c\.csv: there is no such table in it"):
        cells(path, table="c.csv")
    assert cells(path, table="b.csv") == cells(path, table="d/b.csv") == CELLS
    deeper = written(tmp_path / f"y{path.suffix}", pack({"a.csv": TABLE, "old/b.csv": b"no,1\n"}))
    opened = open_table(deeper, ColumnOptions())
    assert opened.rows.to_pydict() == CELLS
    assert opened.notes == ("the table is a.csv; not read: old/b.csv",)


def test_a_table_with_any_ending_where_the_format_is_named(tmp_path):
    assert cells(written(tmp_path / "x.data.gz", gzip.compress(TABLE)), format="delimited") == CELLS
    assert cells(written(tmp_path / "x.zip", zipped({"t.data": TABLE})), format="delimited") == CELLS
    with pytest.raises(ConfigError, match=r"data\.table has no effect"):
        cells(tmp_path / "x.zip", format="delimited", table="other")


def test_an_error_names_the_place_in_the_file_and_not_the_temporary_one(tmp_path):
    ragged = TABLE + b"4,z\n"
    for name, payload, said in (
        ("x.zip", zipped({"d/t.csv": ragged}), "x.zip/d/t.csv: row 4"),
        ("x.csv.gz", gzip.compress(ragged), "x.csv.gz: row 4"),
    ):
        with pytest.raises(DataError) as caught:
            cells(written(tmp_path / name, payload))
        assert str(caught.value).startswith(f"{tmp_path}/{said}")
        assert "foldwise-" not in str(caught.value)


@pytest.mark.parametrize("ending", COMPRESS)
def test_damage_is_refused(tmp_path, ending):
    whole = COMPRESS[ending](TABLE * 2000)
    for name, payload, said in (
        ("cut", whole[:-9], r"no \w+ data that can be unpacked"),
        ("other", TABLE, r"this is CSV text, not \w+ data: rename it to end in \.csv$"),
    ):
        with pytest.raises(DataError, match=rf"{name}\.csv\{ending}: {said}"):
            cells(written(tmp_path / f"{name}.csv{ending}", payload))


def test_damaged_archives_are_refused(tmp_path):
    whole = tar({"t.csv": TABLE * 500})
    for name, payload in (
        ("cut.tar", whole[:5000]),
        ("no.tar", b"\1\0" * 500),
        ("cut.tgz", gzip.compress(whole)[:-20]),
    ):
        with pytest.raises(DataError, match=rf"{name}: no .* that can be unpacked"):
            cells(written(tmp_path / name, payload))
    flipped = bytearray(zipped({"t.csv": TABLE * 500}))
    flipped[60] ^= 0xFF
    with pytest.raises(DataError, match=r"x\.zip: no archive that can be unpacked"):
        cells(written(tmp_path / "x.zip", bytes(flipped)))


def link():
    member = tarfile.TarInfo("t.csv")
    member.type, member.linkname = tarfile.SYMTYPE, "elsewhere.csv"
    return member


@pytest.mark.parametrize(
    ("name", "payload", "message"),
    [
        ("x.tar", tar({"../t.csv": TABLE}), r"'\.\./t\.csv' in it leads out of the archive"),
        ("x.tar", tar({"/t.csv": TABLE}), "leads out of the archive"),
        ("x.tar", tar({"t.csv": link()}), "is a link"),
        ("x.tar", tar({"t.csv": TABLE, "./t.csv": TABLE}), "is there twice"),
        ("x.zip", zipped({"../t.csv": TABLE}), "leads out of the archive"),
        ("x.zip", zipped({"t.csv": b"0" * 20_000_000}), "zip bomb"),
        ("x.tgz", tar({"t.csv": b"0" * 20_000_000}, gzip.compress), "zip bomb"),
        ("x.csv.gz", gzip.compress(b"0" * 20_000_000), "more than 200 times its size: this looks like a zip bomb"),
        ("x.csv.xz", lzma.compress(b"0" * 20_000_000), "zip bomb"),
        ("x.zip", zipped({"t.csv.bz2": bz2.compress(b"0" * 20_000_000)}), "zip bomb"),
        ("x.zip", zipped({"t.png": b"", "README.md": b""}), "no table in it"),
        ("x.pkl", TABLE, "pickle files are never read"),
        ("x.pkl.gz", gzip.compress(TABLE), "pickle files are never read"),
        ("x.zip", zipped({"t.pkl": TABLE}), "no table in it"),
        ("x.zip", zipped({"t.zip": zipped({"t.csv": TABLE})}), r"no table in it \(t\.zip\): it must hold one of"),
        ("x.csv.gz", gzip.compress(b""), r"x\.csv\.gz: the file is empty"),
        ("x.7z", b"7z\xbc\xaf", "a file of 7-Zip or RAR, which is not read: unpack it"),
    ],
)
def test_what_is_not_read(tmp_path, name, payload, message):
    with pytest.raises(DataError, match=message):
        cells(written(tmp_path / name, payload))
    assert sorted(path.name for path in tmp_path.rglob("*")) == [name]


def test_a_full_disk_is_told(tmp_path, monkeypatch):
    def write(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(unpacked, "_copy", write)
    with pytest.raises(StorageError, match=r"no space to unpack it in .*set TMPDIR"):
        cells(written(tmp_path / "x.csv.gz", gzip.compress(TABLE)))


def test_a_workbook_that_is_called_zip_is_told(tmp_path):
    path = written(tmp_path / "x.zip", zipped({"[Content_Types].xml": b"", "xl/workbook.xml": b"", "xl/s.xml": b""}))
    with pytest.raises(DataError, match=r"x\.zip: this is an Excel workbook.*rename it to end in \.xlsx"):
        cells(path)


def test_of_several_tables_the_one_to_train_on_is_advised(tmp_path):
    path = written(tmp_path / "x.zip", zipped({"sample.csv": TABLE, "test.csv": TABLE, "train_v2.csv": TABLE}))
    with pytest.raises(DataError, match=r"several tables in it .*such as data\.table=train_v2\.csv$"):
        cells(path)

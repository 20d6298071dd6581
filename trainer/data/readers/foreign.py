"""What a file is that no reader takes for a table, by what it begins with, and what to do with it."""

import zipfile
from contextlib import suppress
from pathlib import Path

from trainer.data.images.image_names import is_image_name

HEAD_BYTES = 4096
JSON, PLAIN_TEXT = "JSON", "a text file that is no table as it is"
EMPTY, BINARY, DAMAGED_ZIP = "an empty file", "a binary file that begins with", "a damaged zip file"
EXPORT = "export the table in it as CSV"
TRUSTED = "read it in Python, if you trust where it comes from (unpickling runs code), and write df.to_parquet(...)"
ARRAYS = "read it in Python and train on it: fw.cross_validate((numpy.load(...), labels)); or write the rows as CSV"
BEGINNINGS: tuple[tuple[bytes, str, str], ...] = (
    (b"%PDF", "a PDF document", EXPORT),
    (b"\x00\x05\x16\x07", "a resource file of a Mac (._name): it holds no data", "look at the file without ._"),
    (b"\x93NUMPY", "a NumPy array", ARRAYS),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file", "read it in Python (h5py, pandas.read_hdf) and write it as Parquet or CSV"),
    (
        b"SQLite format 3\x00",
        "an SQLite database",
        "export the table in it as CSV: sqlite3 -header -csv FILE 'select ...'",
    ),
    (b"\x1f\x8b", "gzip data", "unpack it first: gunzip -k FILE"),
    (b"BZh", "bzip2 data", "unpack it first: bunzip2 -k FILE"),
    (b"\xfd7zXZ\x00", "xz data", "unpack it first: unxz -k FILE"),
    (b"\x28\xb5\x2f\xfd", "zstandard data", "unpack it first: unzstd FILE"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "unpack it first, and look at the folder"),
    (b"Rar!", "a RAR archive", "unpack it first, and look at the folder"),
    (b"\xd0\xcf\x11\xe0", "an old Office document (.xls, .doc)", "save the sheet as .csv, or as .xlsx"),
    (b"\x89PNG", "one PNG image", "look at the folder that holds one folder of images per class"),
    (b"\xff\xd8\xff", "one JPEG image", "look at the folder that holds one folder of images per class"),
    (b"GIF8", "one GIF image", "look at the folder that holds one folder of images per class"),
    (b"ARROW1", "an Arrow file (Feather)", "read it in Python (pyarrow.feather) and write it as Parquet"),
    (b"Obj\x01", "an Avro file", "read it in Python and write it as Parquet"),
    (b"ORC", "an ORC file", "read it in Python (pyarrow.orc) and write it as Parquet"),
    (b"RDX", "data of R", "in R: write.csv(x, 'x.csv', row.names=FALSE)"),
    (b"MATLAB 5.0", "a MATLAB file", "read it in Python (scipy.io.loadmat) and write it as CSV"),
    (b"GGUF", "weights of a language model (GGUF)", "it holds no rows"),
    (b"\x7fELF", "a program", "it holds no rows"),
    (b"MZ", "a program of Windows", "it holds no rows"),
    (b"RIFF", "a recording (WAV, AVI) or a WebP image", "sound and film are not read"),
    (b"ID3", "a recording (MP3)", "sound is not read"),
    (b"OggS", "a recording (Ogg)", "sound is not read"),
    (b"fLaC", "a recording (FLAC)", "sound is not read"),
)
WEIGHTS = "it holds no rows: a run of the model that they are of starts from them by init.path=FILE"
DATA_FILE = "look at the data file that it reads or describes"
BY_ENDING = {
    "a notebook": (".ipynb",),
    "a program": (".py", ".r", ".sh", ".js", ".ts", ".java", ".c", ".cpp", ".rs", ".go", ".sql"),
    "a file of settings": (".yaml", ".yml", ".toml", ".ini", ".cfg"),
    "a page of text": (".md", ".rst", ".tex"),
}
BY_TEXT: tuple[tuple[tuple[str, ...], str, str], ...] = (
    (("<!doctype html", "<html"), "a web page (HTML)", f"the download went wrong, or {EXPORT}"),
    (("<?xml",), "XML", EXPORT),
    (("{", "["), JSON, "write one object per line (JSON lines), all with the same keys"),
    (("version https://git-lfs",), "a pointer of Git LFS: the file itself is not here", "get it: git lfs pull"),
)
IN_ZIPS = (
    ("word/document.xml", "a Word document (.docx)", EXPORT),
    ("xl/workbook.xml", "an Excel workbook (.xlsx)", "save the sheet as CSV"),
    ("ppt/presentation.xml", "a PowerPoint file (.pptx)", EXPORT),
    ("content.xml", "an OpenDocument file (.ods, .odt)", "save the sheet as CSV"),
)


def what_it_is(path: Path) -> tuple[str, str]:
    """Return what a file looks like, and what to do with it.

    Args:
        path: of a file.
    """
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    if not head.strip():
        return f"{EMPTY} ({path.stat().st_size} bytes)", "look where it was written, or download it again"
    for begins, what, advice in BEGINNINGS:
        if head.startswith(begins):
            return what, advice
    if head.startswith(b"PK\x03\x04"):
        return _in_zip(path)
    if head[8:9] == b"{" and b'"dtype"' in head:
        return "weights (safetensors)", WEIGHTS
    if head[257:262] == b"ustar":
        return "a tar archive", "unpack it first, and look at the folder"
    if head[:1] == b"\x80" and head[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        old = path.suffix.lower() in (".pt", ".pth", ".bin", ".ckpt")
        return ("weights, or another pickle", WEIGHTS) if old else ("a pickle of Python", TRUSTED)
    return _text_or_bytes(path, head)


def _in_zip(path: Path) -> tuple[str, str]:
    with suppress(zipfile.BadZipFile, OSError), zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        for member, what, advice in IN_ZIPS:
            if member in names:
                return what, advice
        if any(name.endswith("data.pkl") for name in names):
            return "weights or a checkpoint of PyTorch", WEIGHTS
        if names and all(name.endswith(".npy") for name in names):
            return f"NumPy arrays ({', '.join(names[:5])})", ARRAYS
        n_images = sum(map(is_image_name, names))
        return (
            f"a zip file with {len(names):,} files, {n_images:,} of them images",
            "unpack it, and look at what is in it",
        )
    return DAMAGED_ZIP, "get it again"


def _text_or_bytes(path: Path, head: bytes) -> tuple[str, str]:
    name = path.name.lower()
    if b"\0" in head and not head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return (
            f"{BINARY} {head[:8].hex(' ')}",
            "it is not of a kind that is read: export it as CSV",
        )
    text = head.decode("utf-8", "replace").lstrip("\ufeff \r\n\t")
    for what, endings in BY_ENDING.items():
        if name.endswith(endings):
            return what, DATA_FILE
    for begins, what, advice in BY_TEXT:
        if text.lower().startswith(begins):
            return what, advice
    return PLAIN_TEXT, "write a header with the names of the columns, then a row per line"

"""Folders of text files, a folder per class, as aclImdb (IMDb) and 20 newsgroups have them; perhaps with a split."""

import os
from collections import Counter
from pathlib import Path

import pyarrow as pa

from trainer.data.columns.options import ColumnOptions
from trainer.data.readers.contract import OpenTable
from trainer.data.readers.text_decoding import decode_text
from trainer.errors import DataError
from trainer.system.part_words import HELD_OUT_WORDS, PART_WORDS, TRAIN_WORDS, part_word
from trainer.wording.lists import first_few

NAME = "a folder of text files per class"
ENDINGS = ()
ALSO = ()
MAGIC = ()
USES = frozenset({"encoding"})
UNLABELLED = ("unsup", "unlabeled", "unlabelled")
TEXTS = (".txt", "")  # 20 newsgroups: 104702
MOST_ASKED = 50  # files of a folder that are looked at to recognize it
LEAST_CLASSES = 2


def recognizes(path: Path, head: bytes) -> bool:
    """Return whether it is a folder whose class folders hold nothing but text files."""
    if not path.is_dir():
        return False
    folders = [folder for part in _parts(path) or [path] for folder in _folders(part)]
    classes = {folder.name for folder in folders} - set(UNLABELLED)
    return len(classes) >= LEAST_CLASSES and all(_holds_texts(folder) for folder in folders)


def read(path: Path, columns: ColumnOptions) -> OpenTable:
    """Return texts, labels, ids (the name of each file) and, of train and test, the split."""
    parts = _parts(path)
    folders = [folder for part in parts or [path] for folder in _folders(part)]
    labelled = [folder for folder in folders if folder.name not in UNLABELLED]
    files = [file for folder in labelled for file in sorted(folder.iterdir()) if _is_text(file)]
    if not files:
        names = first_few([folder.name for folder in labelled])
        raise DataError(f"{path}: no text files in its class folders ({names})")
    texts = [_text(file, columns.encoding) for file in files]
    table = {
        "text": texts,
        "label": [file.parent.name for file in files],
        "id": [file.relative_to(path).as_posix() for file in files],
    }
    words = {part_word(part.name) for part in parts}
    split = bool(words & set(TRAIN_WORDS)) and bool(words & set(HELD_OUT_WORDS))
    if split:
        table["split"] = [part_word(file.parent.parent.name) for file in files]
    arrays = {name: pa.array(cells, pa.string()) for name, cells in table.items()}
    known = {"label": "label", "id": "id", **({"split": "split"} if split else {})}
    return OpenTable(pa.table(arrays), notes=_notes(folders, labelled, files), known=known)


def _folders(folder: Path) -> list[Path]:
    return sorted(entry for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith("."))


def _parts(path: Path) -> list[Path]:
    """Return the folders called train, test and the like, where there are such."""
    return [folder for folder in _folders(path) if part_word(folder.name) in PART_WORDS]


def _is_text(file: Path) -> bool:
    return file.suffix.lower() in TEXTS and not file.name.startswith(".") and file.is_file()


def _holds_texts(folder: Path) -> bool:
    with os.scandir(folder) as entries:
        some = [Path(entry.path) for entry, _ in zip(entries, range(MOST_ASKED), strict=False)]
    return bool(some) and all(map(_is_text, some))


def _text(file: Path, encoding: str) -> str:
    return "" if file.stat().st_size == 0 else decode_text(file, encoding, header=False).decode()


def _notes(folders: list[Path], labelled: list[Path], files: list[Path]) -> tuple[str, ...]:
    counts = Counter(file.parent.name for file in files)
    notes = [f"{len(files)} text files in {len(counts)} class folders"]
    others = [folder for folder in folders if folder not in labelled]
    if others:
        n_files = sum(len(list(folder.iterdir())) for folder in others)
        names = first_few(sorted({folder.name for folder in others}))
        notes.append(f"left out, because they have no label: {n_files} files in {names}")
    return tuple(notes)

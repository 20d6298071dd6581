"""Look at a folder that is no folder of images: a run, a model, runs, tables, arrays."""

import json
import os
import shlex
from collections import Counter
from contextlib import suppress
from itertools import islice
from pathlib import Path

from trainer.audit.findings import count
from trainer.data.readers.find import endings, formats_of_folder
from trainer.errors import FoldwiseError
from trainer.look.answer import Look
from trainer.look.at_images import holds_images
from trainer.store.run_files import is_run
from trainer.wording.lists import first_few

PARQUET = (".parquet", ".pq")
PARTS = (*PARQUET, ".crc", ".json")  # with the files of Spark and Delta beside them
WEIGHTS = (".safetensors", ".pt", ".pth", ".bin", ".ckpt", ".onnx", ".gguf")
MOST_LISTED = 12
MOST_FILES = 20_000  # counted


def look_at_folder(path: Path, name: str) -> Look:
    """Say what a folder is.

    Args:
        path: of it.
        name: as it was given, in commands.
    """
    if _is_run(path):
        return _run(path, name)
    inside = sorted(path.iterdir())
    runs = [entry.name for entry in inside if entry.is_dir() and _is_run(entry)]
    if runs:
        advice = f"look at one of them, or: foldwise tensorboard {shlex.quote(name)}"
        return Look(name, f"a folder of {count(len(runs), 'run')}", files=tuple(runs), advice=advice)
    if (path / "config.json").is_file() and any(entry.suffix in WEIGHTS for entry in inside):
        advice = f"give it to a model: model=transformer model.pretrained={shlex.quote(name)}, with data of texts"
        return Look(name, f"a pretrained model ({_model_type(path)}), no data", advice=advice)
    tables = [entry for entry in inside if entry.is_file() and _is_table(entry)]
    if tables:
        listed = tuple(f"{entry.name} ({_size(entry)})" for entry in tables[:MOST_LISTED])
        advice = f"look at one of them: foldwise look {shlex.quote(str(Path(name, tables[0].name)))}"
        return Look(name, f"a folder with {count(len(tables), 'table')}", files=listed, advice=advice)
    return _other(path, name)


def is_one_table(folder: Path) -> bool:
    """Return whether a folder is read as a whole.

    Any Parquet file makes parts of Parquet of its folder: here only where no other table lies beside it, and images are
    not most of what there is.
    """
    formats = formats_of_folder(folder)
    if formats != ["parquet"]:
        return bool(formats)
    others = [entry for entry in folder.iterdir() if entry.is_file() and _is_table(entry)]
    return all(entry.suffix.lower() in PARQUET for entry in others) and holds_images(folder) is None


def unread_files(folder: Path) -> list[str]:
    """Return a note on what else is in a folder of Parquet's parts; none for another folder."""
    if formats_of_folder(folder) != ["parquet"]:
        return []
    every = (Path(place, name) for place, _, names in os.walk(folder) for name in names if name[0] not in "_.")
    others = Counter(file.suffix.lower() for file in islice(every, MOST_FILES) if file.suffix.lower() not in PARTS)
    said = first_few([f"{times:,} {ending or 'without an ending'}" for ending, times in others.most_common()], 5)
    return [f"other files of the folder are not read: {said}"] if others else []


def _is_run(path: Path) -> bool:
    with suppress(FoldwiseError, OSError):
        return is_run(path)
    return False


def _run(path: Path, name: str) -> Look:
    done = sorted(entry.name for entry in path.glob("fold_*") if (entry / "DONE").exists())
    facts = [f"folds that are done: {len(done)}"]
    with suppress(OSError, ValueError, KeyError, TypeError):
        result = json.loads((path / "cv.json").read_text(encoding="utf-8"))
        leading, figures = next(iter(result["metrics"].items()))
        facts.append(f"{result['task']}, {leading} {figures['mean']:.4f} (mean of the folds)")
    quoted = shlex.quote(name)
    advice = f"its results again: foldwise report {quoted}; its curves: foldwise tensorboard {quoted}"
    return Look(name, "a run of Foldwise (its directory)", facts=tuple(facts), advice=advice)


def _model_type(path: Path) -> str:
    with suppress(OSError, ValueError, AttributeError):
        return str(json.loads((path / "config.json").read_text(encoding="utf-8")).get("model_type", "unknown"))
    return "unknown"


def _is_table(path: Path) -> bool:
    return path.suffix.lower() in endings() and not path.name.startswith(("._", ".")) and path.stem.lower() != "readme"


def _other(path: Path, name: str) -> Look:
    every = (Path(folder, name) for folder, _, names in os.walk(path) for name in names if not name.startswith("."))
    files = sorted(islice(every, MOST_FILES))
    if not files:
        return Look(name, "an empty folder", advice="look at the folder or file that holds the data")
    most = Counter(file.suffix.lower() or "no ending" for file in files).most_common()
    said = first_few([f"{times:,} {ending}" for ending, times in most], 5)
    deeper = [file.relative_to(path).as_posix() for file in files if _is_table(file)]
    more = "more than " if len(files) == MOST_FILES else ""
    what = f"a folder with {more}{count(len(files), 'file')}: {said}"
    if deeper:
        return Look(name, what, files=tuple(deeper[:MOST_LISTED]), advice="look at one of these tables")
    if most[0][0] in (".npy", ".npz"):
        advice = "arrays are trained on from Python: fw.cross_validate((numpy.load(...), labels))"
    elif most[0][0] == ".txt":
        advice = "write the texts as a table with one row each: text,label"
    else:
        advice = "nothing in it is a table or an image that is read"
    return Look(name, what, advice=advice)


def _size(path: Path) -> str:
    n_bytes = path.stat().st_size
    for unit, size in (("GB", 1 << 30), ("MB", 1 << 20), ("kB", 1 << 10)):
        if n_bytes >= size:
            return f"{n_bytes / size:.1f} {unit}"
    return f"{n_bytes} bytes"

"""What is Foldwise's own in a run directory, by exact name: nothing else there is read, replaced or deleted.

Users keep notes in run directories, and get run directories from others. A link, a fifo or a folder under a name of
Foldwise's own is refused before anything is done, and left as it is.
"""

import os
import re
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from trainer.errors import CheckpointError, DataError, ForeignFileError
from trainer.system.files import STALE_SECONDS, storage_error, sweep_partial, write_bytes
from trainer.system.folders import PLAIN, is_there, kind_at, opened, read_file, require_kind

MARK = "folds.json"  # of a run; written last: a directory without it holds no run
BESIDE_MARK = ("manifest.json", "rows.parquet")
LOCK = "LOCK"
ALL = "all"  # the fold that holds out nothing
DONE = "DONE"  # the mark of a finished fold
RESULT = "cv.json"  # of a run whose folds are all there
DIVERGED = "DIVERGED"  # why the last attempt of a fold ended
STOP = "STOP"  # of a run: asks whoever trains it to save and end
PRETRAINED = "pretrained.json"  # the plans of pretrained transformers
SEARCH = "search.json"  # of a search, whose trials are runs below it
SEARCH_TABLE, SEARCH_FIGURES = "search.csv", "figures.json"  # its trials, and what the best one is worth
TRIALS = "trials"  # the folder of their runs
BLEND = "blend.json"  # of what runs a blend is made
TRAINING_ROWS = "training_rows.json"  # statistics of the rows, for later ones to be compared with
DECISION = "decision.json"  # thresholds and calibration that were fitted on held-out rows
EVENTS = r"events\.out\.tfevents\..+"
RUN_FILE = re.compile(
    r"(config\.yaml|(manifest|folds|split|profile|cv|pretrained|blend|decision|training_rows|partial)\.json"
    r"|rows\.parquet|(partial_)?oof\.(parquet|csv)"
    rf"|report\.(md|html)|STOP|tracker-(mlflow|wandb|clearml)\.json|{EVENTS})"
)
FOLD_FILE = re.compile(
    r"(DONE|DIVERGED|LOCK|metrics\.jsonl|oof\.parquet|(preprocess|inner)\.json|model\.(safetensors|pth)"
    rf"|step-\d+\.(pt|json)|inner-\d+-\d+\.json|{EVENTS})"
)
BASELINE_FILE = re.compile(r"baselines\.json|baseline-(linear|boosting)\.parquet")  # beside those of the fold
PLOT_FILE = re.compile(r"(learning_curves|confusion_matrix|precision_recall|residuals|reliability)\.png")
JOB_FILE = re.compile(r"submitted\.json|fold_(\d+|all)\.(json|log)")  # of folds that were trained as jobs of an engine
FOLD, PLOTS, JOBS = re.compile(r"fold_(\d+|all)"), "plots", "jobs"
FILES_OF = {PLOTS: PLOT_FILE, JOBS: JOB_FILE}


def tracked_ids(tracker: str) -> str:
    """Return the name of the file with what a tracking server calls a run and its folds."""
    return f"tracker-{tracker}.json"


def is_run_file(name: str) -> bool:
    """Return whether Foldwise writes such a file into a run directory."""
    return RUN_FILE.fullmatch(name) is not None


def is_blend(run: Path) -> bool:
    """Return whether a run is a blend of others."""
    try:
        return is_there(run / BLEND, run)
    except OSError:  # it is no run: whoever reads it says so
        return False


def trial_directory(search: Path, number: int) -> Path:
    """Return where the run of a trial is kept."""
    return search / TRIALS / f"{number:04d}"


def is_search(directory: Path) -> bool:
    """Return whether a directory is that of a search."""
    try:
        return is_there(directory / SEARCH, directory)
    except OSError:
        return False


def is_fold_file(name: str) -> bool:
    """Return whether Foldwise writes such a file into the folder of a fold."""
    return FOLD_FILE.fullmatch(name) is not None or _is_baseline(name)


def _fits(files: re.Pattern[str], name: str) -> bool:
    return files.fullmatch(name) is not None


def _is_baseline(name: str) -> bool:
    return BASELINE_FILE.fullmatch(name) is not None


def is_fold_folder(name: str) -> bool:
    """Return whether the folder of a fold is called so."""
    return FOLD.fullmatch(name) is not None


def sweep_run(run: Path) -> None:
    """Delete what killed processes left half written of a run's own files."""
    sweep_partial(run, run, is_run_file)
    for folder, files in FILES_OF.items():
        if (run / folder).is_dir():
            sweep_partial(run / folder, run, partial(_fits, files))


def sweep_fold(directory: Path, older_than_seconds: float = STALE_SECONDS) -> None:
    """Delete what killed processes left half written of a fold's files.

    Baselines are fitted beside the process that trains the fold and has it locked: what is half written of them may be
    another's work of this moment, and only what is old belongs to nobody.
    """
    run = directory.parent
    sweep_partial(directory, run, lambda name: FOLD_FILE.fullmatch(name) is not None, older_than_seconds)
    sweep_partial(directory, run, _is_baseline, max(older_than_seconds, STALE_SECONDS))


@contextmanager
def whole_or_nothing(run: Path) -> Iterator[None]:
    """Delete, after an error, what of Foldwise's own was not in a run directory before; all of it where none was."""
    before = {path.name for path in run.iterdir()} if run.is_dir() else None
    try:
        yield
    except BaseException:
        with suppress(OSError):
            _delete_own(run, keep=before or set())
            if before is None:
                run.rmdir()  # where nobody else has put anything into it
        raise


def _delete_own(run: Path, *, keep: set[str]) -> None:
    sweep_run(run)
    for path in list(run.iterdir()):
        if path.name in keep:
            continue
        if _is_own_folder(path.name):
            shutil.rmtree(path)
        elif is_run_file(path.name):
            path.unlink()


def require_own(run: Path) -> None:
    """Refuse a run directory in which something else stands under a name of Foldwise's own.

    Raises:
        ForeignFileError: a link, a fifo, a folder in place of a file, ...; names it.
        CheckpointError: the directory, or the folder of a fold, may not be read.
        StorageError: the place cannot be looked at, such as a name that is too long.
    """
    try:
        for folder in _require_kinds(run, run, is_run_file):
            list(_require_kinds(run / folder, run, _is_own_in(folder)))
    except (FileNotFoundError, NotADirectoryError):  # no run is there
        return
    except PermissionError as error:
        raise CheckpointError(f"{run} cannot be read: {error.strerror}") from error
    except OSError as error:
        raise storage_error(error, run, 0) from error


def _is_own_folder(name: str) -> bool:
    return is_fold_folder(name) or name in FILES_OF


def _is_own_in(folder: str) -> Callable[[str], bool]:
    """Return what says whether a file in a folder of Foldwise's own is its own too."""
    return is_fold_file if is_fold_folder(folder) else partial(_fits, FILES_OF[folder])


def _require_kinds(folder: Path, run: Path, is_own: Callable[[str], bool]) -> Iterator[str]:
    """Look at what bears a name of Foldwise's own; yield the folders in it to be looked at next."""
    found: list[str] = []
    with opened(folder, run) as descriptor, os.scandir(descriptor) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            within = folder == run and _is_own_folder(entry.name)
            if within or is_own(entry.name):
                require_kind(entry.stat(follow_symlinks=False).st_mode, folder / entry.name, folder=within)
                found += [entry.name] if within else []
    yield from found


def require_no_links(directory: Path) -> None:
    """Refuse runs, in ``directory`` or itself one, out of which a link leads: for programs that would follow it.

    Raises:
        ForeignFileError: there is a link, or something else under a name of Foldwise's own.
    """
    found = {directory} if os.path.lexists(directory / MARK) else set[Path]()
    below = [Path(folder, MARK) for folder, *names in os.walk(directory) if any(MARK in some for some in names)]
    marks = (*directory.glob(f"*/{MARK}"), *below)  # a run itself may be reached through a link
    for run in sorted(found | {mark.parent for mark in marks}):
        require_own(run)
        for folder, folders, files in os.walk(run):
            for path in (Path(folder, name) for name in (*folders, *files)):
                if path.is_symlink():
                    raise ForeignFileError(f"{path} is a link, which would be followed: move it out of the run")


def run_around(path: Path) -> Path | None:
    """Return the run directory in which a file lies, by its name as given; None where it lies in none.

    ``foldwise split`` writes a folds.json wherever it is asked to: a folder that holds no other file of a run is none,
    and what lies in it may be links, as git-annex and caches make them.
    """
    parents = Path(os.path.abspath(path)).parents  # noqa: PTH100 resolve() would follow the links
    return next((folder for folder in parents[:2] if _is_run(folder)), None)


def _is_run(folder: Path) -> bool:
    return os.path.lexists(folder / MARK) and any(os.path.lexists(folder / name) for name in BESIDE_MARK)


def lies_in_run(path: Path) -> bool:
    """Return whether a file would lie in a run directory, or in the folder of a fold."""
    return run_around(path) is not None


def require_own_name(path: Path) -> None:
    """Refuse a file or folder that a user names where it bears a name of Foldwise's own in a run and is something else.

    Raises:
        ForeignFileError: it is a link, a folder in place of a file, ...; or lies behind a link.
    """
    run = run_around(path)
    if run is None:
        return
    within = Path(os.path.abspath(path)).relative_to(run)  # noqa: PTH100 see run_around
    is_folder = _is_own_folder(within.parts[0])
    if len(within.parts) == 2:
        is_own = is_folder and _is_own_in(within.parts[0])(within.name)
    else:
        is_own = is_folder or is_run_file(within.name)
    if is_own:
        with suppress(FileNotFoundError), opened((run / within).parent, run) as folder:
            require_kind(kind_at(within.name, folder), path, folder=is_folder and len(within.parts) == 1)


def read_given(path: Path) -> bytes:
    """Read a file that a user names; where it is one of a run, no link out of the run is followed.

    Raises:
        ForeignFileError: in a run, it is a link or lies behind one.
        OSError: it cannot be read, or is no file.
    """
    run = run_around(path)
    if run is not None:
        return read_file(Path(os.path.abspath(path)), run)  # noqa: PTH100 see run_around
    descriptor = os.open(path, PLAIN & ~os.O_NOFOLLOW)
    with open(descriptor, "rb") as file:  # noqa: PTH123 it is open already
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(0, "it is no plain file")
        return file.read()


def given_text(path: Path) -> str:
    """Return the text of a file that a user names, without a byte order mark.

    Raises:
        DataError: it cannot be read, or is not UTF-8.
    """
    try:
        return read_given(path).decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as problem:
        raise DataError(f"{path}: cannot be read as UTF-8 text: {problem}") from problem


def is_given(path: Path) -> bool:
    """Return whether there is such a file, which a user names; in a run it has to be a plain one.

    Raises:
        ForeignFileError: in a run, it is a link or lies behind one, or is no file.
    """
    run = run_around(path)
    return path.is_file() if run is None else is_there(Path(os.path.abspath(path)), run)  # noqa: PTH100


def write_given(path: Path, data: bytes, what: str) -> None:
    """Write a file that a user names; where it lies in a run, through no link and over nothing but a file.

    Raises:
        StorageError: it cannot be written.
        ForeignFileError: in a run, something else than a file is there, or it lies behind a link.
    """
    run = run_around(path)
    write_bytes(path if run is None else Path(os.path.abspath(path)), data, root=run, what=what)  # noqa: PTH100

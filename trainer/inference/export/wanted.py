"""What was asked for: which folds in which form, where to; what cannot be is said before anything is read."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from trainer.errors import ConfigError, did_you_mean
from trainer.store.own_files import lies_in_run

ONNX, TORCH, SAFETENSORS, HF = FORMATS = ("onnx", "torch", "safetensors", "hf")
ENSEMBLE, ALL, SOUP = "ensemble", "all", "soup"
REDUCED = HALF, INT8 = ("half", "int8")  # graphs of less memory
PACKAGES = {ONNX: ("onnx", "onnxruntime", "onnxscript")}  # of the extra ``onnx``


@dataclass(frozen=True)
class Request:
    """What to export.

    Attributes:
        directory: of the run.
        output: to write, a new folder or an empty one.
        form: one of ``FORMATS``.
        folds: to take; None = all of the split.
        legacy: whether weights are pickled as before torch 1.6, for an old reader.
    """

    directory: Path
    output: Path
    form: str
    folds: Sequence[int | str] | None
    legacy: bool = False


def checked_request(
    directory: Path, output: Path, *, form: str, mode: str, legacy: bool = False, reduce: str | None = None
) -> Request:
    """Return what was asked for.

    Args:
        directory: of the run.
        output: to write.
        form: as ``--format`` has it.
        mode: as ``--mode`` has it: ``ensemble``, ``soup``, ``all`` or one fold, such as ``fold=0``.
        legacy: as ``--legacy`` has it.
        reduce: ``half`` or ``int8``, or None.

    Raises:
        ConfigError: it cannot be; says why.
    """
    if form not in FORMATS:
        raise ConfigError(f"--format {form}: give one of {', '.join(FORMATS)}{did_you_mean(form, FORMATS)}")
    if reduce is not None and (form != ONNX or reduce not in REDUCED):
        raise ConfigError(f"--{reduce} is of --format onnx: give --half or --int8 with it, or keep float32")
    if legacy and form != TORCH:
        raise ConfigError("--legacy is of --format torch: no other format has an older form")
    folds = _folds(mode)
    _require_free(output)
    _require_packages(form)
    return Request(directory, output, form, folds, legacy)


def _folds(mode: str) -> Sequence[int | str] | None:
    if mode in (ENSEMBLE, SOUP):
        return None
    if mode == ALL:
        return [ALL]
    word, _, number = mode.partition("=")
    if word != "fold" or not number.isdecimal():
        raise ConfigError(
            f"--mode {mode}: give ensemble, soup, all (the model of cv.fold=all), or one fold such as fold=0"
        )
    return [int(number)]


def _require_free(output: Path) -> None:
    if output.is_symlink() or (output.exists() and (not output.is_dir() or any(output.iterdir()))):
        raise ConfigError(f"-o {output} is there already: give a new folder, or an empty one")
    if lies_in_run(output / "model"):
        raise ConfigError(f"-o {output} lies in a run directory: write it elsewhere, a run keeps what was trained")


def _require_packages(form: str) -> None:
    from importlib.util import find_spec

    missing = [name for name in PACKAGES.get(form, ()) if find_spec(name) is None]
    if missing:
        raise ConfigError(f"--format {form} needs {missing[0]}, which is not installed\npip install 'foldwise[onnx]'")

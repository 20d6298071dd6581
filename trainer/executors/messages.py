"""What a process that trains folds sends to its parent: what its observers are told, and errors."""

from collections.abc import Sequence
from multiprocessing.connection import Connection
from traceback import format_exception
from typing import Any

from trainer.engine.observer import Forwarding
from trainer.errors import FoldwiseError, as_foldwise_error
from trainer.results import CVResult

Fold = int | str
Work = Fold | tuple[Fold, ...]  # what a process is handed: one fold, or several that are trained as one model

SHOWN, TRACKERS = 0, 1  # the first observer alone is shown the inner fits of a fold
MOST_LINES = 5  # of an error


class Sent(Forwarding):
    """Observes a fold in its process and passes on what it is told.

    Args:
        pipe: to the parent.
        to: which observers are there to be told.
        lane: which of the folds that are trained together is observed.
    """

    def __init__(self, pipe: Connection, to: int, lane: int = 0) -> None:
        self.pipe, self.to, self.lane = pipe, to, lane

    def beside(self, lane: int) -> "Sent":
        """Return what observes another of the folds that are trained together."""
        return Sent(self.pipe, self.to, lane)

    def finished(self, result: CVResult, hparams: dict[str, Any]) -> None:
        """Never told in a process: all folds together are the parent's."""

    def pass_on(self, method: str, *facts: Any) -> None:
        """Send it to the parent."""
        self.pipe.send(("tell", self.lane, self.to, method, facts))


class FoldsFailed(FoldwiseError):  # noqa: N818 it stands for errors
    """Some of the folds that were trained together have failed.

    Args:
        errors: of each; they name it.
    """

    def __init__(self, errors: "dict[Fold, FoldwiseError]") -> None:
        super().__init__(str(next(iter(errors.values()))))
        self.errors = errors


def folds_of(work: Work) -> tuple[Fold, ...]:
    """Return the folds of what a process was handed."""
    return work if isinstance(work, tuple) else (work,)


def called(work: Work) -> str:
    """Return what a process was handed, in words."""
    folds = folds_of(work)
    return f"fold{'s' if len(folds) > 1 else ''} {', '.join(map(str, folds))}"


def failures(work: Work, error: Exception) -> "dict[Fold, FoldwiseError]":
    """Return the errors that can be sent, of each fold of ``work`` that has failed."""
    return error.errors if isinstance(error, FoldsFailed) else {folds_of(work)[0]: named(work, error)}


def named(work: Work, error: Exception) -> FoldwiseError:
    """Return an error that names its fold, or folds, and can be sent; the traceback is a note of it."""
    shown = as_foldwise_error(error)
    lines = f"{called(work)}: {shown}".splitlines()[:MOST_LINES]
    return _like(shown, "\n".join(lines), ["".join(format_exception(error))])


def first_failure(failed: dict[Fold, FoldwiseError], folds: Sequence[Fold]) -> FoldwiseError:
    """Return the error of the first fold that failed; it also names the others."""
    names = [fold for fold in folds if fold in failed]
    error = failed[names[0]]
    if len(names) == 1:
        return error
    lines = str(error).splitlines()[: MOST_LINES - 1]
    others = f"not trained either: fold {', '.join(map(str, names[1:]))}"
    return _like(error, "\n".join([*lines, others]), getattr(error, "__notes__", []))


def _like(error: FoldwiseError, message: str, notes: Sequence[str]) -> FoldwiseError:
    """Return an error of the same kind with another message; of the project's own kinds, which can be sent."""
    kind = next(kind for kind in type(error).__mro__ if kind.__module__.startswith("trainer."))
    copy: FoldwiseError = kind(message)
    for note in notes:
        copy.add_note(note)
    return copy

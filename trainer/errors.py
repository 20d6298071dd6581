"""What a user can get wrong, each kind with its exit code."""

import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from signal import SIGTERM, Signals
from traceback import extract_tb
from typing import ClassVar

from trainer.wording.printable import let_print_anything, printable_message
from trainer.wording.streams import let_output_be_lost, lost_output
from trainer.wording.translations import N_, _

MOST_CHARACTERS = 300  # of another library's words
MOST_LISTED = 15  # names shown where none is close


class FoldwiseError(Exception):
    """An error a user can cause: shown without a traceback, at most five lines.

    Attributes:
        exit_code: what the process ends with.
        kind: the word printed before the message.
    """

    exit_code: ClassVar[int] = 1
    kind: ClassVar[str] = N_("error")


class ConfigError(FoldwiseError):
    """A configuration that cannot run (exit 2)."""

    exit_code = 2
    kind = N_("configuration error")

    @classmethod
    def from_problems(cls, problems: Sequence[str], shown: int = 4) -> "ConfigError":
        """Join all problems of a configuration into one message of at most five lines."""
        lines = list(problems[:shown])
        if len(problems) > shown:
            lines.append(_("... and {n} more").format(n=len(problems) - shown))
        return cls("\n".join(lines))


class DataError(FoldwiseError):
    """Data that cannot be trained on (exit 3)."""

    exit_code = 3
    kind = N_("data error")


class CheckpointError(FoldwiseError):
    """A checkpoint or run directory that cannot be used (exit 4)."""

    exit_code = 4
    kind = N_("checkpoint error")


class ForeignFileError(FoldwiseError):
    """A link, or another thing than a plain file or folder, under a name of Foldwise's own (exit 4).

    No damaged checkpoint, which might be passed over and deleted.
    """

    exit_code = 4
    kind = N_("checkpoint error")


class NonFiniteError(FoldwiseError):
    """Training reached NaN or infinity (exit 5)."""

    exit_code = 5
    kind = N_("training stopped")


class StorageError(FoldwiseError):
    """Results could not be written (exit 6)."""

    exit_code = 6
    kind = N_("storage error")


class FoldBusyError(FoldwiseError):
    """Folds are being trained by other processes: no fault, start again later (exit 75, EX_TEMPFAIL of sysexits.h)."""

    exit_code = 75
    kind = N_("busy")


class BudgetError(FoldwiseError):
    """The time of a run is up before all its folds are done: no fault, the same command goes on (exit 75 too)."""

    exit_code = 75
    kind = N_("out of time")


class UnexpectedError(FoldwiseError):
    """Anything else, most often raised by a user's own model or loss (exit 1)."""

    kind = N_("unexpected error")


class Interrupted(BaseException):
    """A signal ended the run after its state was saved; no ``except Exception`` may swallow it.

    Args:
        number: of the signal.

    Attributes:
        exit_code: 128 + number.
        advice: how to go on.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.exit_code = 128 + number
        self.advice = ""

    def __str__(self) -> str:
        return f"{Signals(self.args[0]).name}: stopped{self.advice}"


class OutOfTime(Interrupted):
    """The time a run was given is up (``budget.hours``); raised where a signal's ``Interrupted`` would be."""

    def __init__(self) -> None:
        super().__init__(SIGTERM)


def as_foldwise_error(error: Exception) -> FoldwiseError:
    """Return the error itself, or any other as one line that names the place outside of installed packages."""
    if isinstance(error, FoldwiseError):
        return error
    wrapped = UnexpectedError(
        f"{type(error).__name__}: {few_words_of(error)}{_place(error)}\nFOLDWISE_TRACEBACK=1 shows the traceback"
    )
    wrapped.__cause__ = error
    return wrapped


def _place(error: BaseException) -> str:
    """Return the file and line outside of installed packages (and of Python's own ``exit``) where it was raised."""
    known = ("site-packages", "_sitebuiltins", "<frozen")
    frames = [frame for frame in extract_tb(error.__traceback__) if not any(name in frame.filename for name in known)]
    return f" ({frames[-1].filename}:{frames[-1].lineno})" if frames else ""


def exit_as_error(left: SystemExit) -> UnexpectedError:
    """Return the error that a ``sys.exit`` in a user's code is, whatever its code: nothing was done as it should be."""
    return UnexpectedError(
        f"sys.exit({left.code!r}) was called{_place(left)}, by a plugin, the model, its data or a metric\n"
        "raise an error there instead: an exit would end the run as if it were done"
    )


@contextmanager
def no_exit() -> Iterator[None]:
    """Turn ``sys.exit`` in a user's code into an error that names the place.

    Raises:
        UnexpectedError: it was called.
    """
    try:
        yield
    except SystemExit as left:
        raise exit_as_error(left) from left


def first_line_of(error: Exception) -> str:
    """Return the first line of somebody else's error, which may have none, or raise when it is asked."""
    try:
        return (str(error).splitlines() or [""])[0]
    except Exception:  # of a user's own
        return "(it has no words)"


def few_words_of(error: Exception) -> str:
    """Return the first line of somebody else's error, of a length that can be shown; its type where it has no words.

    What torch raises in C++ has a line for each of its frames.
    """
    line = first_line_of(error) or type(error).__name__
    return line if len(line) <= MOST_CHARACTERS else f"{line[:MOST_CHARACTERS]}..."


def did_you_mean(word: str, known: Sequence[str], say: Callable[[str], str] = str) -> str:
    """Return ``": did you mean 'x'?"``, or the known words where none is close.

    Args:
        word: as it was given.
        known: what it may be.
        say: ``_`` where the message before it is translated.
    """
    close = close_names(word, known) or _sharing_a_part(word, known)
    if close:
        return say(": did you mean '{close}'?").format(close=close[0])
    more = ", ..." if len(known) > MOST_LISTED else ""
    return say("; have: {known}").format(known=f"{', '.join(known[:MOST_LISTED])}{more}")


def close_names(word: str, known: Sequence[str], cutoff: float = 0.6) -> list[str]:
    """Return the known words that are close, the closest first: those of the same letters are (lable: label, table)."""
    close = get_close_matches(word, known, n=3, cutoff=cutoff)
    return sorted(close, key=lambda name: sorted(name) != sorted(word))


def _sharing_a_part(word: str, known: Sequence[str]) -> list[str]:
    """Return the known word that is a part of another such as ``label_column``, or has it as a part; or none."""
    parts = set(re.split(r"[_\W]+", word.lower()))
    return [name for name in known if len(name) > 2 and (name in parts or word in name.split("_"))][:1]


def guarded(function: Callable[[], object]) -> int:
    """Run a command and turn what a user can cause into a short message and an exit code.

    Returns:
        0, the error's ``exit_code``, or 128 + the number of the signal that ended it (130 for Ctrl-C).
        ``FOLDWISE_TRACEBACK=1`` shows the traceback of an error instead.
    """
    let_output_be_lost()
    let_print_anything()
    try:
        function()
    except Exception as error:
        if os.environ.get("FOLDWISE_TRACEBACK") == "1":
            raise
        shown = as_foldwise_error(error)
        print(printable_message(f"{_(shown.kind)}: {shown}"), file=sys.stderr)
        return shown.exit_code
    except Interrupted as stop:
        print(stop, file=sys.stderr)
        return stop.exit_code
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    return code_of_output()


def code_of_output() -> int:
    """Return the exit code of what did its work: 0, or that of a storage error where its words were lost."""
    lost = lost_output()
    if lost is None:
        return 0
    said = f"cannot write standard output: {lost.strerror}: some of what was printed is lost, nothing else is"
    print(f"{_(StorageError.kind)}: {said}", file=sys.stderr)
    return StorageError.exit_code


def shown(text: str, limit: int = 80) -> str:
    """Shorten foreign text for one line of a message."""
    flat = " ".join(text.split())
    if not flat.isprintable():
        flat = "".join(char if char.isprintable() else "?" for char in flat)
    return flat if len(flat) <= limit else flat[: limit - 3] + "..."

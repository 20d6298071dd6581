"""What a user can get wrong, each kind with its exit code."""

import os
import sys
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from typing import ClassVar


class FoldwiseError(Exception):
    """An error a user can cause: shown without a traceback, at most five lines.

    Attributes:
        exit_code: what the process ends with.
        kind: the word printed before the message.
    """

    exit_code: ClassVar[int] = 1
    kind: ClassVar[str] = "error"


class ConfigError(FoldwiseError):
    """A configuration that cannot run (exit 2)."""

    exit_code = 2
    kind = "configuration error"

    @classmethod
    def from_problems(cls, problems: Sequence[str], shown: int = 4) -> "ConfigError":
        """Join all problems of a configuration into one message of at most five lines."""
        lines = list(problems[:shown])
        if len(problems) > shown:
            lines.append(f"... and {len(problems) - shown} more")
        return cls("\n".join(lines))


class DataError(FoldwiseError):
    """Data that cannot be trained on (exit 3)."""

    exit_code = 3
    kind = "data error"


class CheckpointError(FoldwiseError):
    """A checkpoint or run directory that cannot be used (exit 4)."""

    exit_code = 4
    kind = "checkpoint error"


class NonFiniteError(FoldwiseError):
    """Training reached NaN or infinity (exit 5)."""

    exit_code = 5
    kind = "training stopped"


class StorageError(FoldwiseError):
    """Results could not be written (exit 6)."""

    exit_code = 6
    kind = "storage error"


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """Return ``": did you mean 'x'?"``, or the known words where none is close."""
    close = get_close_matches(word, known, n=1, cutoff=0.6)
    if close:
        return f": did you mean '{close[0]}'?"
    listed = ", ".join(known)
    return f"; have: {listed}" if len(listed) <= 200 else f"; have: {listed[:200]}..."


def guarded(function: Callable[[], object]) -> int:
    """Run a command and turn what a user can cause into a short message and an exit code.

    Returns:
        0, the error's ``exit_code``, or 130 after Ctrl-C. ``FOLDWISE_TRACEBACK=1`` shows the traceback instead.
    """
    try:
        function()
    except FoldwiseError as error:
        if os.environ.get("FOLDWISE_TRACEBACK") == "1":
            raise
        print(f"{error.kind}: {error}", file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:  # whoever read the output (head, less) has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    return 0

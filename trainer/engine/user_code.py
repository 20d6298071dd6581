"""What a model or loss of the user's own raises, told as theirs; a fault of Foldwise's stays what it is."""

from pathlib import Path
from traceback import extract_tb

import numpy as np
import torch

from trainer.errors import MOST_CHARACTERS, ConfigError, FoldwiseError, first_line_of, shown

HOUSE = Path(__file__).resolve().parents[1]
ENGINE = HOUSE / "engine"
TOOLS = tuple(Path(str(tool.__file__)).resolve().parent for tool in (torch, np))
OF_TORCH = ("torch._dynamo", "torch._inductor")  # the compiler's, which compiled.py puts into words
OF_MACHINE = (MemoryError, torch.OutOfMemoryError)


def error_of(owner: object, what: str, error: Exception) -> ConfigError | None:
    """Return what is to be said of an exception in a user's code, or None where it is not theirs.

    It is theirs if, below the engine that called them, the last code that is neither torch's nor NumPy's is not
    Foldwise's either.

    Args:
        owner: the model or loss that was called.
        what: it is.
        error: was raised.
    """
    if isinstance(error, (FoldwiseError, *OF_MACHINE)) or type(error).__module__.startswith(OF_TORCH):
        return None
    frames = [(Path(frame.filename).resolve(), frame.lineno) for frame in extract_tb(error.__traceback__)]
    last_ours = max((place for place, (file, _) in enumerate(frames) if file.is_relative_to(ENGINE)), default=-1)
    called = frames[last_ours + 1 :]
    theirs = [(file, line) for file, line in called if not any(map(file.is_relative_to, TOOLS))]
    if not called or (theirs and theirs[-1][0].is_relative_to(HOUSE)):
        return None
    where = f" ({theirs[-1][0]}:{theirs[-1][1]})" if theirs else ""
    return ConfigError(
        f"the {what} {type(owner).__qualname__} raised {type(error).__name__}: "
        f"{shown(first_line_of(error), MOST_CHARACTERS)}{where}\n"
        f"mend it in the {what}; FOLDWISE_TRACEBACK=1 shows the traceback"
    )

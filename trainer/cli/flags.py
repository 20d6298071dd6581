"""Messages that speak of the options of a run, in the words of this command line."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from trainer.errors import FoldwiseError


@contextmanager
def named_as_flags() -> Iterator[None]:
    """Let errors speak of the options of this command line."""
    try:
        yield
    except FoldwiseError as error:
        raise type(error)(as_flags(str(error))) from error


def as_flags(text: str) -> str:
    """Say options as they are typed here: ``--group COL`` for ``data.group=COL``, ``--cv time`` for ``cv=time``."""
    for there, here in (("random_state", "seed"), ("strategy", "cv"), ("shuffle=false", "no_shuffle")):
        text = text.replace(f"cv.{there}", f"cv.{here}")
    text = text.replace(" (or cv.group)", "").replace(", or add it to data.missing if it means no value", "")
    text = text.replace("data.categorical=", "data.drop=")  # what this command line has
    text = re.sub(r"""\"(data\.[a-z_]+=)\[?('.*?')\]?\"|(data\.[a-z_]+=)\[([\w.:-]+)\]""", r"\1\2\3\4", text)
    text = re.sub(r"(?:\bset )?\bdata\.id=null\b", "leave --id out", text)
    text = re.sub(r"\bcv=", "--cv ", text)
    return re.sub(r"\b(?:cv|data)\.([a-z_]+)(=?)", lambda m: f"--{m[1].replace('_', '-')}{' ' if m[2] else ''}", text)

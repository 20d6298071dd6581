"""Messages that speak of the options of a run, in the words of this command line."""

import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager

from trainer.errors import FoldwiseError

NAME = r"'(?:\\.|[^'\\])*'|[\w.:-]+"
SETTING = re.compile(rf'"?data\.([a-z_]+)=(\[(?:{NAME})(?:,(?:{NAME}))*\]|{NAME})"?')


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


def fix_as_flags(fix: str) -> str:
    """Say which flags of this command line do what the options of a run do, and name these too.

    Args:
        fix: options of a run, such as ``data.group=person cv=stratified_group``; only those of columns have flags.
    """
    ways = [" ".join(filter(None, map(_flags, SETTING.finditer(way)))) for way in fix.split(", or ")]
    here = " or ".join(filter(None, ways))
    return f"{here} (in a run: {fix})" if here else fix


def columns_as_flags(text: str) -> str:
    """Say options of columns as they are typed here, in a sentence that may speak of other options too."""
    return SETTING.sub(_flags, text)


def _flags(setting: re.Match[str]) -> str:
    names = [re.sub(r"\\(.)", r"\1", name.strip("'")) for name in re.findall(NAME, setting[2])]
    flag = f"--{setting[1].replace('_', '-')}"
    return " ".join(f"{flag} {shlex.quote(name)}" for name in names if name != "null")

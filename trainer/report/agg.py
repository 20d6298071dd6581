"""Matplotlib for pictures in files: they are drawn with Agg, whatever backend the environment names."""

import logging
import os
from contextlib import suppress
from functools import cache

BACKEND = "MPLBACKEND"


@cache
def load_matplotlib() -> None:
    """Import matplotlib although the backend that is named (a notebook's) may not be installed here.

    One that is installed stays the user's own: pictures of a notebook are still shown in it.
    """
    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)  # a Chinese font without a bold face will do
    named = os.environ.pop(BACKEND, None)
    try:
        import matplotlib
    finally:
        if named is not None:
            os.environ[BACKEND] = named
    if named:
        with suppress(ValueError):  # it is not installed: nothing is shown on a screen here
            matplotlib.rcParams["backend"] = named

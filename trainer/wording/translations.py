"""Messages in the language of the user, from a gettext catalogue; English where there is none.

A message that is translated is written where it is raised, as a template: ``_("{file}: no such file").format(...)``.
``locale/LANGUAGE/LC_MESSAGES/foldwise.po`` beside this module holds the translations, ``make messages`` finds new
templates and writes the ``.mo`` that is read here. Both are in the repository and in the wheel.
"""

import os
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from gettext import NullTranslations

DOMAIN = "foldwise"
CATALOGUES = Path(__file__).parent / "locale"
VARIABLES = ("FOLDWISE_LANG", "LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")  # the first that is set; then as gettext
ENGLISH = ("C", "POSIX", "en")


def _(message: str) -> str:
    """Return a message, or a template of one, in the language of the user."""
    languages = wanted_languages()
    return _catalogue(languages).gettext(message) if languages else message


def N_(message: str) -> str:
    """Mark a message as one to translate where it is shown."""
    return message


def translated(language: str) -> "Callable[[str], str]":
    """Return what says a message in one language, whatever the user's is: a page is read by somebody else.

    Args:
        language: of a catalogue that is there; never what a stranger typed, since it becomes part of a path.
    """
    return str if _is_english(language) else _catalogue((language,)).gettext


def wanted_languages() -> tuple[str, ...]:
    """Return the languages that the user would rather read than English, the best first; most often none."""
    listed = next((value for name in VARIABLES if (value := os.environ.get(name))), "").split(":")
    first_english = next((place for place, name in enumerate(listed) if _is_english(name)), len(listed))
    return tuple(name for name in listed[:first_english] if name)


def _is_english(language: str) -> bool:
    return language.replace("-", "_").partition(".")[0].partition("_")[0] in ENGLISH


@lru_cache
def _catalogue(languages: tuple[str, ...]) -> "NullTranslations":
    import gettext

    spelt = [language.replace("-", "_") for language in languages]  # zh-CN, as web pages have it
    return gettext.translation(DOMAIN, CATALOGUES, spelt, fallback=True)

"""What is wrong with a command line before Hydra reads it: dashes, spaces, and the signs of other keyboards."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path

from trainer.config.near_keys import is_known, known_keys, nearest_key
from trainer.config.problems import data_place
from trainer.config.schema import LISTED_SECTIONS, OPEN_SECTIONS
from trainer.errors import MOST_CHARACTERS, ConfigError, shown

FLAGS = {  # of Hydra -> what it may be given; None = nothing, empty = anything
    **dict.fromkeys(("--cfg", "-c"), ("job", "hydra", "all")),
    **dict.fromkeys(("--info", "-i"), ("all", "config", "defaults", "defaults-tree", "plugins", "searchpath")),
    **dict.fromkeys(("--package", "-p", "--config-path", "-cp", "--config-name", "-cn", "--config-dir", "-cd"), ()),
    "--experimental-rerun": (),
    **dict.fromkeys(("--help", "-h", "--hydra-help", "--version", "--resolve", "--run", "-r", "--multirun", "-m")),
    **dict.fromkeys(("--shell-completion", "-sc")),
}
FROM = "pseudo.from="
OPTIONAL = ("--info", "-i")  # may also stand alone
ANY_QUOTE = str.maketrans(dict.fromkeys("“”„‟«»「」＂", '"') | dict.fromkeys("‘’‚‛＇", "'"))


def arranged(arguments: Sequence[str]) -> list[str]:
    """Return a command line with its flags in front, where Hydra looks for them.

    Raises:
        ConfigError: it has what is neither a flag nor an option ``KEY=VALUE``; what to type instead is named.
    """
    flags: list[str] = []
    options: list[str] = []
    problems: list[str] = []
    rest = list(arguments)
    while rest:
        argument = rest.pop(0)
        if argument.startswith(FROM):  # a word of Python, which no field can be called
            argument = f"pseudo.teacher={argument.removeprefix(FROM)}"
        name, equals, value = argument.partition("=")
        if re.fullmatch(r"-+\w.*|--?", argument) is None or argument[1:2].isdigit():
            options.append(argument)
        elif name not in FLAGS:
            problems.append(_no_flag(argument, rest))
        else:
            given, problem = _given(name, [value] if equals else None, rest)
            flags += [argument, *given]
            problems += problem
    problems += _option_problems(options)
    if problems:
        raise ConfigError.from_problems(problems)
    return [*flags, *options]


def _given(name: str, value: list[str] | None, rest: list[str]) -> tuple[list[str], list[str]]:
    """Return what a flag takes from the arguments behind it, and what is wrong with it."""
    allowed = FLAGS[name]
    if allowed is None:
        advice = f"type run={value[0]} without dashes" if value and name == "--run" else f"{name} is given nothing"
        return [], [] if value is None else [f"{name}={value[0]}: {advice}"]
    alone = name in OPTIONAL and not (rest and rest[0] in allowed)
    taken = [] if value is not None or alone or not rest else [rest.pop(0)]
    found = value or taken
    words = " | ".join(allowed) or "VALUE"
    if not found:
        return (["all"], []) if alone else ([], [f"{name}: needs {words} behind it"])  # or it would take an option
    if name in ("--config-dir", "-cd") and not Path(found[0]).expanduser().is_dir():
        return taken, [f"{name} {shown(found[0])}: no such folder"]
    wrong = bool(allowed) and found[0] not in allowed
    return taken, [f"{name} {shown(found[0])}: must be one of {', '.join(allowed)}"] if wrong else []


def _no_flag(argument: str, rest: list[str]) -> str:
    """Return what to type instead of a flag that there is not: options are without dashes."""
    name, equals, value = argument.partition("=")
    word = name.lstrip("-").replace("-", "_")
    key = nearest_key(word)
    behind = rest.pop(0) if not equals and rest and "=" not in rest[0] and not rest[0].startswith("--") else ""
    if key is None:
        return f"{shown(argument)}: no such flag; options are KEY=VALUE without dashes (--help lists them)"
    typed = f"{argument} {behind}".strip()
    return f"{shown(typed)}: options are KEY=VALUE without dashes: {key}={shown(value or behind or 'VALUE')}"


def _option_problems(options: Sequence[str]) -> Iterator[str]:
    place = 0
    while place < len(options):
        length, problem = _problem_at(options, place)
        if problem is not None:
            yield problem
        place += length


def _problem_at(options: Sequence[str], place: int) -> tuple[int, str | None]:
    """Return how many arguments belong together from a place on, and what is wrong with them, or None."""
    option, words = options[place], _words(options[place:])
    if not option.strip():
        return 1, "an argument is empty: leave it out (a variable of the shell that is not set?)"
    meant = as_meant(option)
    if meant != option:
        return 1, f"{shown(option)}: has signs of another keyboard; type {shown(meant)}"
    if joined := _joined_by_wide_sign(option):
        return 1, f"{shown(option)}: has signs of another keyboard; type {shown(joined)}"
    if apart := re.fullmatch(r"([~+]*[\w./]+)\s+=\s*(.*\S)\s*", option.strip()):
        return 1, f"{shown(option)}: options are KEY=VALUE without spaces: type {shown('='.join(apart.groups()))}"
    if option[:1] == "~" and _is_closed(option[1:]):  # Hydra would take it for its default without a word
        return 1, f"{option}: cannot be taken away, only set: {option[1:]}=VALUE"
    if "".join(words).startswith("="):
        return 1, f"{shown(option)}: has no key; options are KEY=VALUE"
    if len(words) == 1 and ("=" in option or option.startswith("~")):
        return 1, None
    typed, signs = " ".join(words), "".join(words)
    if len(words) == 1:
        if re.search(r"[./\\]", option) and not is_known(option) and (where := data_place(option)):
            return 1, f"{shown(option)}: {shown(where, MOST_CHARACTERS)}"
        return 1, f"{shown(option)}: has no value; type {nearest_key(option.lstrip('+')) or 'KEY'}=VALUE"
    if "=" in option and not option.endswith("="):
        return len(words), f'{shown(typed)}: quote a value that has spaces: "{shown(typed)}"'
    meant = signs if "=" in signs else f"{words[0]}={'_'.join(words[1:])}"
    return len(words), f"{shown(typed)}: options are KEY=VALUE without spaces: type {shown(meant)}"


def _joined_by_wide_sign(option: str) -> str | None:
    """Return the options that a full-width comma or semicolon stands between, with a space for it; None of one."""
    found = re.search(r"[，；、]\s*([\w.]+)[=＝]", option)
    return f"{option[: found.start()]} {option[found.start(1) :]}" if found and is_known(found[1]) else None


def _is_closed(key: str) -> bool:
    """Return whether a key is one of the schema: what is left out of it has its default."""
    return key in known_keys() and key not in (*OPEN_SECTIONS, *LISTED_SECTIONS)


def _words(options: Sequence[str]) -> list[str]:
    """Return the first of some arguments and those behind it that can be no option of their own."""
    words = [options[0]]
    for place, following in enumerate(options[1:], 1):
        key, equals, _ = as_meant(following).partition("=")
        began = "=" in "".join(words) and not "".join(words).endswith("=")
        alone = [option for option in options[place : place + 3] if "=" not in option]
        own = equals or (began and is_known(key) and len(alone) < 3)  # "max_epochs 5" after "run=a"
        if not following.strip() or key[:1] in ("~", "+") or (own if key else began):
            break
        words.append(following)
    return words


def as_meant(option: str) -> str:
    """Return an option with the signs of a Chinese keyboard, or of a word processor, as Hydra knows them."""
    plain = option.translate(ANY_QUOTE).strip("\"'") if option.translate(ANY_QUOTE)[:1] != option[:1] else option
    key, equals, value = plain.replace("＝", "=", int("=" not in plain.partition("＝")[0])).partition("=")
    return f"{unicodedata.normalize('NFKC', key)}{equals}{_value_as_meant(key, value)}" if equals else plain


def _value_as_meant(key: str, value: str) -> str:
    plain, narrow = value.translate(ANY_QUOTE), unicodedata.normalize("NFKC", value)
    if plain[:1] != value[:1] and plain[:1] == plain[-1:]:
        return plain.strip("\"'")
    listed = value[:1] in ("[", "{") and not {"'", '"'} & set(value) and re.search("[，：］｝“”‘’]", value)
    if value[:1] in ("［", "｛") or listed:
        return narrow.translate(ANY_QUOTE)
    is_number = not key.startswith("data.") and re.fullmatch(r"[-+.]?[\d.,]+", narrow)  # a column may have any name
    return narrow if is_number else value

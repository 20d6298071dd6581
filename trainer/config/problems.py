"""What went wrong in Hydra, OmegaConf or YAML, in one line each and all at once."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields, is_dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, get_origin, get_type_hints

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException, OverrideParseException
from omegaconf import DictConfig
from yaml import MarkedYAMLError

from trainer.config.bounds import options_of
from trainer.config.help import described_as
from trainer.config.keys import CONF, choices
from trainer.config.near_keys import is_known, unknown_key
from trainer.config.schema import LISTED_SECTIONS, OPEN_SECTIONS, RunConfig
from trainer.config.value_types import describe, fits
from trainer.errors import ConfigError, did_you_mean, shown
from trainer.wording.printable import one_line
from trainer.wording.translations import _

NULL_GROUP = "Config group override must be a string"  # Hydra's ValueError for GROUP=null
TABLES = (".csv", ".tsv", ".txt", ".parquet", ".jsonl", ".ndjson", ".xlsx", ".arff", ".feather", ".json")
UNFIT = re.compile(r"Value '(.*)' of type '\w+' could not be converted to (\w+)")  # so says OmegaConf
KINDS = {"Integer": "a whole number", "Float": "a number", "Path": "a path"}
NAMED_INSIDE = {  # what may have been meant by a choice that there is not
    "metrics": "; one metric is metrics.names=[{value}]",
    "model": "; a network by its name: model=torchvision (or timm) model.name={value}, one of transformers by its "
    "folder: model=transformer model.pretrained=FOLDER",
}
NOT_POSSIBLE = {  # what OmegaConf says of a value -> what it must be
    "is not Optional": "cannot be null",
    "is not a valid bool": "must be true or false",
    "incompatible with type hint": "must be a whole number or a word",
}


def composition_problems(
    error: Exception,
    arguments: Sequence[str],
    to_run_config: Callable[[DictConfig, Sequence[str]], RunConfig],
    check: Callable[[RunConfig], None],
) -> list[str]:
    """Compose each override alone to find every one that fails, then check what the others make.

    Args:
        error: what composing all of them raised.
        arguments: of the command line.
        to_run_config: makes the record of a composed configuration.
        check: raises ConfigError with the problems of a record.

    Returns:
        At least one line.
    """
    if unreadable := _unreadable_files(error, arguments):
        return unreadable
    overrides = [item for item in arguments if ("=" in item or item.startswith("~")) and not item.startswith("-")]
    sweeping = bool({"-m", "--multirun"} & set(arguments))
    GlobalHydra.instance().clear()
    problems, sound = [], []
    with initialize_config_dir(str(CONF), version_base="1.3"):
        extra = [f"hydra.searchpath=[file://{path}]" for path in _config_dirs(arguments)]
        for override in overrides:
            items = [item for item in _expanded(override, sweeping) if not _is_choice(item)]
            found = [problem for item in items for problem in _alone([*extra, item])]
            problems += found
            sound += [] if found else [next(_expanded(override, sweeping))]
        try:
            check(to_run_config(compose("config", overrides=[*extra, *sound]), sound))
        except ConfigError as refused:
            named = tuple(override.partition("=")[0] for override in overrides if override not in sound)
            problems += [line for line in str(refused).splitlines() if not line.startswith(named)]
        except Exception:  # what Hydra makes of a value may raise anything
            pass  # the override that broke it is among the problems, or the error itself is
    return problems or [explain(error)]


def _unreadable_files(error: Exception, arguments: Sequence[str]) -> list[str]:
    """Return the user's YAML files that are not UTF-8, where that is the error."""
    if not isinstance(error, UnicodeDecodeError):
        return []  # Hydra says which byte, not which file
    files = (path for top in _config_dirs(arguments) for path in sorted(top.rglob("*.yaml")))
    return [f"{path}: is not UTF-8 text: save it as UTF-8" for path in files if not _is_utf8(path)]


def _is_utf8(path: Path) -> bool:
    try:
        path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _config_dirs(arguments: Sequence[str]) -> Iterator[Path]:
    for flag, following in pairwise([*arguments, ""]):
        name, equals, value = flag.partition("=")
        if name in ("--config-dir", "-cd"):
            yield Path(value if equals else following).resolve()


def _expanded(override: str, sweeping: bool) -> Iterator[str]:
    """Yield the override, or in a sweep each of its values."""
    try:
        parsed = OverridesParser.create().parse_override(override)
    except HydraException:
        yield override
        return
    if not sweeping or not parsed.is_sweep_override():
        yield override
        return
    yield from (f"{parsed.get_key_element()}={value}" for value in parsed.sweep_string_iterator())


def _is_choice(override: str) -> bool:
    """Return whether an override names a file of conf/, which needs no trying (a third of a second each)."""
    group, _, choice = override.partition("=")
    return choice in choices(group)


def _alone(overrides: Sequence[str]) -> list[str]:
    try:
        compose("config", overrides=list(overrides))
    except Exception as error:  # what Hydra makes of a value may raise anything
        return [explain(error, overrides[-1])]
    return []


def explain(error: Exception, override: str = "") -> str:
    """Return one line for an error of Hydra, OmegaConf or YAML, with "did you mean" where a name is unknown."""
    override = one_line(override)
    key, _, value = override.lstrip("+~").partition("=")
    key = key or str(getattr(error, "full_key", None) or "")
    text = f"{error}\n{error.__cause__ or ''}"
    if isinstance(error, MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        return f"{mark.name} line {mark.line + 1}:{mark.column + 1}: {error.problem}"
    if isinstance(error, OverrideParseException) and value:
        return f"{key}: cannot read the value: quote it twice, \"{key}='{value}'\""
    if "merging" in text and key in _lists():
        return f"{key} is a list: {key}=[{value}]"
    if override.startswith("~") and ("merging" in text or ("Could not delete" in text and is_known(key))):
        return f"{override}: cannot be taken away, only set: {key}=VALUE"
    if "Unsupported item value in defaults : bool" in text:
        return "defaults: a choice is a word; YAML reads off, on, yes and no without quotes as truth values: quote it"
    if NULL_GROUP in text:
        what = "cannot be null" if value in ("null", "~", "") else "is no choice"
        if key == "cv" and value.isdigit():
            what += f", cv.n_splits={value} sets the number of folds"
        return f"{override}: {what}; choose {key}={' | '.join(choices(key)) or '...'}"
    if "Ambiguous value" in text:
        as_list = f", or {key}=[{value}] if it takes a list" if "." in key else ""
        return f"{override}: several values: use -m to sweep over them{as_list}"
    unknown = re.search(rf"Could not (?:find|load) '{re.escape(key)}/([^']*)'", text)
    if unknown:
        return _unknown_option(key, unknown[1] if key in LISTED_SECTIONS else value, _offered(error, key))
    if "Could not override 'data/preprocess'" in text:
        return f"{override}: goes with data=csv_text, or data of your own with defaults: [preprocess: ...]"
    if override.startswith("+") and re.search(r"already at|Multiple values|more than once", text):
        return f"{override}: is there already, and nothing is added: type {override.lstrip('+')}"
    if re.search(r"Could not (override|append|delete)|is not in struct|Key '.*' not in '", text):
        return unknown_key(key)
    if isinstance(error, RecursionError) or "Recursive interpolation" in text:
        return f"{key}: the interpolation ${{...}} refers to itself".removeprefix(": ")
    lacking = re.search(r"Interpolation key '(model\.\w+)' not found", text)
    if lacking and key.startswith("data.preprocess."):
        return f"data/preprocess=tokenizer goes with model=transformer; this model has no {lacking[1]}: give {key}=..."
    for said, meant in NOT_POSSIBLE.items():
        if said in text and value:
            return f"{override}: {meant}"
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    unfit = next((found for line in lines if (found := UNFIT.match(line))), None)
    if unfit and key:
        return _other_kind(key, value or unfit[1], unfit[1], unfit[2])
    return f"{key}: {lines[0]}" if key else lines[0]


def _other_kind(key: str, typed: str, value: str, wanted: str) -> str:
    """Return that an option takes values of another kind, and the whole number where 1e3 stands for one."""
    whole = re.fullmatch(r"(-?\d+)\.0", value) if wanted == "Integer" else None
    instead = f": {key}={whole[1]}" if whole else ""
    return f"{key}={typed}: takes {KINDS.get(wanted, wanted)}{instead}"


def _offered(error: Exception, group: str) -> list[str]:
    """Return the files of a group, those of ``--config-dir`` too where Hydra names them."""
    found = getattr(error, "options", None) or getattr(error.__cause__, "options", None) or ()
    return sorted({*choices(group), *(name for name in found if not name.startswith("_"))})


def _unknown_option(group: str, value: str, options: Sequence[str]) -> str:
    if group == "amp":
        said = _("amp={value}: unknown level; have: {known} (the letter O, upper case, then a digit)")
        return said.format(value=value, known=", ".join(options))
    if group == "data" and (found := data_place(value)):
        return f"data={value}: {found}"
    if group == "metrics" and value.startswith("["):
        return f"metrics={value}: the list of metrics is metrics.names={value}; metrics= names a file of conf/metrics"
    if value.startswith("["):
        return f"{group}={value}: one at a time; use -m {group}=a,b to sweep over several"
    meant = described_as(group, value) or value
    hint = did_you_mean(meant, options, _)
    if "did you mean" not in did_you_mean(meant, options):
        hint += NAMED_INSIDE.get(group, "").format(value=value)
    return _("{group}={value}: no such {group}{hint}").format(group=group, value=value, hint=hint)


def data_place(value: str) -> str | None:
    """Return what to type for a place of data, which stands where data= names a kind of data; None of another word."""
    place = value.strip("'\"")
    if re.match(r"\w+://", place):
        return "is an address: download it first, then give data=csv_tabular data.path=FILE"
    path = Path(place).expanduser()
    if path.suffix.lower() in TABLES or path.is_file():
        kinds = f"data=csv_tabular data.path={place} (a table), data=csv_text data.path={place} model=text_cnn (texts)"
        return f"is a file: type {kinds}"
    if path.is_dir() or path.suffix == ".zip" or "/" in place:
        kind = f"data=image_folder data.path={place} model=image_cnn (images in a folder per class)"
        return f"is a place: type {kind}"
    return None


@cache
def _lists() -> frozenset[str]:
    return frozenset(option.key for option in options_of(RunConfig) if get_origin(option.kind) is list)


def misplaced(record: Any, kind: type[Any] = RunConfig, prefix: str = "") -> Iterator[str]:
    """Yield what is no section, list or mapping where one belongs, as an interpolation may put it: ``plugins=${seed}``.

    Of words and numbers OmegaConf itself looks at what they refer to.
    """
    hints = get_type_hints(kind)
    for field in fields(kind):
        key, hint, value = f"{prefix}{field.name}", hints[field.name], getattr(record, field.name)
        is_section: bool = is_dataclass(hint)
        if is_section and isinstance(value, hint):
            yield from misplaced(value, hint, f"{key}.")
        elif is_section or (get_origin(hint) in (list, dict) and not fits(value, hint)):
            wanted = "a section" if is_section else describe(hint)
            yield f"{key}: refers to {shown(repr(value), 60)}, and must be {wanted}"


def closed_keys(cfg: DictConfig) -> list[str]:
    """Return every key of a composed configuration outside the open sections, dotted."""
    keys = []
    for name in map(str, cfg):
        keys.append(name)
        if name not in (*OPEN_SECTIONS, *LISTED_SECTIONS) and isinstance(cfg._get_node(name), DictConfig):
            keys += [f"{name}.{inner}" for inner in cfg[name]]
    return keys

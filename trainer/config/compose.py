"""From the command line to a RunConfig: the only module, with ``train.py``, that knows Hydra and OmegaConf."""

import os
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime
from pathlib import Path

from hydra import compose, initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, SCMode
from omegaconf.errors import OmegaConfBaseException
from yaml import MarkedYAMLError, YAMLError

from trainer.config.errors import ConfigError, FoldwiseError, did_you_mean
from trainer.config.schema import OPEN_SECTIONS, RunConfig

CONF = Path(__file__).resolve().parents[2] / "conf"
COMPOSITION_ERRORS = (HydraException, OmegaConfBaseException, YAMLError, RecursionError)
failures: list[FoldwiseError] = []  # of the jobs of this process


@dataclass(frozen=True)
class SweepJob:
    """A job's place in a ``-m`` sweep.

    Attributes:
        directory: of the whole sweep.
        number: from 0.
        overrides: what this job sets.
    """

    directory: Path
    number: int
    overrides: tuple[str, ...]


@dataclass(frozen=True)
class Launch:
    """How a run was started.

    Attributes:
        default_name: name of the run directory where ``run`` is not given.
        command: the overrides, to reproduce the run.
        sweep: the job's place in a sweep, or None.
    """

    default_name: str
    command: tuple[str, ...] = ()
    sweep: SweepJob | None = None


def register_schema() -> None:
    """Make the typed sections known to Hydra; the open ones accept any key, ``build.py`` checks them."""
    node = OmegaConf.structured(RunConfig)
    for name in OPEN_SECTIONS:
        OmegaConf.set_struct(node[name], False)
    ConfigStore.instance().store(name="schema", node=node)


def launch_config(cfg: DictConfig) -> tuple[RunConfig, Launch]:
    """Turn a composed configuration into plain records.

    Raises:
        ConfigError: interpolations that do not resolve, or plugins that are not on the command line.
    """
    hydra = HydraConfig.get()
    overrides = tuple(hydra.overrides.task)
    config = to_run_config(cfg, overrides)
    choices = hydra.runtime.choices
    several = [item for item in overrides if "=[" in item and (CONF / item.partition("=")[0]).is_dir()]
    if several:
        raise ConfigError.from_problems([f"{item}: one at a time; use -m to sweep over several" for item in several])
    parts = [choices[group] for group in ("data", "model", "loss", "amp")]
    name = "-".join([*parts, datetime.now().strftime("%Y%m%d-%H%M%S")])
    sweep = None
    if hydra.mode is RunMode.MULTIRUN:
        sweep = SweepJob(Path(hydra.sweep.dir), int(hydra.job.num), overrides)
    return config, Launch(name, overrides, sweep)


def to_run_config(cfg: DictConfig, overrides: Sequence[str]) -> RunConfig:
    """Resolve a composed configuration into a RunConfig.

    Naming another class with ``SECTION._target_=`` starts that section anew: only what the command line gives
    is passed to it, not the defaults that belong to another class.

    Raises:
        ConfigError: an interpolation does not resolve, or plugins are not on the command line.
    """
    try:
        config = OmegaConf.to_container(cfg, resolve=True, structured_config_mode=SCMode.INSTANTIATE)
    except (OmegaConfBaseException, RecursionError) as error:
        raise ConfigError(explain(error)) from error
    assert isinstance(config, RunConfig)
    if config.plugins and not any(item.lstrip("+").startswith("plugins=") for item in overrides):
        raise ConfigError("plugins can only be named on the command line: plugins=[my_package]")
    if config.plugins and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    for name in OPEN_SECTIONS:
        given = {item.lstrip("+").partition("=")[0] for item in overrides}
        if f"{name}._target_" in given:
            section = getattr(config, name)
            setattr(config, name, {k: v for k, v in section.items() if f"{name}.{k}" in given})
    return config


def composed(main: Callable[[], object], check: Callable[[RunConfig], None]) -> None:
    """Call a Hydra main; its own errors become one ConfigError with every problem.

    Args:
        main: decorated with ``hydra.main``.
        check: the checks a composed configuration goes through, to list their problems too.

    Raises:
        ConfigError: the configuration cannot be composed.
        FoldwiseError: the first error of a job (in a sweep, after all jobs).
    """
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra raises instead of printing and exiting with 1
    failures.clear()
    try:
        main()
    except COMPOSITION_ERRORS as error:
        if os.environ.get("FOLDWISE_TRACEBACK") == "1":
            raise
        overrides = [item for item in sys.argv[1:] if "=" in item and not item.startswith("-")]
        problems = composition_problems(overrides, check) or [explain(error)]
        raise ConfigError.from_problems(problems) from error
    if failures:
        raise failures[0]


def job(cfg: DictConfig, run: Callable[[RunConfig, Launch], object]) -> None:
    """Run one composed configuration; an error is kept until Hydra is done, so a sweep goes on with the next job."""
    sweeping = HydraConfig.get().mode is RunMode.MULTIRUN
    try:
        run(*launch_config(cfg))
    except FoldwiseError as error:
        failures.append(error)
        if sweeping:
            print(f"job {HydraConfig.get().job.num} failed: {error.kind}: {error}", file=sys.stderr)


def composition_problems(overrides: Sequence[str], check: Callable[[RunConfig], None]) -> list[str]:
    """Compose each override alone to find every one that fails, then check what the others make."""
    GlobalHydra.instance().clear()
    problems, sound = [], []
    with initialize_config_dir(str(CONF), version_base="1.3"):
        for override in overrides:
            try:
                compose("config", overrides=[override])
                sound.append(override)
            except COMPOSITION_ERRORS as error:
                problems.append(explain(error, override))
        try:
            check(to_run_config(compose("config", overrides=sound), sound))
        except ConfigError as error:
            problems += str(error).splitlines()
        except COMPOSITION_ERRORS:
            pass
    return problems


def explain(error: Exception, override: str = "") -> str:
    """Return one line for an error of Hydra, OmegaConf or YAML, with "did you mean" where a name is unknown."""
    key, _, value = override.lstrip("+~").partition("=")
    text = f"{error}\n{error.__cause__ or ''}"
    if isinstance(error, MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        return f"{mark.name} line {mark.line + 1}:{mark.column + 1}: {error.problem}"
    if "Ambiguous value" in text:
        return f"{override}: several values: use -m to sweep over them"
    if f"Could not find '{key}/" in text:
        return _unknown_option(key, value)
    if re.search(r"Could not (override|append)|is not in struct|Key '.*' not in '", text):
        return f"{key}: unknown key{did_you_mean(key, known_keys())}"
    if isinstance(error, RecursionError) or "Recursive interpolation" in text:
        return f"{key}: the interpolation ${{...}} refers to itself".removeprefix(": ")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    reason = next((line for line in lines if "could not be converted" in line), lines[0])
    return f"{key}: {reason}" if key else reason


def _unknown_option(group: str, value: str) -> str:
    options = sorted(path.stem for path in (CONF / group).glob("*.yaml"))
    if group == "amp":
        return f"amp={value}: unknown level; have: {', '.join(options)} (the letter O, upper case, then a digit)"
    if value.startswith("["):
        return f"{group}={value}: one at a time; use -m {group}=a,b to sweep over several"
    return f"{group}={value}: no such {group}{did_you_mean(value, options)}"


def known_keys() -> list[str]:
    """Return every key of the closed sections, the groups and the top level, dotted."""
    keys = ["experiment", "debug"]
    for field in fields(RunConfig):
        keys.append(field.name)
        default = getattr(RunConfig(), field.name)
        if is_dataclass(default):
            keys += [f"{field.name}.{inner.name}" for inner in fields(default)]
    return keys


def to_yaml(config: RunConfig) -> str:
    """Return a configuration as YAML text."""
    return OmegaConf.to_yaml(OmegaConf.structured(config))

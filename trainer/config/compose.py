"""From the command line to a RunConfig: the only module, with ``train.py``, that knows Hydra and OmegaConf."""

import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import hydra
import yaml
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, SCMode, open_dict
from omegaconf._utils import get_omega_conf_dumper
from omegaconf.errors import OmegaConfBaseException

from trainer.config.command_line import arranged
from trainer.config.compose_once import at_work, composed_once
from trainer.config.help import REPOSITORY_DOOR
from trainer.config.keys import CONF, flatten
from trainer.config.near_keys import known_keys, unknown_key
from trainer.config.overrides import given_keys
from trainer.config.plugins import find_here
from trainer.config.problems import closed_keys, composition_problems, explain, misplaced
from trainer.config.saved import open_schema
from trainer.config.schema import LISTED_SECTIONS, OPEN_SECTIONS, RunConfig
from trainer.config.search_space import with_quoted_ranges
from trainer.config.sweep_jobs import begin_command, end_command, job_failed, jobs_of_command
from trainer.errors import ConfigError, FoldwiseError, as_foldwise_error
from trainer.system.paths import at_home

UNDER_HOME = re.compile(r"(^|[,\[:])(~[^,\[\]{}'\"]*)")  # a value, or one of several
JOBLIB = "joblib"  # a launcher that runs the jobs of a sweep side by side on this machine
IN_TURN = "basic"  # one that runs them in this process, one after the other


@dataclass(frozen=True)
class SweepJob:
    """A job's place in a ``-m`` sweep.

    Attributes:
        directory: of the whole sweep.
        number: from 0.
        overrides: what this job sets.
        typed: arguments of the whole sweep, where one process runs its jobs in turn; else none.
    """

    directory: Path
    number: int
    overrides: tuple[str, ...]
    typed: tuple[str, ...] = ()

    def facts(self) -> dict[str, Any]:
        """Return what its run says of the sweep."""
        return {"sweep": {"name": self.directory.name, "job": self.number}}


@dataclass(frozen=True)
class Launch:
    """How a run was started.

    Attributes:
        default_name: name of the run directory where ``run`` is not given.
        command: the overrides, to reproduce the run.
        sweep: the job's place in a sweep, or None.
        door: the command that trains, as it is typed.
    """

    default_name: str
    command: tuple[str, ...] = ()
    sweep: SweepJob | None = None
    door: str = REPOSITORY_DOOR


def register_schema() -> None:
    """Make the typed sections known to Hydra."""
    # two sweeps of one second never share a place; the processes of one sweep do
    OmegaConf.register_new_resolver("pid", os.getpid, replace=True, use_cache=True)
    OmegaConf.register_new_resolver("at_home", at_home, replace=True)
    ConfigStore.instance().store(name="schema", node=open_schema())


def hydra_main(run: Callable[[RunConfig, Launch], object]) -> Callable[..., object]:
    """Return a Hydra main of ``conf/``, which reads ``sys.argv`` and hands what it composes to ``run``."""

    def main(cfg: DictConfig) -> None:
        job(cfg, run)

    decorated: Callable[..., object] = hydra.main(version_base="1.3", config_path=str(CONF), config_name="config")(main)
    return decorated


def compose_run(overrides: Sequence[str], check: Callable[[RunConfig], None]) -> tuple[RunConfig, Launch]:
    """Compose a run without a command line: what ``python train.py`` makes of the same overrides.

    Args:
        overrides: such as ``loss=focal`` and ``optimizer.lr=0.1``.
        check: as for ``composed``.

    Raises:
        ConfigError: with every problem.
    """
    register_schema()
    typed = [with_quotes(item) for item in _one_tracker(overrides)]
    try:
        with _apart(), hydra.initialize_config_dir(str(CONF), version_base="1.3"):
            cfg = hydra.compose("config", overrides=typed, return_hydra_config=True)
        node = cfg.hydra
        OmegaConf.set_struct(cfg, False)
        del cfg["hydra"]
        return launch_config(cfg, node)
    except FoldwiseError:
        raise
    except Exception as error:  # what Hydra makes of a value may raise anything
        raise ConfigError.from_problems(composition_problems(error, typed, to_run_config, check)) from error


@contextmanager
def _apart() -> Iterator[None]:
    """Let a configuration be composed where a Hydra main is at work, as in a search."""
    place = GlobalHydra.instance()
    main, place.hydra = place.hydra, None
    try:
        yield
    finally:
        place.hydra = main


def launch_config(cfg: DictConfig, node: DictConfig | None = None) -> tuple[RunConfig, Launch]:
    """Turn a composed configuration into plain records.

    Args:
        cfg: the run's.
        node: Hydra's own; None = that of the Hydra main that is at work.

    Raises:
        ConfigError: interpolations that do not resolve, or plugins that are not on the command line.
    """
    own: Any = HydraConfig.get() if node is None else node
    task: Any = OmegaConf.to_container(own.overrides.task, resolve=False)
    overrides = tuple(map(str, task))
    config = to_run_config(cfg, overrides)
    choices = own.runtime.choices
    groups = (item.partition("=[")[0] for item in overrides if "=[" in item)
    single = {group for group in groups if group not in LISTED_SECTIONS and (CONF / group).is_dir()}
    several = [item for item in overrides if item.partition("=[")[0] in single]
    if several:
        raise ConfigError.from_problems([f"{item}: one at a time; use -m to sweep over several" for item in several])
    targets = {
        name: str(getattr(config, name).get("_target_")).rpartition(".")[2] for name in ("data", "model", "loss")
    }
    given = given_keys(overrides)
    named = {**targets, **{group: choices[group] for group in choices if f"{group}._target_" not in given}}
    parts = [str(named.get(group, config.amp.opt_level)) for group in ("data", "model", "loss", "amp")]
    name = "-".join([*parts, datetime.now().strftime("%Y%m%d-%H%M%S")])
    sweep = None
    if own.mode is RunMode.MULTIRUN:
        typed = tuple(sys.argv[1:]) if choices.get("hydra/launcher") == IN_TURN else ()
        sweep = SweepJob(Path(own.sweep.dir), int(own.job.num), overrides, typed)
    if choices.get("hydra/launcher") == JOBLIB and config.cv.parallel == "auto":
        config.cv.parallel = 1  # the cores are the jobs' already
    return config, Launch(name, overrides, sweep)


def to_run_config(cfg: DictConfig, overrides: Sequence[str]) -> RunConfig:
    """Resolve a composed configuration into a RunConfig.

    Naming another class with ``SECTION._target_=`` or ``SECTION={_target_:...}`` starts that section afresh: only what
    the command line gives is passed to it, not the defaults that belong to another class.

    Raises:
        ConfigError: an interpolation does not resolve, or plugins are not on the command line.
    """
    try:
        _leave_out_missing(cfg)
        config = OmegaConf.to_container(cfg, resolve=True, structured_config_mode=SCMode.INSTANTIATE)
    except (OmegaConfBaseException, RecursionError) as error:
        raise ConfigError(explain(error)) from error
    assert isinstance(config, RunConfig)
    if wrong := list(misplaced(config)):
        raise ConfigError.from_problems(wrong)
    unknown = [key for key in closed_keys(cfg) if key not in known_keys()]
    if unknown:
        raise ConfigError.from_problems([unknown_key(key) for key in unknown])
    if config.plugins and not any(item.lstrip("+").startswith("plugins=") for item in overrides):
        raise ConfigError("plugins can only be named on the command line: plugins=[my_package]")
    find_here(config.plugins)
    given = given_keys(overrides)
    for name in OPEN_SECTIONS:
        if f"{name}._target_" in given:
            setattr(config, name, _only(given, getattr(config, name), name))
    return config


def _leave_out_missing(cfg: DictConfig) -> None:
    """Delete what is ``???``: the checks name it with all else; what refers to it is no problem of its own."""
    written: Any = OmegaConf.to_container(cfg, resolve=False)
    values = flatten(written)
    missing = [key for key, value in values.items() if value == "???"]
    for key in missing:
        section, _, name = key.rpartition(".")
        with open_dict(cfg):
            del OmegaConf.select(cfg, section)[name]
        for other in [other for other, value in values.items() if value == f"${{{key}}}"]:
            OmegaConf.update(cfg, other, f"as {key}")


def _only(given: set[str], section: dict[str, Any], name: str) -> dict[str, Any]:
    """Return what the command line gives of a section, itself or key by key."""
    found: dict[str, Any] = {}
    for key, value in section.items():
        path = f"{name}.{key}"
        if path in given or path.replace(".", "/") in given:  # a value, or the choice of a group: data/preprocess=table
            found[key] = value
        elif isinstance(value, dict) and any(item.startswith(f"{path}.") for item in given):
            found[key] = _only(given, value, path)
    return found


def composed(main: Callable[..., object], check: Callable[[RunConfig], None]) -> None:
    """Call a Hydra main; its own errors become one ConfigError with every problem.

    Args:
        main: decorated with ``hydra.main``, which hands on a configuration that it is given.
        check: the checks a composed configuration goes through, to list their problems too.

    Raises:
        ConfigError: the configuration cannot be composed.
        FoldwiseError: the first error of a job (in a sweep, after all jobs).
    """
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra raises instead of printing and exiting with 1
    begin_command()
    sys.argv[1:] = [with_quotes(item) for item in arranged(_one_tracker(sys.argv[1:]))]
    cfg = composed_once(sys.argv[1:])
    try:
        if cfg is None:
            main()
        else:
            with at_work(cfg):
                main(cfg)
    except FoldwiseError:
        raise
    except Exception as error:  # of a job none gets here (see job): what Hydra makes of a value may raise anything
        if os.environ.get("FOLDWISE_TRACEBACK") == "1":
            raise
        raise ConfigError.from_problems(composition_problems(error, sys.argv[1:], to_run_config, check)) from error
    end_command()


def _one_tracker(arguments: Sequence[str]) -> list[str]:
    """Take ``tracker.name=`` for ``tracker=``, as it was once called; the last of them counts, as with any key."""
    named = [f"tracker={item.partition('=')[2]}" if item.startswith("tracker.name=") else item for item in arguments]
    places = [i for i, item in enumerate(named) if item.startswith("tracker=")]
    return [item for i, item in enumerate(named) if i not in places[:-1]]


def with_quotes(argument: str) -> str:
    """Quote a value that Hydra's grammar cannot read bare: ``~/x.csv``, Chinese and other letters beyond ASCII."""
    argument = with_quoted_ranges(argument)
    key, equals, value = argument.partition("=")
    if key.startswith("--"):  # --config-dir=~/conf, which no shell writes out
        return f"{key}{equals}{at_home(value)}"
    if value and value[0] not in "'\"$":
        value = UNDER_HOME.sub(r"\1'\2'", value)
        argument = f"{key}={value}"
    if not equals or value.isascii() or value[0] in "'\"[{$" or "," in value:
        return argument
    escaped = value.replace("'", "\\'")
    return f"{key}='{escaped}'"


def job(cfg: DictConfig, run: Callable[[RunConfig, Launch], object]) -> None:
    """Run one composed configuration; an error is kept until Hydra is done, so a sweep continues with the next job."""
    number = HydraConfig.get().job.num if HydraConfig.get().mode is RunMode.MULTIRUN else None
    if (jobs := jobs_of_command()) is not None:
        jobs.n_jobs += 1
    try:
        run(*launch_config(cfg))
    except Exception as error:
        if not isinstance(error, FoldwiseError) and os.environ.get("FOLDWISE_TRACEBACK") == "1":
            raise
        job_failed(number, as_foldwise_error(error))


def to_yaml(config: RunConfig) -> str:
    """Return a configuration as YAML text: what ``OmegaConf.to_yaml`` makes of it, in a tenth of the time."""
    return str(yaml.dump(_plain(asdict(config)), Dumper=get_omega_conf_dumper(), allow_unicode=True, sort_keys=False))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list | tuple) else value

"""Options that somebody sets and that nothing of the run reads: one table of them, each with why and what to do.

What contradicts itself is refused by ``validate.py``; what merely does nothing is told here in one line, at the start
and in the report, and only where the command line sets it: a preset may set more than a run of it uses.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import partial
from typing import Any

from trainer.config.executor import ExecutorConfig, n_processes
from trainer.config.grid import is_nested
from trainer.config.keys import flatten, typed
from trainer.config.overrides import key_of
from trainer.config.schema import RunConfig
from trainer.config.search import NONE, SearchConfig
from trainer.engine import freezing
from trainer.engine.optimizer import PEAKS
from trainer.folds.plan import strategy_module
from trainer.run.fold import Fold

MLP = "trainer.models.mlp.MLP"
OF_ONE_ENGINE = {"partition": "slurm", "hours": "slurm", "address": "ray"}
EVERY = ("every_n_steps", "every_n_epochs", "every_minutes")


@dataclass(frozen=True)
class Rule:
    """An option without effect.

    Attributes:
        option: its dotted name.
        idle: whether a configuration leaves it without effect.
        why: and what to do, after ``optimizer.lr=1e-5 has no effect: ``.
    """

    option: str
    idle: Callable[[RunConfig], bool]
    why: str


def _sets_own_rates(config: RunConfig) -> bool:
    """Whether the scheduler overwrites the rates; a rate of the head is kept in its ratio to the optimizer's."""
    return config.fit.head_lr is None and any(config.scheduler.get(peak) is not None for peak in PEAKS)


def _reads_no_zip(config: RunConfig) -> bool:
    """Whether neither the data nor their images lie in a .zip."""
    places = [str(config.data.get(name) or "") for name in ("path", "images")]
    return not any(place.lower().endswith(".zip") for place in places)


def _strategy(name: str, value: str) -> Callable[[RunConfig], bool]:
    """Return whether the file of the strategy says so in a constant."""

    def says(config: RunConfig) -> bool:
        strategy = config.cv.strategy
        return "." not in strategy and str(getattr(strategy_module(strategy), name)) == value

    return says


def _is_of_other(engine: str, config: RunConfig) -> bool:
    """Whether folds are trained by another engine than this one."""
    return config.executor.name not in ("local", engine)


RULES: tuple[Rule, ...] = (
    Rule("optimizer.lr", _sets_own_rates, "the scheduler sets its own learning rate: set scheduler.max_lr"),
    Rule(
        "optimizer.lr",
        lambda config: config.fit.freeze_epochs == freezing.ALL and config.fit.head_lr is not None,
        "the backbone is never trained, and the head learns at fit.head_lr: set that",
    ),
    Rule(
        "cv.inner_fraction",
        lambda config: config.cv.select != "inner" and not is_nested(config.cv),
        "no slice of the training rows picks the epoch: set cv.select=inner",
    ),
    Rule(
        "cv.random_state",
        lambda config: not config.cv.shuffle,
        "the rows are not shuffled: set cv.shuffle=true, or leave it out (training has seed)",
    ),
    Rule(
        "cv.n_splits",
        _strategy("N_SPLITS", "False"),
        "the data or another option says how many folds there are: leave it out",
    ),
    Rule(
        "fit.decay_norms",
        lambda config: not config.fit.decay_norms and config.optimizer.get("weight_decay") == 0,
        "there is no weight decay: set optimizer.weight_decay",
    ),
    Rule(
        "scheduler.total_iters",
        lambda config: config.scheduler.get("factor") == 1,
        "the learning rate is multiplied by scheduler.factor=1: set that too",
    ),
    Rule(
        "model.dropout",
        lambda config: config.fit.freeze_epochs == freezing.ALL and config.model["_target_"] == MLP,
        "it lies in the backbone, which is never trained: leave it out, or set fit.freeze_epochs to a number",
    ),
    Rule("data.zip_encoding", _reads_no_zip, "no .zip is read: leave it out"),
    Rule("profile.steps", lambda config: not config.profile.enabled, "there is no profile: set profile=default"),
    Rule("profile.top", lambda config: not config.profile.enabled, "there is no profile: set profile=default"),
    Rule(
        "checkpoint.background",
        lambda config: not any(getattr(config.checkpoint, name) for name in EVERY),
        "no checkpoint is written during a fold: set checkpoint.every_n_epochs, every_n_steps or every_minutes",
    ),
    Rule(
        "runtime.loader_timeout_seconds",
        lambda config: config.num_workers == 0,
        "there is no loader process: set num_workers",
    ),
    Rule(
        "runtime.stall_timeout_seconds",
        lambda config: config.cv.parallel == 1,
        "folds are trained one after the other, in this process: set cv.parallel",
    ),
    Rule(
        "sampler.power",
        lambda config: config.sampler.name != "weighted",
        "only sampler=weighted draws by it: set that, or leave it out",
    ),
    Rule(
        "search.prune",
        lambda config: config.search.cost != NONE,
        "a trial that scores less may still be the fastest: leave it out, or search.cost",
    ),
    Rule(
        "budget.hours",
        lambda config: config.executor.name != "local",
        "folds are trained by jobs: set executor.hours, at which a job is saved and goes on in the queue",
    ),
    Rule(
        "cv.stack",
        lambda config: (
            config.cv.stack not in ("auto", "off")
            and (config.executor.name != "local" or config.budget.hours is not None)
        ),
        "folds begin one by one there (jobs, budget.hours): leave it out",
    ),
)


OF_PROCESSES = ("nproc", "nnodes", "sync_batchnorm", "shard")  # options of several processes that train a fold together
OF_JOBS = ("max_restarts", "detach")  # options of jobs anywhere

RULES += tuple(
    Rule(
        f"executor.{option.name}",
        lambda config: config.executor.name == "local",
        "folds are trained by this machine: set executor=slurm or ray, or leave it out",
    )
    for option in fields(ExecutorConfig)
    if option.name not in ("name", *OF_PROCESSES)
)
RULES += tuple(
    Rule(f"executor.{option}", partial(_is_of_other, engine), f"{engine} alone has it: leave it out")
    for option, engine in OF_ONE_ENGINE.items()
)
RULES += tuple(
    Rule(
        f"executor.{option}",
        lambda config: config.executor.name in ("local", "ray"),
        "a fold is trained by one process: set executor=torchrun or slurm, or leave it out",
    )
    for option in OF_PROCESSES
)
RULES += tuple(
    Rule(
        f"executor.{option.name}",
        lambda config: config.executor.name == "torchrun",
        "torchrun begins processes of this machine: set executor=slurm, or leave it out",
    )
    for option in fields(ExecutorConfig)
    if option.name not in ("name", *OF_PROCESSES, *OF_JOBS, *OF_ONE_ENGINE)
)
RULES += tuple(
    Rule(
        f"executor.{option}",
        lambda config: config.executor.name in ("slurm", "torchrun") and n_processes(config.executor) == 1,
        f"one process trains a fold, {why}: set executor.nproc",
    )
    for option, why in (("sync_batchnorm", "and sees all rows"), ("shard", "and holds all weights"))
)

RULES += tuple(
    Rule(
        f"search.{option.name}",
        lambda config: config.search.name == NONE,
        "there is no search: set search=tpe, or leave it out",
    )
    for option in fields(SearchConfig)
    if option.name != "name"
)


def idle_options(config: RunConfig, command: Sequence[str]) -> list[str]:
    """Return a line for each option that the command line sets, or the inner grid varies, and that has no effect."""
    values, varied = flatten(asdict(config)), flatten(config.cv.inner.grid)
    given = dict.fromkeys([key_of(item) for item in command] + list(varied))
    return [
        f"{key}={typed(varied.get(key, _value(values, key)))} has no effect: {rule.why}"
        for key in given
        for rule in RULES
        if key == rule.option and rule.idle(config)
    ] + [
        f"{key}={typed(values.get(key))} has no effect: cv.inner.grid gives its values: leave one of them out"
        for key in varied
        if key in map(key_of, command)
    ]


def _value(values: Mapping[str, Any], key: str) -> Any:
    """Return a value of a flattened configuration; one that is a mapping itself is put together again."""
    inner = {name.removeprefix(f"{key}."): value for name, value in values.items() if name.startswith(f"{key}.")}
    return values.get(key, inner or None)


def idle_here(config: RunConfig, fold: Fold) -> list[str]:
    """Return a line for what has no effect on these data."""
    if not config.num_workers or fold.reads_ahead:
        return []
    return [f"num_workers={config.num_workers} has no effect: no loader process reads this data"]

"""A fold by several processes of torchrun: the first does all that a run does, the others train with it.

The first process says which fold comes next, and alone locks, writes, prints and merges.
"""

import os
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from trainer.config.budget import BudgetConfig
from trainer.config.executor import n_processes
from trainer.config.grid import is_nested
from trainer.config.schema import RunConfig
from trainer.engine.checkpointer import Checkpointer
from trainer.engine.fit import fit
from trainer.engine.process_group import ALONE, Ranks, join
from trainer.engine.sync_batchnorm import has_batchnorm
from trainer.errors import ConfigError
from trainer.profiler.costs import same_random_state
from trainer.run.experiment import Experiment
from trainer.run.factories import fresh_learner, make_loss, make_model
from trainer.run.fold import Fold
from trainer.run.fold_data import prepare_fold, training_sizes
from trainer.run.torchrun_options import TORCHRUN
from trainer.store.identity import Identity
from trainer.system import interrupts


def is_rank(config: RunConfig) -> bool:
    """Return whether this process is one that torchrun has started to train."""
    return config.executor.name == TORCHRUN and "RANK" in os.environ


def trains_here(config: RunConfig) -> bool:
    """Return whether this process trains folds itself, or has its own processes do so; else jobs of an engine do."""
    return config.executor.name == "local" or is_rank(config)


def join_group(config: RunConfig) -> tuple[RunConfig, Ranks]:
    """Join the group that torchrun has started this process for, where it has; return the configuration of this rank.

    Raises:
        ConfigError: what is configured cannot be trained by several processes.
    """
    require_trainable_in_ranks(config)
    if not is_rank(config):
        return config, ALONE
    _require_restarts_that_meet()
    local, here, size = (int(os.environ[name]) for name in ("LOCAL_RANK", "LOCAL_WORLD_SIZE", "WORLD_SIZE"))
    executor = replace(config.executor, nproc=here, nnodes=size // here)
    config = replace(config, executor=executor, cv=replace(config.cv, parallel=1, stack="off"), budget=BudgetConfig())
    require_trainable_in_ranks(config)
    interrupts.obey_parent()  # torchrun's: it may ask twice, and Ctrl-C comes to it too
    several = {"sync_batchnorm": executor.sync_batchnorm, "shard": executor.shard} if size > 1 else {}
    ranks = replace(join(_device(config.device, local, here)), **several)
    if ranks.first:
        return config, ranks
    return replace(config, tracker={}, runtime=replace(config.runtime, progress="off")), ranks


def _require_restarts_that_meet() -> None:
    """Refuse a torchrun that starts processes again which would wait for ever for those before them.

    Their addresses stay in the store that the processes share with torchrun (2.13 and 2.14), unless it keeps its own.

    Raises:
        ConfigError: what to type instead.
    """
    restarts = int(os.environ.get("TORCHELASTIC_MAX_RESTARTS", "0"))
    if restarts and os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True":
        raise ConfigError(
            f"torchrun --max-restarts={restarts}: processes that are started again would wait for those before them\n"
            "set TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1 where torchrun is typed, with --standalone or --rdzv-backend=c10d"
        )


def require_trainable_in_ranks(config: RunConfig) -> None:
    """Refuse what several processes cannot train as one does.

    Raises:
        ConfigError: naming each such option.
    """
    size = int(os.environ.get("WORLD_SIZE", "1")) if "TORCHELASTIC_RUN_ID" in os.environ else 1
    if size > 1 and config.executor.name != TORCHRUN:
        raise ConfigError(f"torchrun has started {size} processes of this: add executor=torchrun")
    if n_processes(config.executor) == 1:
        return
    why = f"executor.nproc={config.executor.nproc}"
    found = {
        "fit.mixup_alpha and fit.cutmix_alpha mix rows of a whole batch, of which each process has a share": (
            config.fit.mixup_alpha > 0 or config.fit.cutmix_alpha > 0
        ),
        "cv.inner.n_splits: inner folds are fitted by one process": is_nested(config.cv),
        f"tricks=[{','.join(config.tricks)}] take the steps of one process: leave them out": bool(config.tricks),
        "runtime.compile=true is not tried in several processes": config.runtime.compile,
        "amp.backend=apex scales the loss in each process by itself: use amp.backend=native": (
            config.amp.backend == "apex"
        ),
    }
    problems = [f"{why}: {what}" for what, is_so in found.items() if is_so]
    if config.executor.shard and config.amp.opt_level in ("O2", "O3"):
        problems.append(f"executor.shard=true: amp={config.amp.opt_level} casts the weights themselves: use amp=O1")
    if config.executor.shard and config.fit.freeze_epochs != 0:
        problems.append("executor.shard=true: fit.freeze_epochs is not tried with parts of weights: leave it out")
    if problems:
        raise ConfigError.from_problems(problems)


def _device(wanted: str, local: int, here: int) -> torch.device:
    """Return the device of a rank; each has a GPU of its own, which is the current one from now on.

    Raises:
        ConfigError: there are fewer GPUs than processes.
    """
    if wanted == "cpu" or not torch.cuda.is_available():
        return torch.device("cpu")
    if wanted not in ("auto", "cuda"):
        raise ConfigError(f"device={wanted}: each process takes a GPU of its own: use device=cuda or cpu")
    if torch.cuda.device_count() < here:
        raise ConfigError(
            f"executor.nproc={here}: have {torch.cuda.device_count()} GPU, and NCCL lets no two processes share one: "
            "use as many processes as GPUs, or device=cpu"
        )
    torch.cuda.set_device(local)
    return torch.device("cuda", local)


def train_with_the_first(
    config: RunConfig, experiment: Experiment, prepared: Fold, identity: Identity, ranks: Ranks
) -> None:
    """Train the folds that the first process names, until it names none.

    Args:
        config: of this rank.
        experiment: what to run.
        prepared: a fold that is prepared already.
        identity: of the run.
        ranks: this process and the others.

    Raises:
        PeerLostError: the first process is gone.
        NonFiniteError: training diverged.
        Interrupted: a signal has come to one of the processes.
    """
    nothing: tuple[int | str, Path] | None = None
    while (told := ranks.told(nothing)) is not None:
        name, directory = told
        of_fold = experiment.for_fold(name)
        fold = prepared if prepared.rows.name == name else prepare_fold(of_fold, name)
        recipe, spec = of_fold.recipe, of_fold.spec
        with interrupts.deferred(), _reader(directory, config, identity) as checkpointer:
            learner = fresh_learner(recipe, spec, fold, ranks=ranks)
            fit(learner, fold.data, fold.rows, recipe.settings, spec, (), checkpointer)


def _reader(directory: Path, config: RunConfig, identity: Identity) -> Checkpointer:
    """Return what goes on from the checkpoint the first process goes on from, and writes nothing."""
    return Checkpointer(
        directory,
        identity=identity,
        settings=config.checkpoint,
        force=config.force_resume,
        still_ours=lambda: None,
        print_line=lambda line: None,
        writes=False,
    )


def batchnorm_notes(config: RunConfig, experiment: Experiment, fold: Fold) -> list[str]:
    """Say that BatchNorm sees but a share of each batch, where it does.

    Raises:
        ConfigError: a share is a single row, of which there is no variance.
    """
    size = n_processes(config.executor)
    if size == 1 or config.executor.sync_batchnorm:
        return []
    recipe, spec = experiment.recipe, experiment.spec
    with same_random_state():
        model = make_model(recipe, spec, fold, make_loss(recipe, spec, fold).n_outputs)
    if not has_batchnorm(model):
        return []
    for n_rows in training_sizes(experiment):
        rows = n_rows % recipe.settings.batch_size or recipe.settings.batch_size
        if _has_1d(model) and 1 in (rows // size, -(-rows // size)):
            raise ConfigError(
                f"the last batch of a fold has {rows} rows, for {size} processes: BatchNorm cannot normalise a single "
                "row\nset executor.sync_batchnorm=true, or another batch_size"
            )
    return [
        f"the model has BatchNorm, and each of {size} processes normalises its own share of a batch: the numbers are "
        "not those of one process; executor.sync_batchnorm=true computes with all rows"
    ]


def _has_1d(model: nn.Module) -> bool:
    """Return whether a BatchNorm may see one value per row; maps and sequences have more."""
    return any(isinstance(module, nn.BatchNorm1d) for module in model.modules())

"""The trials of a search as Optuna keeps them: one file in the search's directory, which several processes share.

Optuna's own locks of such a file outlive a process that is killed, for half a minute, and a line that a full disk cut
short makes its file unreadable for good. So the file is locked as all else here, by the system, and a torn line is
taken away before the next one is written.
"""

import fcntl
import os
import warnings
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from trainer.config.keys import typed
from trainer.config.search import NONE, SearchConfig
from trainer.config.search_space import Dimension, Range
from trainer.errors import ConfigError, FoldBusyError
from trainer.search.memory import is_second_try
from trainer.store.lock import FoldLock
from trainer.store.own_files import TRIALS, trial_directory
from trainer.system.files import directory_lock, make_directory
from trainer.system.seeds import seed_of

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import BaseTrial, FrozenTrial, Trial

Direction = Literal["maximize", "minimize"]

LOG = "study.log"
SCORE = "score of fold "  # attribute of a trial, before the fold's place in the order
NAME = "search"  # of the one study in the file
_ORDER, _SAMPLER, _GRID = 1, 2, 3  # seeds of different things


def require_optuna(search: SearchConfig) -> None:
    """Refuse a search whose packages are not installed.

    Raises:
        ConfigError: says what to install.
    """
    try:
        import optuna
    except ImportError as error:
        raise ConfigError(f"search={search.name} needs the extra `search`: pip install 'foldwise[search]'") from error
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    if search.name == "cmaes":
        try:
            import cmaes  # noqa: F401
        except ImportError as error:
            raise ConfigError("search=cmaes needs the package cmaes: pip install cmaes (or search=tpe)") from error


class LogLock:
    """Lets one process at a time add to the file, as Optuna's ``JournalFileBackend`` asks for it.

    Args:
        path: of the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor = -1

    def acquire(self) -> bool:
        """Wait for the lock, and take away what a write that was cut short has left."""
        self._descriptor = os.open(self.path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        os.ftruncate(self._descriptor, _whole_bytes(self._descriptor))
        return True

    def release(self) -> None:
        """Let others in."""
        os.close(self._descriptor)  # and with it the lock


def _whole_bytes(descriptor: int, block_bytes: int = 4096) -> int:
    """Return how many bytes of a file are whole lines."""
    end = os.fstat(descriptor).st_size
    while end > 0:
        start = max(0, end - block_bytes)
        newline = os.pread(descriptor, end - start, start).rfind(b"\n")
        if newline >= 0:
            return start + newline + 1
        end = start
    return 0


def open_study(directory: Path, *, greater_is_better: bool, cost: str = NONE) -> "Study":
    """Return the study of a search directory; begun where there is none.

    Args:
        directory: of the search.
        greater_is_better: of the metric.
        cost: the second objective, less of which is better, or ``none``.
    """
    import optuna
    from optuna.storages.journal import JournalFileBackend, JournalStorage

    path = directory / LOG
    first: Direction = "maximize" if greater_is_better else "minimize"
    lock: Any = LogLock(path)
    os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666))
    return optuna.create_study(
        storage=JournalStorage(JournalFileBackend(str(path), lock_obj=lock)),
        sampler=optuna.samplers.RandomSampler(seed=0),  # another one for each trial
        study_name=NAME,
        directions=[first] if cost == NONE else [first, "minimize"],
        load_if_exists=True,
    )


def report_score(trial: "Trial", position: int, score: float) -> None:
    """Keep the score of a fold by its place in the order; Optuna takes none of a study with two objectives."""
    if len(trial.study.directions) > 1:
        trial.set_user_attr(f"{SCORE}{position}", score)
    else:
        trial.report(score, step=position)


def reported_scores(trial: "FrozenTrial") -> dict[int, float]:
    """Return the scores of a trial's folds that are kept, by their place in the order."""
    kept = {
        int(name.removeprefix(SCORE)): float(value)
        for name, value in trial.user_attrs.items()
        if name.startswith(SCORE)
    }
    return {**trial.intermediate_values, **kept}


def fold_order(seed: int, n_folds: int) -> list[int]:
    """Return the order in which every trial of a search trains its folds."""
    order: list[int] = np.random.default_rng(seed_of(seed, _ORDER)).permutation(n_folds).tolist()
    return order


@dataclass(frozen=True)
class Claimed:
    """A trial that is this process's to train.

    Attributes:
        trial: its settings are still to be suggested, or were by a process that is gone.
        directory: of its run.
        held: its lock; to be closed when it is trained.
    """

    trial: "Trial"
    directory: Path
    held: ExitStack


def claim(directory: Path, study: "Study", search: SearchConfig, space: Sequence[Dimension]) -> Claimed | None:
    """Return the next trial: one whose process is gone, else a new one; None where all are done or others'.

    Its settings are a function of the trials before it and of ``search.seed``: a search that was killed goes on as
    it would have gone on.
    """
    from optuna import Trial
    from optuna.trial import TrialState

    make_directory(directory / TRIALS, directory)
    with directory_lock(directory, directory):
        trials = study.get_trials(deepcopy=False)
        for frozen in (one for one in trials if one.state == TrialState.RUNNING):
            held = _held(trial_directory(directory, frozen.number))
            if held is None:
                continue
            if study._storage.get_trial(frozen._trial_id).state == TrialState.RUNNING:
                study.sampler = make_sampler(search, frozen.number)
                return Claimed(Trial(study, frozen._trial_id), trial_directory(directory, frozen.number), held)
            held.close()  # it ended while the lock was waited for
        again = any(one.state == TrialState.WAITING and is_second_try(one) for one in trials)
        number = sum(one.state != TrialState.WAITING and not is_second_try(one) for one in trials)
        if number >= min(search.trials, grid_size(search, space)) and not again:
            return None
        trial = ask(study, search, space, number)
        place = trial_directory(directory, trial.number)
        held = _held(place)
        assert held is not None
        return Claimed(trial, place, held)


def ask(study: "Study", search: SearchConfig, space: Sequence[Dimension], number: int) -> "Trial":
    """Return the next trial, the ``number``-th of a study, whose settings are still to be suggested."""
    waiting = any(one.state.name == "WAITING" for one in study.get_trials(deepcopy=False))
    if search.name == "grid" and not waiting:
        study.enqueue_trial(_grid_values(search, space, number))
    study.sampler = make_sampler(search, number)
    return study.ask()


def _held(directory: Path) -> ExitStack | None:
    stack = ExitStack()
    try:
        stack.enter_context(FoldLock(directory))
    except FoldBusyError:
        return None
    return stack


def make_sampler(search: SearchConfig, number: int) -> Any:
    """Return what suggests the settings of a trial, seeded by the trial's number."""
    from optuna import samplers

    seed = seed_of(search.seed, _SAMPLER, number)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a sampler is experimental
        if search.name == "tpe":
            return samplers.TPESampler(seed=seed)
        if search.name == "cmaes":
            return samplers.CmaEsSampler(seed=seed, warn_independent_sampling=False)
        if search.name == "gp":
            return samplers.GPSampler(seed=seed)
        return samplers.RandomSampler(seed=seed)


def suggest(trial: "BaseTrial", dimension: Dimension) -> Any:
    """Return the value of a setting for a trial."""
    if isinstance(dimension, Range):
        if dimension.kind == "int":
            return trial.suggest_int(dimension.key, int(dimension.low), int(dimension.high))
        return trial.suggest_float(dimension.key, dimension.low, dimension.high, log=dimension.kind == "log")
    words = [typed(value) for value in dimension.values]
    return dimension.values[words.index(trial.suggest_categorical(dimension.key, words))]


def grid_size(search: SearchConfig, space: Sequence[Dimension]) -> int:
    """Return of how many trials a grid is at most; of other searches any number."""
    if search.name != "grid":
        return search.trials
    return int(np.prod([len(_grid_of(one)) for one in space]))


def _grid_of(dimension: Dimension) -> list[Any]:
    if isinstance(dimension, Range):
        return list(range(int(dimension.low), int(dimension.high) + 1))
    return [typed(value) for value in dimension.values]


def _grid_values(search: SearchConfig, space: Sequence[Dimension], number: int) -> dict[str, Any]:
    """Return the ``number``-th combination in the order that is drawn for the search."""
    sizes = [len(_grid_of(one)) for one in space]
    total = grid_size(search, space)
    place = int(np.random.default_rng(seed_of(search.seed, _GRID)).permutation(total)[number])
    return {one.key: _grid_of(one)[i] for one, i in zip(space, np.unravel_index(place, sizes), strict=True)}

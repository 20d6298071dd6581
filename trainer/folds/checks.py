"""What is refused before rows are split, and what is checked afterwards."""

from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from trainer.errors import ConfigError, DataError
from trainer.folds.own import OwnStrategy
from trainer.folds.request import Pair, SplitOptions, SplitRequest
from trainer.tasks import of_target

SEEDS = 2**32  # NumPy's RandomState, and so scikit-learn, takes 0..2**32 - 1


def require_settings(
    strategy: str, module: ModuleType | OwnStrategy, request: SplitRequest, repeats: int, given: bool
) -> None:
    """Refuse settings that contradict the strategy or have no effect on it.

    Args:
        strategy: its name, for messages.
        module: its file.
        request: what is asked of it.
        repeats: how often.
        given: folds were given.

    Raises:
        ConfigError: naming the setting.
        DataError: more folds than rows.
    """
    require_seeds(request.random_state, repeats)
    options, default = request.options, SplitOptions()
    for name, only in (("gap", "time"), ("window", "time"), ("holdout_fraction", "holdout"), ("overlap", "predefined")):
        if strategy != only and getattr(options, name) != getattr(default, name):
            raise ConfigError(f"cv.{name} has no effect with cv={strategy}: leave it out, or use cv={only}")
    if request.shuffle and module.SHUFFLE == "no":
        raise ConfigError(f"cv={strategy} has no chance in it: set cv.shuffle=false (cv={strategy} sets it by itself)")
    if not request.shuffle and module.SHUFFLE == "must":
        raise ConfigError(f"cv={strategy} draws rows by chance: leave cv.shuffle=false out, or use cv=time")
    if repeats > 1 and not request.shuffle:
        raise ConfigError(f"cv.repeats={repeats} would give the same folds again: without shuffling use cv.repeats=1")
    if given != (strategy == "predefined"):
        raise ConfigError(
            "cv=predefined needs the folds: set data.split=COLUMN or cv.path=FILE"
            if strategy == "predefined"
            else f"folds are given but cv={strategy} would make others: use cv=predefined, or leave the folds out "
            "(data.split=none where the data has them)"
        )
    if module.N_SPLITS and request.n_splits > len(request.target):
        raise DataError(f"cv.n_splits={request.n_splits} is more than the {len(request.target)} rows: use fewer folds")
    _require_option_values(options)


def require_seeds(random_state: int, repeats: int) -> None:
    """Refuse seeds that scikit-learn does not take.

    Args:
        random_state: of the first repeat.
        repeats: each has the seed after that of the one before.

    Raises:
        ConfigError: one is 2**32 or more.
    """
    if random_state + repeats > SEEDS:
        most = f"{SEEDS - repeats}" + (f" with cv.repeats={repeats}" if repeats > 1 else "")
        raise ConfigError(f"cv.random_state={random_state}: must be at most {most}")


def _require_option_values(options: SplitOptions) -> None:
    if options.gap < 0:
        raise ConfigError(f"cv.gap={options.gap}: must be at least 0")
    if options.window is not None and options.window < 1:
        raise ConfigError(f"cv.window={options.window}: must be at least 1, or null")
    if not 0 < options.holdout_fraction < 1:
        raise ConfigError(f"cv.holdout_fraction={options.holdout_fraction}: must be between 0 and 1")


def require_groups(strategy: str, module: ModuleType | OwnStrategy, request: SplitRequest) -> None:
    """Refuse groups that would not be kept, and a strategy that misses them.

    Raises:
        ConfigError: groups are given and not kept, or wanted and not given.
        DataError: fewer groups than folds.
    """
    if request.groups_N is not None and module.GROUPS == "no":
        keeping = f"cv={of_target(request.target).grouped} or cv=group"
        raise ConfigError(
            f"data.group is set but cv={strategy} would put rows of one group on both sides: "
            f"use {keeping}, or leave data.group out"
        )
    if request.groups_N is None:
        if module.GROUPS == "must":
            raise ConfigError(f"cv={strategy} needs to know the groups: set data.group=COLUMN")
        return
    if strategy == "stratified_group" and of_target(request.target).several_labels:
        raise ConfigError("cv=stratified_group needs one label per row: use cv=multilabel, which keeps groups too")
    n_groups = len(np.unique(request.groups_N))
    needed = request.n_splits if module.N_SPLITS else 2
    if n_groups < needed and strategy != "predefined":
        what = f"{needed} folds" if module.N_SPLITS else "2, one for each side"
        if n_groups == 1:
            raise DataError(
                f"1 group < {what}: every row is of '{request.groups_N[0]}'; set data.group=COLUMN to another"
            )
        fewer = f": use cv.n_splits={n_groups} or less" if module.N_SPLITS else ""
        raise DataError(f"{n_groups} groups < {what}{fewer}")


def require_times(strategy: str, times_N: NDArray[np.float64] | NDArray[np.int64] | None) -> None:
    """Refuse a split by time without times.

    Raises:
        ConfigError: there are none.
        DataError: a row has none.
    """
    if strategy != "time":
        return
    if times_N is None:
        raise ConfigError("cv=time needs to know when each row happened: set data.time=COLUMN")
    missing_N = np.isnan(times_N)
    if missing_N.any():
        raise DataError(f"cv=time: no time in {missing_N.sum()} of the rows, such as row {missing_N.argmax()}: fill in")


def require_sound(pair: Pair, fold: int, ids_N: NDArray[np.str_], groups_N: NDArray[np.str_] | None) -> None:
    """Check a finished fold: both sides have rows, and no group is on both.

    Raises:
        DataError: naming the fold.
    """
    for what, rows in zip(("train on", "hold out"), pair, strict=True):
        if not len(rows):
            raise DataError(f"fold {fold} has no row to {what}: use fewer folds or another cv=")
    if groups_N is None:
        return
    train, held_out = pair
    both_N = np.isin(groups_N[held_out], groups_N[train])
    if both_N.any():
        row = held_out[both_N.argmax()]
        raise DataError(
            f"fold {fold}: group '{groups_N[row]}' is on both sides (row '{ids_N[row]}' is held out): "
            "give folds that keep groups together, or leave data.group (or cv.group) out"
        )

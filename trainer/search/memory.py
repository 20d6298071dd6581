"""Trials that memory did not hold: counted as failed, and tried again with half the batch where that was asked for.

A process that the system ends for want of memory says nothing. So each beginning of a trial is noted with where it
stands, and one that stands where it stood the last ``MOST_BEGUN`` times ends there: else the command that goes on with
a search would be ended by the same trial for ever.
"""

from typing import TYPE_CHECKING

from trainer.engine.user_code import OF_MACHINE

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import BaseTrial, FrozenTrial, Trial

MOST_BEGUN = 3
BEGUN, HALVED, OF_TRIAL = "begun", "halved", "again"  # attributes of a trial
CPU_ALLOCATOR = "DefaultCPUAllocator"  # begins what torch says where the machine's own memory is too small


class EndedAgainError(Exception):
    """A trial's process has ended several times at one place, without a word."""


def is_of_memory(error: BaseException | None) -> bool:
    """Return whether memory was too small, by an error or what it was made from."""
    if error is None:
        return False
    told = isinstance(error, (*OF_MACHINE, EndedAgainError)) or CPU_ALLOCATOR in str(error)
    return told or is_of_memory(error.__cause__)


def note_begin(trial: "Trial", place: list[int]) -> None:
    """Count that a trial begins, or goes on, at a place: folds done, and steps of the one that follows.

    Raises:
        EndedAgainError: it did so ``MOST_BEGUN`` times before.
    """
    before = trial.user_attrs.get(BEGUN) or {}
    times = before["times"] + 1 if before.get("place") == place else 1
    if times > MOST_BEGUN:
        raise EndedAgainError(
            f"its process ended {MOST_BEGUN} times at one place without a word: is there too little memory?"
        )
    trial.set_user_attr(BEGUN, {"place": place, "times": times})


def forget_begin(trial: "Trial") -> None:
    """Count from none again: a signal has ended the trial, not memory."""
    trial.set_user_attr(BEGUN, None)


def halved(trial: "BaseTrial", n_rows: int, n_batches: int) -> dict[str, int]:
    """Return batch size and accumulation of a trial, whose product stays; nothing where none was halved.

    Args:
        trial: of a search.
        n_rows: of a batch, by its settings.
        n_batches: of a step, likewise.
    """
    factor = 2 ** int(trial.user_attrs.get(HALVED, 0))
    return {} if factor == 1 else {"batch_size": n_rows // factor, "fit.accumulate_steps": n_batches * factor}


def try_half(study: "Study", trial: "Trial", batch_size: int, most: int) -> str:
    """Enqueue a trial of the same settings with half the batch, if one may be; return what was done, in words.

    Args:
        study: of the trial.
        trial: that memory did not hold.
        batch_size: it had.
        most: halvings.
    """
    times = int(trial.user_attrs.get(HALVED, 0))
    if times >= most or batch_size % 2:
        return f"batch_size={batch_size}"
    if all(one.user_attrs.get(OF_TRIAL) != trial.number for one in study.get_trials(deepcopy=False)):
        study.enqueue_trial(trial.params, user_attrs={HALVED: times + 1, OF_TRIAL: trial.number})
    return f"tried again with batch_size={batch_size // 2} and twice the steps per update"


def is_second_try(trial: "FrozenTrial") -> bool:
    """Return whether a trial is another's, with a smaller batch: it is not counted among ``search.trials``."""
    return HALVED in trial.user_attrs

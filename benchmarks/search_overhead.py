"""What a trial of a search costs beside its folds: milliseconds of CPU time.

    python -m benchmarks.search_overhead [TRIALS] [SAMPLER]

Wine, a small MLP, one epoch, five folds, three settings; no trial ends early. Everything between the first trial's
start and the last one's end counts, but for the training of folds: asking for settings, the study's file and its lock,
composing and checking the trial's configuration, writing its run, telling the result, writing ``search.csv``, whose
rows grow with the trials.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

from benchmarks.search import QUIET
from trainer.config.compose import compose_run
from trainer.run.validate import check_config
from trainer.search import search, trial
from trainer.search.sweep import run

SPACE = "search.space={optimizer.lr: log(1e-4,1e-1), optimizer.weight_decay: log(1e-5,1), model.dropout: [0,0.2,0.5]}"
SMALL = ("data=wine", "model.hidden=[8]", "max_epochs=1", "runtime.threads=1", "search.prune=off", "search.final=none")


def timed(call: Callable[..., Any], into: list[float]) -> Callable[..., Any]:
    """Return a function that notes the CPU seconds of each call."""

    def noted(*arguments: Any, **options: Any) -> Any:
        begun = time.process_time()
        try:
            return call(*arguments, **options)
        finally:
            into.append(time.process_time() - begun)

    return noted


def costs(trials: int, sampler: str) -> list[float]:
    """Run a search; return the CPU seconds of each trial beside its folds, in their order."""
    folds: list[float] = []
    ends: list[tuple[float, float]] = []
    trial._train_fold = timed(trial._train_fold, folds)
    loop = search._train_trials

    def followed(current: Any) -> None:
        def at_the_end_of_a_trial(line: str) -> None:
            ends.append((time.process_time(), sum(folds)))

        ends.append((time.process_time(), sum(folds)))
        loop(replace(current, print_line=at_the_end_of_a_trial))

    search._train_trials = followed
    with tempfile.TemporaryDirectory() as place:
        command = [
            *SMALL,
            *QUIET,
            SPACE,
            f"search={sampler}",
            f"search.trials={trials}",
            "run=s",
            f"paths.runs={place}",
        ]
        run(*compose_run(command, check_config))
    return [after - before - (trained - earlier) for (before, earlier), (after, trained) in pairwise(ends)]


def main(trials: int = 200, sampler: str = "tpe") -> None:
    """Print the mean, the median, and the mean of the last ten."""
    each = [1000 * seconds for seconds in costs(trials, sampler)]
    print(
        f"search={sampler}, {len(each)} trials: mean {statistics.fmean(each):.1f} ms, "
        f"median {statistics.median(each):.1f} ms, last ten {statistics.fmean(each[-10:]):.1f} ms"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 200, *sys.argv[2:3])

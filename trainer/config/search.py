"""The ``search`` section: which settings are tried, how they are picked, and when a trial ends early."""

from dataclasses import dataclass, field
from typing import Annotated, Any

from trainer.config.bounds import at_least, between, one_of

NONE = "none"
SAMPLERS = ("tpe", "random", "grid", "cmaes", "gp")
PRUNERS = ("racing", "median", "off")
FINALS = ("report", "refit", "none")
SECONDS = "seconds"
COSTS = (NONE, SECONDS)


@dataclass
class SearchConfig:
    """Trials of other settings on the same folds."""

    name: Annotated[
        str, one_of(NONE, *SAMPLERS), "how the next trial's settings are picked; none = one run, as configured"
    ] = NONE
    trials: Annotated[int, between(1, 100_000, "[]"), "trials in all, those of before and of other processes too"] = 50
    space: Annotated[
        dict[str, Any], "dotted key -> log(a,b), uniform(a,b), int(a,b), or a list to choose from, of groups too"
    ] = field(default_factory=dict)
    seed: Annotated[int, at_least(0), "of the sampler, and of the order in which folds are trained"] = 0
    prune: Annotated[
        str,
        one_of(*PRUNERS),
        "a trial ends before its last fold: racing = when it is not to reach the best one on the same folds any more, "
        "median = when half of the earlier trials were better on the same folds; off = never",
    ] = "racing"
    cost: Annotated[
        str,
        one_of(*COSTS),
        "a second objective: seconds = short training of the folds; the trials that no other beats in both are listed, "
        "and none ends early; none = the score alone",
    ] = NONE
    halve_batch: Annotated[
        int,
        between(0, 10, "[]"),
        "so often a trial that memory does not hold is tried again with half of batch_size and twice "
        "fit.accumulate_steps, as a trial more; 0 = it is a failed trial",
    ] = 0
    nested: Annotated[
        int | None,
        at_least(2),
        "search again within each fold, on so many inner folds of its training rows, to score the search; null = no",
    ] = None
    final: Annotated[
        str,
        one_of(*FINALS),
        "of the best trial: report = its report, refit = that, and a model of all rows; none = neither",
    ] = "report"

"""The ``sampler`` section: how often a fold sees the rows of each class."""

from dataclasses import dataclass
from typing import Annotated

from trainer.config.bounds import between, one_of

NONE = "none"
POWERS = {NONE: None, "balanced": 0.0}  # weighted: as ``sampler.power`` says


@dataclass
class SamplerConfig:
    """Which rows an epoch has: as many as ever, but drawn so that rare classes come more often."""

    name: Annotated[
        str,
        one_of(NONE, "balanced", "weighted"),
        "balanced = every class as often as any other, weighted = as its rows to a power; none = every row once",
    ] = NONE
    power: Annotated[
        float, between(0, 1, "[)"), "of weighted: 0 = balanced, 0.5 = by the square root, towards 1 = as the rows are"
    ] = 0.5
    correct_prior: Annotated[
        bool, "take back in the probabilities that rare classes came more often, by the share of each in the fold"
    ] = False

    @property
    def power_in_force(self) -> float | None:
        """The power that a class's number of rows is taken to; None = rows are not drawn."""
        return POWERS.get(self.name, self.power)


def sampler_problems(sampler: SamplerConfig, loss: dict[str, object]) -> list[str]:
    """Return what contradicts itself, one line each.

    Args:
        sampler: as composed.
        loss: the section, whose class weights do the same.
    """
    if sampler.name == NONE:
        return ["sampler.correct_prior has no effect with sampler=none"] * sampler.correct_prior
    return [
        f"sampler={sampler.name} and loss.{option}={loss[option]} both make up for rare classes, twice: leave one out"
        for option in ("class_weights", "alpha")
        if isinstance(loss.get(option), str | list)
    ]

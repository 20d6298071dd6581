"""What each trick of several brings: runs with and without it on the same folds and seeds, side by side."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from trainer.evidence.multiple import holm
from trainer.evidence.not_defined import NotDefined
from trainer.evidence.resampled_t import FoldSpread
from trainer.inference.compare import compare
from trainer.run.copies import open_copy
from trainer.store.fold_files import fold_directory, read_done
from trainer.store.run_files import read_manifest

ADD, LEAVE_ONE_OUT = "add", "leave-one-out"
SIGNIFICANT = 0.05


@dataclass(frozen=True)
class Effect:
    """What one trick does.

    Attributes:
        trick: its name.
        run: the run that has it alone, or all others without it.
        gain: by how much the metric is better with it; of the mean of the folds, or why there is none.
        p: of no gain, corrected for the number of tricks (Holm); NaN where there is none.
        times_longer: training with it takes, by the seconds of the folds.
        times_larger: a step is with it in memory; NaN where no profile was made.
        failed: why its run did not end, or empty.
    """

    trick: str
    run: Path
    gain: FoldSpread | NotDefined
    p: float
    times_longer: float
    times_larger: float
    failed: str = ""

    @property
    def verdict(self) -> str:
        """``keep`` where the gain is shown (p below 0.05), else ``drop`` and why."""
        if self.failed:
            return f"drop: {self.failed}"
        if isinstance(self.gain, NotDefined):
            return f"drop: {self.gain.why}"
        if self.p < SIGNIFICANT:
            return "keep" if self.gain.mean > 0 else "drop: worse with it"
        return "drop: no gain is shown"


def effects(
    reference: Path, runs: Mapping[str, Path], failed: Mapping[str, str], mode: str, metric: str | None = None
) -> list[Effect]:
    """Compare the run of each trick with the reference, by the corrected t-test over folds.

    Args:
        reference: the run without tricks (``add``), or with all of them (``leave-one-out``).
        runs: by trick: with it alone, or without it alone.
        failed: tricks whose run did not end, and why.
        mode: ``add`` or ``leave-one-out``.
        metric: by its name; None = the first of the reference.

    Returns:
        One per trick, in the order of ``runs``; whatever is positive, and every ratio above 1, is of the trick.
    """
    sign = 1 if mode == ADD else -1
    found = []
    for trick, run in runs.items():
        if trick in failed:
            found.append(Effect(trick, run, NotDefined(failed[trick]), math.nan, math.nan, math.nan, failed[trick]))
            continue
        gain = _turned(compare([reference, run], metric=metric).pairs[0].folds, sign)
        p = math.nan if isinstance(gain, NotDefined) else gain.p
        longer, larger = (_ratio(of(run), of(reference)) ** sign for of in (_seconds, _peak_bytes))
        found.append(Effect(trick, run, gain, p, longer, larger))
    corrected = holm(np.array([effect.p for effect in found]))
    return [replace(effect, p=float(p)) for effect, p in zip(found, corrected, strict=True)]


def effect_rows(found: Sequence[Effect]) -> list[tuple[str, ...]]:
    """Return the cells of a table, one row per trick: gain, interval, p, times longer and larger, verdict."""
    rows = []
    for effect in found:
        gain = effect.gain
        if isinstance(gain, NotDefined):
            figures = ("-", "-", "-")
        else:
            low, high = gain.ci95
            figures = (f"{gain.mean:+.4f}", f"{low:+.4f} to {high:+.4f}", f"{effect.p:.3f}")
        costs = [
            f"{ratio:.2f}" if math.isfinite(ratio) else "-" for ratio in (effect.times_longer, effect.times_larger)
        ]
        rows.append((effect.trick, *figures, *costs, effect.verdict))
    return rows


def _turned(spread: FoldSpread | NotDefined, sign: int) -> FoldSpread | NotDefined:
    """Return what is better with the trick where the comparison says what is better without it."""
    if isinstance(spread, NotDefined) or sign > 0:
        return spread
    low, high = spread.ci95
    return replace(spread, mean=-spread.mean, ci95=(-high, -low))


def _ratio(one: float, other: float) -> float:
    return one / other if other > 0 and one > 0 else math.nan


def _seconds(run: Path) -> float:
    """Return how long the folds of a run have trained together."""
    done = (read_done(fold_directory(run, number)) for number in range(open_copy(run).n_folds))
    return sum(float(fold["seconds"]) for fold in done if fold is not None)


def _peak_bytes(run: Path) -> float:
    profile: dict[str, Any] = read_manifest(run).get("profile") or {}
    return float(profile.get("peak_bytes") or 0)

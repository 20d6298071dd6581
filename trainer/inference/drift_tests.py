"""How far new rows are from the training rows, column by column, and whether chance would explain it.

PSI, the population stability index, is the sum over bins of (new share - training share) * log(new / training); 0.1 and
0.25 are where the field sees a moderate and a large shift. Of n new and m training rows without any shift it is about
(bins - 1) * (1 / n + 1 / m): a few rows are above 0.25 by chance. So a shift has to be both large enough to matter and
too large for chance, by Holm's step-down test over everything that is tested of the file.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtrc, chdtrc, gammaln  # scipy.stats would take a fifth of the start of predict

from trainer.evidence.multiple import holm
from trainer.inference.drift_counts import Counted

MODERATE_PSI, LARGE_PSI = 0.1, 0.25
N_BINS = 10
LEAST_EXPECTED = 5  # rows in a bin, below which the chi-square test is not to be trusted
COMMON = 30  # training rows of a category that has a bin of its own: by fewer, it may be there by luck
GUARD_SDS = 3.5  # standard deviations that the share of unseen categories may be off
HALF = 0.5  # row that is added to each bin: an empty one has no logarithm
LEAST_SHARE = 0.01  # of rows out of range, of new categories: less is not told
LEAST_MISSING = 0.05  # difference of shares
ERROR_RATE = 0.05  # of a file without any shift: that something is told
MISSING, OUTSIDE, UNSEEN, SHAPE = "missing", "outside", "unseen", "shape"


@dataclass(frozen=True)
class ColumnDrift:
    """One column: new rows beside the training rows.

    Attributes:
        counted: both.
        psi: of the rows with a value; NaN where there are too few of them.
        ks: largest distance between the two cumulative distributions at the kept quantiles; NaN of categories.
        p_values: by what was tested.
        found: what is both large and not by chance.
    """

    counted: Counted
    psi: float
    ks: float
    p_values: dict[str, float]
    found: frozenset[str] = frozenset()

    @property
    def n_new(self) -> int:
        """New rows."""
        return self.counted.n_present + self.counted.n_missing

    @property
    def missing_shares(self) -> tuple[float, float]:
        """Shares of rows without a value: training, new."""
        before = self.counted.before
        n_before = before["n_present"] + before["n_missing"]
        return before["n_missing"] / n_before, self.counted.n_missing / max(self.n_new, 1)

    @property
    def outside_share(self) -> float:
        """Share of new values outside the range of the training rows."""
        return (self.counted.below + self.counted.above) / max(self.counted.n_present, 1)

    @property
    def unseen_share(self) -> float:
        """Share of new values that are categories no training row had; 0 where that cannot be told."""
        is_told = not self.counted.is_number and self.counted.all_kept
        return float(self.counted.counts[-1] / max(self.counted.n_present, 1)) if is_told else 0.0

    @property
    def severity(self) -> float:
        """1 where a large shift begins, of whatever sort."""
        before, now = self.missing_shares
        psi = 0.0 if np.isnan(self.psi) else self.psi / LARGE_PSI
        return max(psi, 10 * self.outside_share, 10 * self.unseen_share, 10 * abs(now - before))


def compared(columns: Sequence[Counted]) -> list[ColumnDrift]:
    """Return each column with what was found of it; those with findings first, the worst of them at the start."""
    drifts = [_measured(counted) for counted in columns]
    p_values = [(place, what, p) for place, drift in enumerate(drifts) for what, p in drift.p_values.items()]
    kept = significant([p for _, _, p in p_values])
    told = {(place, what) for (place, what, _), is_kept in zip(p_values, kept, strict=True) if is_kept}
    found = [
        ColumnDrift(
            drift.counted,
            drift.psi,
            drift.ks,
            drift.p_values,
            frozenset(what for what in drift.p_values if (place, what) in told and _matters(drift, what)),
        )
        for place, drift in enumerate(drifts)
    ]
    return sorted(found, key=lambda drift: (not drift.found, -drift.severity))


def significant(p_values: Sequence[float]) -> NDArray[np.bool_]:
    """Return which hypotheses Holm's step-down procedure rejects, so that ``ERROR_RATE`` is that of a whole file."""
    return holm(np.asarray(p_values, dtype=np.float64)) <= ERROR_RATE


def bins_of(counted: Counted) -> NDArray[np.int64]:
    """Return (2, bins) rows of training and new data: of numbers about deciles, of categories the common ones.

    Each bin holds ``LEAST_EXPECTED`` training rows, and would hold as many new ones if nothing had changed.
    """
    train, new = _fine(counted)
    if not new.sum():
        return np.zeros((2, 0), dtype=np.int64)
    groups = _groups_of(counted)
    return np.stack([np.bincount(groups, weights=rows).astype(np.int64) for rows in (train, new)])


def bin_names(counted: Counted) -> list[str]:
    """Return what each bin of ``bins_of`` holds: up to which number, or which category."""
    groups, names = _groups_of(counted), []
    for group in range(int(groups[-1]) + 1):
        places = np.flatnonzero(groups == group)
        if counted.is_number:
            edges = counted.before["edges"]
            is_last = group == groups[-1] and group > 0
            names.append(f"> {edges[places[0] - 1]:.4g}" if is_last else f"≤ {edges[places[-1]]:.4g}")
        else:
            words = [*counted.before["counts"], "others"]
            more = f" + {len(places) - 1}" if len(places) > 1 else ""
            names.append(f"{words[places[0]]}{more}")
    return names


def _fine(counted: Counted) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    before = counted.before
    if not counted.is_number:
        return np.array([*before["counts"].values(), before["n_rest"]], dtype=np.int64), counted.counts
    new = counted.counts[:-1].copy()
    new[-1] += counted.counts[-1]  # above the largest training value
    return np.asarray(before["counts"], dtype=np.int64), new


def _groups_of(counted: Counted) -> NDArray[np.int64]:
    train, _ = _fine(counted)
    n_train = int(train.sum())
    least = LEAST_EXPECTED * max(1.0, n_train / max(counted.n_present, 1))
    if counted.is_number:
        return _groups(train, max(least, n_train / N_BINS))
    n_common = int((train[:-1] >= max(least, COMMON)).sum())  # they are sorted
    groups = np.minimum(np.arange(len(train)), n_common)
    if train[n_common:].sum() < least and n_common:
        groups = np.minimum(groups, n_common - 1)
    return groups


def psi_of(bins_2B: NDArray[np.int64]) -> float:
    """Return the population stability index; half a row is added to each bin."""
    shares_2B = (bins_2B + HALF) / (bins_2B + HALF).sum(axis=1, keepdims=True)
    return float(((shares_2B[1] - shares_2B[0]) * np.log(shares_2B[1] / shares_2B[0])).sum())


def ks_of(counted: Counted) -> float:
    """Return the Kolmogorov-Smirnov distance, at the quantiles that are kept: at most 0.01 less than of the rows."""
    train = np.cumsum(counted.before["counts"]) / counted.before["n_present"]
    new = np.cumsum(counted.counts[:-1]) / counted.n_present
    return float(max(np.abs(train - new).max(), counted.below / counted.n_present))


def unseen_rate(before: Mapping[str, Any]) -> float:
    """Return an upper bound of the share of rows whose category no training row had, if nothing has changed.

    What is seen once foretells how much was not seen (Good, 1953); the deviation is that of Esty (1983).
    """
    deviation = np.sqrt(before["n_once"] + 2 * before["n_twice"] + 1)
    return float(min(1.0, (before["n_once"] + 1 + GUARD_SDS * deviation) / (before["n_present"] + 1)))


def _groups(train_B: NDArray[np.int64], least: float) -> NDArray[np.int64]:
    """Return the group of each bin: neighbours together until they hold ``least`` training rows."""
    groups, group, held = np.zeros(len(train_B), dtype=np.int64), 0, 0
    for place, count in enumerate(train_B.tolist()):
        groups[place] = group
        held += count
        if held >= least * (1 - 1e-9):
            group, held = group + 1, 0
    if held < least and group:
        groups[groups == group] = group - 1  # what is left at the end
    return groups


def _measured(counted: Counted) -> ColumnDrift:
    bins_2B = bins_of(counted)
    enough = bins_2B.shape[1] > 1
    psi = psi_of(bins_2B) if enough else np.nan
    ks = ks_of(counted) if counted.is_number and counted.n_present else np.nan
    p_values = {MISSING: _missing_p(counted)}
    if enough:
        p_values[SHAPE] = _homogeneity_p(bins_2B)
    if counted.is_number:
        p_values[OUTSIDE] = min(1.0, 2 * min(_beyond_p(counted, k) for k in (counted.below, counted.above)))
    elif counted.all_kept:
        before = counted.before
        p_values[UNSEEN] = float(bdtrc(counted.counts[-1] - 1, counted.n_present, unseen_rate(before)))
    return ColumnDrift(counted, psi, ks, p_values)


def _matters(drift: ColumnDrift, what: str) -> bool:
    """Return whether a difference is large enough to be told."""
    before, now = drift.missing_shares
    return {
        MISSING: abs(now - before) >= LEAST_MISSING or (before == 0 and now >= LEAST_SHARE),
        OUTSIDE: drift.outside_share >= LEAST_SHARE,
        UNSEEN: drift.unseen_share >= LEAST_SHARE,
        SHAPE: drift.psi >= MODERATE_PSI,
    }[what]


def _homogeneity_p(counts_2B: NDArray[np.int64], correction: float = 0.0) -> float:
    """Return the p-value of Pearson's test that two rows of counts are of one distribution."""
    total_B, total_2 = counts_2B.sum(axis=0), counts_2B.sum(axis=1)
    expected_2B = np.outer(total_2, total_B) / total_2.sum()
    away_2B = np.maximum(np.abs(counts_2B - expected_2B) - correction, 0)
    statistic = (away_2B**2 / np.maximum(expected_2B, 1e-300)).sum()
    return float(chdtrc(counts_2B.shape[1] - 1, statistic))


def _missing_p(counted: Counted) -> float:
    """Return the p-value of equal shares of missing values, with Yates's correction for few rows."""
    before = counted.before
    counts_22 = np.array(
        [[before["n_missing"], before["n_present"]], [counted.n_missing, counted.n_present]], dtype=np.int64
    )
    return _homogeneity_p(counts_22, correction=0.5) if counts_22.sum(axis=0).all() and counts_22[1].sum() else 1.0


def _beyond_p(counted: Counted, n_beyond: int) -> float:
    """Return the chance that of n new and m training values so many at one end are all new, if nothing has changed."""
    n, m = counted.n_present, counted.before["n_present"]
    logs = gammaln(n + 1) - gammaln(n - n_beyond + 1) - gammaln(n + m + 1) + gammaln(n + m - n_beyond + 1)
    return float(np.exp(logs))

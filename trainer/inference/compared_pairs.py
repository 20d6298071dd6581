"""Two runs against each other: every figure, or why there is none."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from trainer.evidence.correlated_bayes import Posterior, posterior
from trainer.evidence.delong import DeLong, delong
from trainer.evidence.mcnemar import McNemar, mcnemar
from trainer.evidence.multiple import holm
from trainer.evidence.not_defined import NotDefined
from trainer.evidence.paired_bootstrap import Drawn, drawn_difference
from trainer.evidence.power import smallest_difference
from trainer.evidence.resampled_t import FoldSpread, corrected_t, spread_factor
from trainer.inference.compared_runs import ComparedRun, Drawing, held_out_rows
from trainer.metrics.find import metric_named

SIGNIFICANT = 0.05
RIGHT_OR_WRONG = ("accuracy", "subset_accuracy")  # of a row: what McNemar counts
RANKED = "roc_auc"
SHUFFLED = ("group", "kfold", "multilabel", "stratified", "stratified_group")  # can be split again
MORE_REPEATS = 4


@dataclass(frozen=True)
class Smallest:
    """What the folds can show.

    Attributes:
        now: the smallest difference that is significant 8 times in 10.
        repeats: more of them than there are; None where the rows cannot be split again.
        then: the same with those.
    """

    now: float
    repeats: int | None
    then: float | None


@dataclass(frozen=True)
class Pair:
    """Two runs; whatever is positive speaks for b.

    Attributes:
        a: the first run.
        b: the second.
        lead: by how much b is better on the held-out rows.
        same: whether they predict exactly the same.
        rows: interval of the lead over rows, or groups.
        folds: the folds' differences.
        probable: how probable which is better.
        smallest: what the folds can show.
        mcnemar: of right and wrong rows; None where the metric is another.
        delong: of areas; None where the metric is another.
        n_pairs: that are looked at together.
        p: by test (``rows``, ``folds``, ``mcnemar``, ``delong``), corrected for the number of pairs (Holm).
    """

    a: ComparedRun
    b: ComparedRun
    lead: float
    same: bool
    rows: Drawn | NotDefined
    folds: FoldSpread | NotDefined
    probable: Posterior | NotDefined
    smallest: Smallest | NotDefined
    mcnemar: McNemar | NotDefined | None = None
    delong: DeLong | NotDefined | None = None
    n_pairs: int = 1
    p: Mapping[str, float] = field(default_factory=dict)

    @property
    def is_level(self) -> bool:
        """Whether the metric is the same on all draws of rows."""
        return not isinstance(self.rows, NotDefined) and max(map(abs, (self.lead, self.rows.se, *self.rows.ci95))) == 0

    @property
    def seed_sd(self) -> float:
        """Standard deviation from seed to seed, that of both runs together; NaN where they have one seed."""
        return math.sqrt((self.a.seed_sd**2 + self.b.seed_sd**2) / 2)

    @property
    def within_seeds(self) -> bool:
        """Whether another seed changes the metric by as much as the runs differ; False where nobody knows."""
        return not self.same and abs(self.lead) <= self.seed_sd

    @property
    def by_rows(self) -> bool | None:
        """Whether the rows show a difference; None where they cannot say."""
        if isinstance(self.rows, NotDefined):
            return None
        low, high = self.rows.ci95
        return (low > 0 or high < 0) and (self.n_pairs == 1 or self.p["rows"] < SIGNIFICANT)

    @property
    def by_folds(self) -> bool | None:
        """Whether the folds show the one of the held-out rows; None where they cannot say."""
        if isinstance(self.folds, NotDefined):
            return None
        return self.p["folds"] < SIGNIFICANT and not self.folds_lean_away

    @property
    def folds_lean_away(self) -> bool:
        """Whether the mean of the folds is ahead the other way than the held-out rows together.

        A ranking of all rows sets scores of different folds against each other, the mean of the folds does not.
        """
        return not isinstance(self.folds, NotDefined) and self.folds.mean * self.lead < 0


def paired(a: ComparedRun, b: ComparedRun, metric: str, drawing: Drawing, rope: float) -> Pair:
    """Compare two runs of the same rows and folds.

    Args:
        a: the first run.
        b: the second.
        metric: its name.
        drawing: from what rows were drawn.
        rope: the largest difference that does not matter; NaN = nobody knows.
    """
    same = np.array_equal(a.run.proba_RNC, b.run.proba_RNC, equal_nan=True)
    folds = _folds(a, b, metric, same=same)
    return Pair(
        a,
        b,
        lead=_lead(metric, a.score, b.score),
        same=same,
        rows=_rows(a, b, metric, drawing),
        folds=folds,
        probable=folds if isinstance(folds, NotDefined) else _probable(folds, rope),
        smallest=folds if isinstance(folds, NotDefined) else _smallest(folds, a),
        mcnemar=_mcnemar(a, b, drawing) if metric in RIGHT_OR_WRONG else None,
        delong=_delong(a, b, drawing) if metric == RANKED else None,
    )


def unpaired(a: ComparedRun, b: ComparedRun, metric: str) -> Pair:
    """Compare two runs as if they had nothing in common: the difference of draws that know nothing of each other."""
    no = NotDefined("unpaired: takes the same rows in the same folds")
    lead = _lead(metric, a.score, b.score)
    drawn = None if 0 in (len(a.drawn_D), len(b.drawn_D)) else _unpaired_draws(a, b, metric, lead)
    why = a.undefined or b.undefined or "rows are of a single group, or the metric is undefined on many draws"
    return Pair(a, b, lead, same=False, rows=drawn or NotDefined(why), folds=no, probable=no, smallest=no)


def corrected_for_many(pairs: Sequence[Pair]) -> list[Pair]:
    """Return the pairs with their p-values corrected for how many there are, test by test."""
    found: list[dict[str, float]] = [{} for _ in pairs]
    for test in ("rows", "folds", "mcnemar", "delong"):
        p_P = np.array([getattr(getattr(pair, test), "p", math.nan) for pair in pairs])
        for values, p in zip(found, holm(p_P).tolist(), strict=True):
            if not math.isnan(p):
                values[test] = p
    return [replace(pair, p=p, n_pairs=len(pairs)) for pair, p in zip(pairs, found, strict=True)]


def default_rope(metric: str, score: float) -> float:
    """Return 0.01 for a metric between fixed ends, else a hundredth of its value."""
    return 0.01 if np.isfinite(metric_named(metric).limits).all() else abs(score) / 100


def _lead(metric: str, a: float, b: float) -> float:
    return b - a if metric_named(metric).greater_is_better else a - b


def _rows(a: ComparedRun, b: ComparedRun, metric: str, drawing: Drawing) -> Drawn | NotDefined:
    if drawing.n_groups == 1:
        return NotDefined("all rows are of one group: nothing to draw from")
    sign = 1 if metric_named(metric).greater_is_better else -1
    drawn = drawn_difference(_lead(metric, a.score, b.score), sign * (b.drawn_D - a.drawn_D))
    return drawn or NotDefined("undefined on the held-out rows, or on many draws of them")


def _unpaired_draws(a: ComparedRun, b: ComparedRun, metric: str, lead: float) -> Drawn | None:
    sign, n_draws = (1 if metric_named(metric).greater_is_better else -1), min(len(a.drawn_D), len(b.drawn_D))
    return drawn_difference(lead, sign * (b.drawn_D[:n_draws] - a.drawn_D[:n_draws]))


def _folds(a: ComparedRun, b: ComparedRun, metric: str, *, same: bool) -> FoldSpread | NotDefined:
    if same:
        return NotDefined("the predictions are the same")
    if undefined := a.undefined or b.undefined:
        return NotDefined(undefined)
    lead_J = np.array([_lead(metric, one, other) for one, other in zip(a.folds, b.folds, strict=True)])
    return corrected_t(_once_per_split(lead_J, a), per_training_row(a))


def _once_per_split(lead_J: NDArray[np.float64], run: ComparedRun) -> NDArray[np.float64]:
    """Return the mean over repeats that have the same folds: seeds are no further evidence of other training rows."""
    plan = run.run.plan
    different, split_R = np.unique(plan.fold_of_row, axis=0, return_inverse=True)
    if len(different) == plan.repeats:
        return lead_J
    lead_RK = lead_J.reshape(plan.repeats, plan.n_splits)
    return np.concatenate([lead_RK[split_R.ravel() == split].mean(axis=0) for split in range(len(different))])


def per_training_row(run: ComparedRun) -> float:
    """Return rows held out per row trained on, mean over folds."""
    plan = run.run.plan
    sizes = [tuple(map(len, plan.rows(*divmod(number, plan.n_splits)))) for number in range(plan.n_folds)]
    return float(np.mean([n_test / n_train if n_train else np.inf for n_train, n_test in sizes]))


def _probable(folds: FoldSpread, rope: float) -> Posterior | NotDefined:
    return NotDefined("no difference is known to be too small: --rope") if math.isnan(rope) else posterior(folds, rope)


def _smallest(folds: FoldSpread, run: ComparedRun) -> Smallest:
    n_results, ratio = folds.df + 1, per_training_row(run)
    sd, plan = folds.se / spread_factor(n_results, ratio), run.run.plan
    now = smallest_difference(sd, n_results, ratio)
    if plan.strategy not in SHUFFLED or run.run.run.identity["config"].get("cv.shuffle") is False:
        return Smallest(now, None, None)
    repeats = max(MORE_REPEATS, 2 * plan.n_different)
    return Smallest(now, repeats, smallest_difference(sd, plan.n_splits * repeats, ratio))


def _mcnemar(a: ComparedRun, b: ComparedRun, drawing: Drawing) -> McNemar | NotDefined:
    right_a, right_b = (_right(one)[:, drawing.rows] for one in (a, b))
    return mcnemar(right_a, right_b, drawing.group_U)


def _right(one: ComparedRun) -> NDArray[np.bool_]:
    """Return (repeats, N) whether a row is predicted right."""
    run = one.run
    right_RN = np.zeros(run.proba_RNC.shape[:2], dtype=bool)
    for repeat in range(run.plan.repeats):
        rows = held_out_rows(run, repeat)
        hit = run.task.predicted(run.proba_RNC[repeat, rows]) == run.target[rows]
        right_RN[repeat, rows] = hit.all(axis=1) if hit.ndim == 2 else hit
    return right_RN


def _delong(a: ComparedRun, b: ComparedRun, drawing: Drawing) -> DeLong | NotDefined:
    run = a.run
    if run.task.several_labels or len(run.classes) != 2:
        return NotDefined("it is for two classes")
    if drawing.group_U is not None:
        return NotDefined("it takes rows for independent, and those of a group are alike")
    if (run.plan.fold_of_row[:, drawing.rows] < 0).any():
        return NotDefined("the repeats hold out other rows")
    scores = (one.run.proba_RNC[:, drawing.rows, 1] for one in (a, b))
    return delong(run.target[drawing.rows] == 1, *scores)

"""How often does each figure of ``foldwise compare`` call two equal models different, and how often is it right?

    python -m benchmarks.compare_rates                                 # the table of docs/guide/compare.md
    python -m benchmarks.compare_rates --rows 200 --simulations 100

Two designs, each simulated 1,000 times for n = 200 and 2,000 rows:

``predictions``: the models are fixed, and only rows are drawn. Two scores that are equally good, correlated as those of
two models are (0.7). What is asked is whether *these predictions* are equally good, which is true.

``training``: both are trained, in 5 folds, once and in 4 repeats. Ten columns carry signal alike; one decision tree
sees the first five, the other the last five. Over data sets they are equal by symmetry; on one data set, one of them is
always a little better. What is asked is whether *the way of training* is equally good, which is true.

``covers`` is how often the 95 % interval holds the difference: of ``predictions`` one of two models that differ (0.5
and 0.6 sd of signal), whose true difference is computed from the normal distribution; of ``training`` 0.
"""

import argparse
import math
from collections import defaultdict
from collections.abc import Iterator
from itertools import chain, product

import numpy as np
from scipy.special import logit
from scipy.stats import norm
from sklearn.tree import DecisionTreeClassifier

from trainer.evidence.delong import delong
from trainer.evidence.mcnemar import mcnemar
from trainer.evidence.not_defined import NotDefined
from trainer.evidence.paired_bootstrap import drawn_difference
from trainer.evidence.resampled_t import corrected_t
from trainer.metrics.bootstrap import Predictions, resample_together
from trainer.metrics.scores import score
from trainer.tasks import BINARY

ROWS = (200, 2000)
SIMULATIONS = 1000
FOLDS = 5
REPEATS = 4
COLUMNS = 10
DEPTH = 4
CORRELATION = 0.7
METRICS = ("accuracy", "roc_auc")
SIGNIFICANT = 0.05

Result = tuple[str, str, bool | None, bool | None]  # metric, figure, significant, covers


def fixed_models(n: int, signals: tuple[float, float], random: np.random.Generator):
    """Return labels (n,) of two classes and the log odds (2, n) of two models that know them so well."""
    target = (random.random(n) < 0.5).astype(np.int64)
    noise = random.multivariate_normal([0, 0], [[1, CORRELATION], [CORRELATION, 1]], size=n).T
    return target, noise + np.array(signals)[:, None] * (2 * target - 1)


def trained_models(n: int, random: np.random.Generator, fold_RN):
    """Return labels (n,) and the held-out log odds (2, repeats, n) of two trees that each see half of the columns."""
    columns = random.normal(size=(n, COLUMNS))
    target = (columns.sum(axis=1) * 0.35 + random.normal(size=n) > 0).astype(np.int64)
    scores = np.empty((2, *fold_RN.shape))
    for half, chosen in enumerate((slice(0, COLUMNS // 2), slice(COLUMNS // 2, COLUMNS))):
        for repeat, fold in product(range(len(fold_RN)), range(FOLDS)):
            held_out = fold_RN[repeat] == fold
            tree = DecisionTreeClassifier(max_depth=DEPTH, random_state=0)
            tree.fit(columns[~held_out, chosen], target[~held_out])
            proba = tree.predict_proba(columns[held_out, chosen])[:, 1]
            scores[half, repeat, held_out] = logit(np.clip(proba, 0.001, 0.999))
    return target, scores


def true_lead(metric: str, signals: tuple[float, float]) -> float:
    """Return how much better the second of two fixed models is, of any number of rows."""
    scale = 1.0 if metric == "accuracy" else math.sqrt(2)
    a, b = (norm.cdf(scale * signal) for signal in signals)
    return float(b - a)


def figures(target, scores, fold_N, truth: dict[str, float], seed: int, *, trained: bool) -> Iterator[Result]:
    """Yield what every figure says of one simulation."""
    proba_2NC = as_proba(scores)
    for metric in METRICS:
        a, b = (score([metric], BINARY, target, proba)[metric] for proba in proba_2NC)
        drawn = resample_together(
            metric, BINARY, [Predictions(target, proba) for proba in proba_2NC], n_rows=len(target), seed=seed
        )
        rows = drawn_difference(b - a, drawn[1] - drawn[0])
        low, high = rows.ci95
        yield metric, "bootstrap over rows", low > 0 or high < 0, low <= truth[metric] <= high
        if metric == "roc_auc":
            found = delong(target == 1, scores[:1], scores[1:])
            inside = found.ci95[0] <= truth[metric] <= found.ci95[1]
            yield metric, "DeLong", found.p < SIGNIFICANT, inside
        else:
            right = (scores > 0) == (target == 1)
            yield metric, "McNemar, exact", mcnemar(right[:1], right[1:]).p < SIGNIFICANT, None
        if trained:
            found = list(over_folds(metric, target, proba_2NC[:, None], fold_N[None]))
            yield from found
            apart = low > 0 or high < 0
            yield metric, "the sentence says better", apart and bool(found[0][2]), None


def over_folds(metric: str, target, proba_2RNC, fold_RN) -> Iterator[Result]:
    """Yield the corrected and the naive t-test."""
    values = [
        [
            score([metric], BINARY, target[fold_N == fold], proba_NC[fold_N == fold])[metric]
            for proba_NC, fold_N in zip(proba_RNC, fold_RN, strict=True)
            for fold in range(FOLDS)
        ]
        for proba_RNC in proba_2RNC
    ]
    lead = np.subtract(values[1], values[0])
    times = "" if len(fold_RN) == 1 else f", {len(fold_RN)} repeats"
    for name, ratio in {"corrected t-test": 1 / (FOLDS - 1), "naive t-test": 0.0}.items():
        test = corrected_t(lead, ratio)
        if isinstance(test, NotDefined):
            yield metric, name + times, False, None
        else:
            yield metric, name + times, test.p < SIGNIFICANT, test.ci95[0] <= 0 <= test.ci95[1]


def as_proba(scores):
    """Return log odds as probabilities of two classes, in the precision that runs keep."""
    p = 1 / (1 + np.exp(-scores))
    return np.stack([1 - p, p], axis=-1).astype(np.float32)


def simulate(n: int, simulations: int) -> dict[tuple[str, str, str], list[list[bool]]]:
    """Return what every figure said, by design, metric and figure: (significant, covers) of each simulation."""
    said: dict[tuple[str, str, str], list[list[bool]]] = defaultdict(lambda: [[], []])
    apart = (0.5, 0.6)
    for number in range(simulations):
        random = np.random.default_rng([n, number])
        fold_RN = np.stack([random.permutation(n) % FOLDS for _ in range(REPEATS)])
        fold_N = fold_RN[0]
        target, scores = fixed_models(n, (0.5, 0.5), random)
        for metric, figure, significant, _ in figures(target, scores, fold_N, ZERO, number, trained=False):
            said["predictions", metric, figure][0].append(significant)
        truth = {metric: true_lead(metric, apart) for metric in METRICS}
        target, scores = fixed_models(n, apart, random)
        for metric, figure, _, covers in figures(target, scores, fold_N, truth, number, trained=False):
            said["predictions", metric, figure][1] += [] if covers is None else [covers]
        target, scores = trained_models(n, random, fold_RN)
        once = figures(target, scores[:, 0], fold_N, ZERO, number, trained=True)
        often = (one for metric in METRICS for one in over_folds(metric, target, as_proba(scores), fold_RN))
        for metric, figure, significant, covers in chain(once, often):
            said["training", metric, figure][0].append(significant)
            said["training", metric, figure][1] += [] if covers is None else [covers]
    return dict(said)


ZERO = dict.fromkeys(METRICS, 0.0)


def percent(values: list[bool]) -> str:
    """Return the share that is true."""
    return f"{100 * np.mean(values):.1f} %" if values else "–"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=ROWS)
    parser.add_argument("--simulations", type=int, default=SIMULATIONS)
    asked = parser.parse_args()
    found = {n: simulate(n, asked.simulations) for n in asked.rows}
    columns = [f"{what}, n = {n}" for n in asked.rows for what in ("false positives", "covers")]
    print(f"| equal are the | metric | figure | {' | '.join(columns)} |")
    print(f"|---|---|---|{'---:|' * len(columns)}")
    for design, metric, figure in sorted(found[asked.rows[0]]):
        cells = [percent(values) for n in asked.rows for values in found[n][design, metric, figure]]
        print(f"| {design} | {metric} | {figure} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()

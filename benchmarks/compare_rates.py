"""How often does each figure of ``foldwise compare`` call two equal models different, and how often is it right?

    python -m benchmarks.compare_rates                  # simulates what benchmarks/results/compare_rates.jsonl lacks
    python -m benchmarks.compare_rates --table          # prints the tables of docs/guide/compare.md from it

Two questions, each simulated for n = 200 and 2,000 rows. *Are these predictions equally good?* The models are fixed and
only rows are drawn: two scores of equal skill, correlated as those of two models are (0.7); also with rows that come in
groups of five, and of runs that have no rows in common. *Is this way of training equally good?* Both are trained in 5
folds, once and in 4 repeats. Ten columns carry signal alike; one model sees the first five, the other the last five.
Over data sets they are equal by symmetry; on one data set, one of them is always a little better. The models are
centroids of the classes (all folds at once, by sums) and decision trees. With *seeds*, the centroids are those of half
of the training rows, which the seed draws: three seeds on the same folds, and how often the two ways differ by more
than the standard deviation of the seed.

``covers`` is how often the 95 % interval holds the difference: of predictions that of two models that differ (0.5 and
0.6 sd of signal), whose true difference is computed from the normal distribution; of ways of training 0.
"""

import argparse
import json
import math
from collections import defaultdict
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import numpy as np
from scipy.special import logit
from scipy.stats import binom, multivariate_normal, norm
from sklearn.tree import DecisionTreeClassifier

from trainer.evidence.correlated_bayes import posterior
from trainer.evidence.delong import delong
from trainer.evidence.mcnemar import mcnemar
from trainer.evidence.multiple import Friedman, friedman, signed_ranks
from trainer.evidence.not_defined import NotDefined
from trainer.evidence.paired_bootstrap import drawn_difference
from trainer.evidence.resampled_t import corrected_t
from trainer.metrics.bootstrap import Predictions, resample_together
from trainer.metrics.scores import score
from trainer.tasks import BINARY

RESULTS = Path(__file__).parent / "results" / "compare_rates.jsonl"
ROWS = (200, 2000)
SIMULATIONS = 1000
OF_PREDICTIONS = 2000  # no model is trained
PER_LINE = 50  # simulations of a line of the results
FOLDS = 5
REPEATS = 4
SEEDS = 3
COLUMNS = 10
DEPTH = 4
CORRELATION = 0.7
PER_GROUP = 5
ROPE = 0.01
EQUAL, APART = (0.5, 0.5), (0.5, 0.6)
METRICS = ("accuracy", "roc_auc")
SIGNIFICANT = 0.05

Result = tuple[str, str, bool | None, bool | None]  # metric, figure, significant, covers


def fixed_models(n: int, signals: tuple[float, float], random: np.random.Generator, per_group: int = 1):
    """Return labels (n,) of two classes and the log odds (2, n) of two models that know them so well.

    Half of the noise is that of a row's group where groups have several rows.
    """
    target = (random.random(n) < 0.5).astype(np.int64)
    covariance = [[1, CORRELATION], [CORRELATION, 1]]
    noise = random.multivariate_normal([0, 0], covariance, size=n).T
    if per_group > 1:
        shared = random.multivariate_normal([0, 0], covariance, size=n // per_group).T
        noise = math.sqrt(0.5) * (noise + shared[:, np.arange(n) // per_group])
    return target, noise + np.array(signals)[:, None] * (2 * target - 1)


def columns_of(n: int, random: np.random.Generator):
    """Return columns (n, 10) that carry signal alike, and labels (n,)."""
    columns = random.normal(size=(n, COLUMNS))
    return columns, (columns.sum(axis=1) * 0.35 + random.normal(size=n) > 0).astype(np.int64)


def tree_scores(columns, target, fold_RN):
    """Return the held-out log odds (2, repeats, n) of two trees that each see half of the columns."""
    scores = np.empty((2, *fold_RN.shape))
    for half, chosen in enumerate((slice(0, COLUMNS // 2), slice(COLUMNS // 2, COLUMNS))):
        for repeat, fold in product(range(len(fold_RN)), range(FOLDS)):
            held_out = fold_RN[repeat] == fold
            tree = DecisionTreeClassifier(max_depth=DEPTH, random_state=0)
            tree.fit(columns[~held_out, chosen], target[~held_out])
            proba = tree.predict_proba(columns[held_out, chosen])[:, 1]
            scores[half, repeat, held_out] = logit(np.clip(proba, 0.001, 0.999))
    return scores


def centroid_scores(columns, target, fold_RN):
    """Return the held-out log odds (2, repeats, n) of nearest centroids that each see half of the columns.

    The log odds of two normal distributions of unit variance around the means of the training rows of each class.
    """
    scores = np.empty((2, *fold_RN.shape))
    for repeat, fold_N in enumerate(fold_RN):
        sums_FCD = np.zeros((FOLDS, 2, COLUMNS))
        np.add.at(sums_FCD, (fold_N, target), columns)
        counts_FC = np.zeros((FOLDS, 2))
        np.add.at(counts_FC, (fold_N, target), 1)
        means_FCD = (sums_FCD.sum(axis=0) - sums_FCD) / (counts_FC.sum(axis=0) - counts_FC)[:, :, None]
        near_NCD = (columns[:, None] - means_FCD[fold_N]) ** 2
        gain_ND = (near_NCD[:, 0] - near_NCD[:, 1]) / 2
        scores[:, repeat] = gain_ND.reshape(len(columns), 2, -1).sum(axis=2).T
    return scores


def seeded_scores(columns, target, fold_N, random):
    """Return the held-out log odds (2, seeds, n) of centroids of half of the training rows, drawn by the seed."""
    scores = np.empty((2, SEEDS, len(columns)))
    halves = (slice(0, COLUMNS // 2), slice(COLUMNS // 2, COLUMNS))
    for (half, chosen), seed, fold in product(enumerate(halves), range(SEEDS), range(FOLDS)):
        held_out = fold_N == fold
        drawn = ~held_out & (random.random(len(columns)) < 0.5)
        near = [columns[held_out, chosen] - columns[drawn & (target == one), chosen].mean(axis=0) for one in (0, 1)]
        scores[half, seed, held_out] = ((near[0] ** 2).sum(axis=1) - (near[1] ** 2).sum(axis=1)) / 2
    return scores


def mcnemar_rate(n: int) -> float:
    """Return how often McNemar's exact test calls two equal fixed models different, by the binomial distribution."""
    both = multivariate_normal.cdf(EQUAL, cov=[[1, CORRELATION], [CORRELATION, 1]])
    shares_D = binom.pmf(np.arange(n + 1), n, 2 * (norm.cdf(EQUAL[0]) - both))  # of rows that only one has right
    rate = 0.0
    for n_differ in range(1, n + 1):
        only_a = np.arange(n_differ + 1)
        p = 2 * binom.sf(np.maximum(only_a, n_differ - only_a) - 1, n_differ, 0.5)
        rate += shares_D[n_differ] * binom.pmf(only_a, n_differ, 0.5)[p < SIGNIFICANT].sum()
    return float(rate)


def true_lead(metric: str, signals: tuple[float, float]) -> float:
    """Return how much better the second of two fixed models is, of any number of rows."""
    scale = 1.0 if metric == "accuracy" else math.sqrt(2)
    a, b = (norm.cdf(scale * signal) for signal in signals)
    return float(b - a)


def over_rows(metric: str, target, proba_2NC, truth: float, seed: int, group_N=None) -> tuple[bool, bool]:
    """Return whether the interval over rows excludes 0, and whether it holds the truth."""
    n_rows = len(target)
    a, b = (score([metric], BINARY, target, proba)[metric] for proba in proba_2NC)
    both = [Predictions(target, proba) for proba in proba_2NC]
    drawn = resample_together(metric, BINARY, both, n_rows=n_rows, group_N=group_N, seed=seed)
    low, high = drawn_difference(b - a, drawn[1] - drawn[0]).ci95
    return low > 0 or high < 0, low <= truth <= high


def figures(target, scores, truth: dict[str, float], seed: int) -> Iterator[Result]:
    """Yield what every figure over rows says of one simulation."""
    proba_2NC = as_proba(scores)
    for metric in METRICS:
        yield metric, "bootstrap over rows", *over_rows(metric, target, proba_2NC, truth[metric], seed)
        if metric == "roc_auc":
            found = delong(target == 1, scores[:1], scores[1:])
            inside = found.ci95[0] <= truth[metric] <= found.ci95[1]
            yield metric, "DeLong", found.p < SIGNIFICANT, inside
        else:
            right = (scores > 0) == (target == 1)
            yield metric, "McNemar, exact", mcnemar(right[:1], right[1:]).p < SIGNIFICANT, None


def fold_leads(metric: str, target, proba_2RNC, fold_RN):
    """Return by how much the second way is better in each fold of each repeat."""
    values = [
        [
            score([metric], BINARY, target[fold_N == fold], proba_NC[fold_N == fold])[metric]
            for proba_NC, fold_N in zip(proba_RNC, fold_RN, strict=True)
            for fold in range(FOLDS)
        ]
        for proba_RNC in proba_2RNC
    ]
    return np.subtract(values[1], values[0])


def over_folds(metric: str, target, proba_2RNC, fold_RN) -> Iterator[Result]:
    """Yield the corrected and the naive t-test, and the Bayesian one."""
    lead = fold_leads(metric, target, proba_2RNC, fold_RN)
    times = "" if len(fold_RN) == 1 else f", {len(fold_RN)} repeats"
    for name, ratio in {"corrected t-test": 1 / (FOLDS - 1), "naive t-test": 0.0}.items():
        test = corrected_t(lead, ratio)
        if isinstance(test, NotDefined):
            yield metric, name + times, False, None
            continue
        yield metric, name + times, test.p < SIGNIFICANT, test.ci95[0] <= 0 <= test.ci95[1]
        if ratio:
            sure = posterior(test, ROPE)
            yield metric, f"Bayesian t-test, 95 % sure{times}", max(sure.a_better, sure.b_better) > 0.95, None


def as_proba(scores):
    """Return log odds as probabilities of two classes, in the precision that runs keep."""
    p = 1 / (1 + np.exp(-scores))
    return np.stack([1 - p, p], axis=-1).astype(np.float32)


def of_predictions(n: int, number: int, random: np.random.Generator) -> Iterator[Result]:
    """Yield what is said of two fixed models: of equal ones whether they differ, of others by how much."""
    target, scores = fixed_models(n, EQUAL, random)
    for metric, figure, significant, _ in figures(target, scores, ZERO, number):
        yield metric, figure, significant, None
    truth = {metric: true_lead(metric, APART) for metric in METRICS}
    target, scores = fixed_models(n, APART, random)
    for metric, figure, _, covers in figures(target, scores, truth, number):
        yield metric, figure, None, covers


def of_groups(n: int, number: int, random: np.random.Generator) -> Iterator[Result]:
    """Yield the same where rows come in groups."""
    group_N = np.arange(n) // PER_GROUP
    for signals in (EQUAL, APART):
        target, scores = fixed_models(n, signals, random, PER_GROUP)
        truth = true_lead("accuracy", signals)
        found = over_rows("accuracy", target, as_proba(scores), truth, number, group_N)
        asked = (found[0], None) if signals == EQUAL else (None, found[1])
        yield "accuracy", "bootstrap over groups", *asked
        if signals == EQUAL:
            right = (scores > 0) == (target == 1)
            yield "accuracy", "McNemar, groups", mcnemar(right[:1], right[1:], group_N).p < SIGNIFICANT, None
            yield "accuracy", "McNemar, rows (not given)", mcnemar(right[:1], right[1:]).p < SIGNIFICANT, None


def of_unpaired(n: int, number: int, random: np.random.Generator) -> Iterator[Result]:
    """Yield what is said of two models on rows of their own."""
    for signals in (EQUAL, APART):
        drawn, scores = [], []
        for place in (0, 1):
            target, both = fixed_models(n, signals, random)
            proba = as_proba(both[place])
            scores.append(score(["accuracy"], BINARY, target, proba)["accuracy"])
            one = [Predictions(target, proba)]
            drawn.append(resample_together("accuracy", BINARY, one, n_rows=n, seed=2 * number + place)[0])
        low, high = drawn_difference(scores[1] - scores[0], drawn[1] - drawn[0]).ci95
        truth = true_lead("accuracy", signals)
        asked = (low > 0 or high < 0, None) if signals == EQUAL else (None, low <= truth <= high)
        yield "accuracy", "bootstrap, unpaired", *asked


def of_training(scores_of, n: int, number: int, random: np.random.Generator) -> Iterator[Result]:
    """Yield what is said of two ways of training that are equal over data sets."""
    columns, target = columns_of(n, random)
    fold_RN = np.stack([random.permutation(n) % FOLDS for _ in range(REPEATS)])
    scores = scores_of(columns, target, fold_RN)
    once, often = as_proba(scores[:, :1]), as_proba(scores)
    rows = list(figures(target, scores[:, 0], ZERO, number))
    yield from rows
    for metric in METRICS:
        folds = list(over_folds(metric, target, once, fold_RN[:1]))
        apart = next(bool(one[2]) for one in rows if one[:2] == (metric, "bootstrap over rows"))
        yield metric, "the sentence says better", apart and bool(folds[0][2]), None
        yield from folds
        yield from over_folds(metric, target, often, fold_RN)


def of_seeds(n: int, _: int, random: np.random.Generator) -> Iterator[Result]:
    """Yield what is said of two equal ways of training under three seeds on the same folds."""
    columns, target = columns_of(n, random)
    fold_N = random.permutation(n) % FOLDS
    proba_2SNC = as_proba(seeded_scores(columns, target, fold_N, random))
    for metric in METRICS:
        value_2S = np.array([[score([metric], BINARY, target, one)[metric] for one in way] for way in proba_2SNC])
        lead, seed_sd = np.diff(value_2S.mean(axis=1))[0], math.sqrt(value_2S.var(axis=1, ddof=1).mean())
        for times in (1, 2, 3):
            yield metric, f"difference above {times} sd of the seed", abs(lead) > times * seed_sd, None
        lead_SJ = fold_leads(metric, target, proba_2SNC, np.stack([fold_N] * SEEDS)).reshape(SEEDS, FOLDS)
        for name, lead_J, ratio in (
            ("corrected t-test", lead_SJ.mean(axis=0), 1 / (FOLDS - 1)),
            ("naive t-test, seeds as folds", lead_SJ.ravel(), 0.0),
        ):
            test = corrected_t(lead_J, ratio)
            known = not isinstance(test, NotDefined)
            yield metric, name, known and test.p < SIGNIFICANT, known and test.ci95[0] <= 0 <= test.ci95[1]


def of_data_sets(n: int, _: int, random: np.random.Generator) -> Iterator[Result]:
    """Yield what is said of three equal ways of training on n / 20 data sets, some harder than others."""
    n_data_sets = n // 20
    score_DM = random.normal(size=(n_data_sets, 1)) + 0.1 * random.normal(size=(n_data_sets, 3))
    found = friedman(score_DM)
    assert isinstance(found, Friedman)
    yield "ranks", "Friedman", found.p < SIGNIFICANT, None
    yield "ranks", "Nemenyi, any of 3 pairs", np.ptp(found.ranks) > found.critical, None
    p = signed_ranks(score_DM[:, 1] - score_DM[:, 0])
    yield "ranks", "Wilcoxon, two ways", not isinstance(p, NotDefined) and p < SIGNIFICANT, None


ZERO = dict.fromkeys(METRICS, 0.0)
DESIGNS = {
    "predictions": of_predictions,
    "predictions, groups of 5": of_groups,
    "predictions, unpaired": of_unpaired,
    "training (centroids)": lambda *given: of_training(centroid_scores, *given),
    "training (trees)": lambda *given: of_training(tree_scores, *given),
    "training, n / 20 data sets": of_data_sets,
    "training, 3 seeds": of_seeds,
}
Counts = dict[tuple[str, str], list[int]]  # by metric and figure: significant, of, covering, of


def simulate(design: str, n: int, numbers: range) -> Counts:
    """Count what every figure of a design says in these simulations."""
    counts: Counts = defaultdict(lambda: [0, 0, 0, 0])
    for number in numbers:
        random = np.random.default_rng([n, number, list(DESIGNS).index(design)])
        for metric, figure, significant, covers in DESIGNS[design](n, number, random):
            count = counts[metric, figure]
            for place, said in ((0, significant), (2, covers)):
                if said is not None:
                    count[place] += bool(said)
                    count[place + 1] += 1
    return dict(counts)


def read_results(path: Path = RESULTS) -> dict[tuple[str, int], Counts]:
    """Return the counts of all lines, by design and n."""
    found: dict[tuple[str, int], Counts] = defaultdict(lambda: defaultdict(lambda: [0, 0, 0, 0]))
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        part = json.loads(line)
        for metric, figure, *count in part["counts"]:
            before = found[part["design"], part["n"]][metric, figure]
            found[part["design"], part["n"]][metric, figure] = [a + b for a, b in zip(before, count, strict=True)]
    return dict(found)


def table(found: dict[tuple[str, int], Counts]) -> str:
    """Return the results as a table in Markdown."""
    columns = [f"{what}, n = {n:,}" for n in ROWS for what in ("false positives", "covers")]
    lines = [f"| equal are the | metric | figure | {' | '.join(columns)} |", f"|---|---|---|{'---:|' * len(columns)}"]
    for design in DESIGNS:
        for metric, figure in sorted(found[design, ROWS[0]]):
            counts = [found[design, n][metric, figure] for n in ROWS]
            cells = [share for count in counts for share in (percent(*count[:2]), percent(*count[2:]))]
            lines.append(f"| {design} | {metric} | {figure} | {' | '.join(cells)} |")
    return "\n".join(lines)


def percent(hits: int, of: int) -> str:
    """Return the share that is true."""
    return f"{100 * hits / of:.1f} %" if of else "–"


def main() -> None:
    """Simulate what is lacking, or print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--design", choices=DESIGNS, nargs="+", default=list(DESIGNS))
    asked = parser.parse_args()
    if not asked.table:
        done = {(one["design"], one["n"], one["first"]) for one in map(json.loads, _lines())}
        for first, n, design in product(range(0, OF_PREDICTIONS, PER_LINE), ROWS, asked.design):
            wanted = OF_PREDICTIONS if design.startswith("predictions") else SIMULATIONS
            if first >= wanted or (design, n, first) in done:
                continue
            counts = simulate(design, n, range(first, first + PER_LINE))
            flat = [[*name, *count] for name, count in counts.items()]
            with RESULTS.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"design": design, "n": n, "first": first, "counts": flat}) + "\n")
    print(table(read_results()))


def _lines() -> list[str]:
    return RESULTS.read_text(encoding="utf-8").splitlines() if RESULTS.exists() else []


if __name__ == "__main__":
    main()

"""``foldwise predict --adversarial``: can a classifier tell the new rows from the training rows, and by which columns?

Columns that are alike one by one may still differ together (Pan et al. 2020, "Adversarial validation"). The classifier
is scikit-learn's, cross-validated; an area under the curve of 0.5 means that it cannot tell.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.data.row_measures import NUMBER, Measure, measure_rows
from trainer.data.row_statistics import most_rows, take
from trainer.data.samples import Inputs, Texts, count_rows
from trainer.errors import DataError, first_line_of, shown
from trainer.evidence.delong import placements
from trainer.inference.trained import TrainedRun, samples_of

MOST_ROWS = 5_000  # of each side
FEWEST_ROWS = 20  # of each side: four of each are held out at a time
MOST_COLUMNS = 100  # whose share in it is looked for
MOST_CODES = 250  # categories that the classifier takes
N_SPLITS = 5
NAMED = 3
SEED = 0
Z = 1.959964  # of a 95 % interval


@dataclass(frozen=True)
class Adversarial:
    """How well new rows can be told from training rows.

    Attributes:
        auc: mean over held-out folds; 0.5 = not at all.
        ci95: by DeLong's variance within each fold, as if all folds went together: they share the chance differences
            of the two samples, so that an interval as of independent folds would raise false alarms.
        carried_by: columns, or words, and by how much the area falls where one is shuffled (of words their weight).
        n_training: rows of the training data that were compared.
        n_new: new rows.
    """

    auc: float
    ci95: tuple[float, float]
    carried_by: tuple[tuple[str, float], ...]
    n_training: int
    n_new: int

    @property
    def line(self) -> str:
        """What was found, in words."""
        low, high = self.ci95
        found = f"adversarial AUC {self.auc:.3f} [{low:.3f}, {high:.3f}]"
        rows = f"({self.n_new} new rows, {self.n_training} training rows)"
        if low <= 0.5:
            return f"{found}: a classifier cannot tell new rows from training rows {rows}"
        by = ", ".join(f"'{shown(name, 40)}' ({share:.2g})" for name, share in self.carried_by[:NAMED])
        return f"{found}: a classifier tells new rows from training rows{f', by {by}' if by else ''} {rows}"


def adversarial_note(run: TrainedRun, parts: Sequence[Inputs]) -> str:
    """Return what a classifier finds, or why there is none, for a person.

    Args:
        run: that predicts.
        parts: new rows, those that were drawn of each block.
    """
    try:
        training = samples_of(run, None, {}).inputs
    except DataError as problem:
        return (
            "adversarial AUC: not computed, it needs the training rows themselves: the statistics that are kept with "
            f"the run tell of each column alone ({shown(first_line_of(problem), 160)})"
        )
    found = adversarial(training, parts)
    return found if isinstance(found, str) else found.line


def adversarial(training: Inputs, parts: Sequence[Inputs]) -> Adversarial | str:
    """Train a classifier that tells rows apart; return what it can, or why it cannot be trained.

    Args:
        training: all rows of the run.
        parts: new rows.
    """
    random = np.random.default_rng(SEED)
    n_training, n_new = count_rows(training), sum(map(count_rows, parts))
    before = take(training, random.permutation(n_training)[: min(MOST_ROWS, most_rows(training))])
    if before is None:
        return "adversarial AUC: not computed, rows of this kind are not watched"
    after = [taken for part in parts if (taken := take(part, np.arange(count_rows(part)))) is not None]
    if min(n_training, n_new) < FEWEST_ROWS:
        return f"adversarial AUC: not computed, {min(n_training, n_new)} rows are too few (at least {FEWEST_ROWS})"
    if isinstance(before, Texts):
        return _of_texts(before, [part for part in after if isinstance(part, Texts)], random)
    features_NF, names, is_category_F, is_new_N = _features(before, after, random)
    return _of_columns(features_NF, names, is_category_F, is_new_N)


def _some(n_rows: int, random: np.random.Generator) -> NDArray[np.int64]:
    return np.sort(random.permutation(n_rows)[:MOST_ROWS])


def _features(
    before: Any, after: Sequence[Any], random: np.random.Generator
) -> tuple[NDArray[np.float64], list[str], NDArray[np.bool_], NDArray[np.bool_]]:
    """Return what is measured of training rows and new ones, categories as codes, and which rows are new."""
    measured = [measure_rows(before), *(measure_rows(part) for part in after)]
    columns = [_joined(of_column) for of_column in zip(*measured, strict=True)]
    n_before = len(measured[0][0].values)
    chosen = np.concatenate([np.arange(n_before), n_before + _some(len(columns[0]) - n_before, random)])
    features_NF = np.stack(columns, axis=1)[chosen]
    names = [measure.name for measure in measured[0]]
    return features_NF, names, np.array([one.kind != NUMBER for one in measured[0]]), chosen >= n_before


def _joined(measures: Sequence[Measure]) -> NDArray[np.float64]:
    """Return the values of a column; of categories the places of the most common, the others as one."""
    values = np.concatenate([measure.values for measure in measures])
    if measures[0].kind == NUMBER:
        return np.asarray(values, dtype=np.float64)
    words, counts = np.unique([word for word in values if word is not None], return_counts=True)
    known = {
        word: code for code, word in enumerate(words[np.argsort(-counts, kind="stable")][: MOST_CODES - 1].tolist())
    }
    return np.array([np.nan if word is None else known.get(word, MOST_CODES - 1) for word in values.tolist()])


def _of_columns(
    features_NF: NDArray[np.float64], names: list[str], is_category_F: NDArray[np.bool_], is_new_N: NDArray[np.bool_]
) -> Adversarial:
    from sklearn.ensemble import HistGradientBoostingClassifier

    model = HistGradientBoostingClassifier(
        categorical_features=is_category_F, max_iter=50, early_stopping=False, random_state=SEED
    )
    auc, ci95, (fitted, held_out) = _cross_validated(model, features_NF, is_new_N)
    carried = list[tuple[str, float]]()
    if ci95[0] > 0.5 and len(names) <= MOST_COLUMNS:
        from sklearn.inspection import permutation_importance

        falls = permutation_importance(
            fitted, features_NF[held_out], is_new_N[held_out], scoring="roc_auc", n_repeats=5, random_state=SEED
        ).importances_mean
        carried = [(names[place], float(falls[place])) for place in np.argsort(-falls) if falls[place] > 0]
    return Adversarial(auc, ci95, tuple(carried), int((~is_new_N).sum()), int(is_new_N.sum()))


def _of_texts(before: Texts, after: Sequence[Texts], random: np.random.Generator) -> Adversarial:
    """Tell texts apart by their words; one that only one text has says nothing and is left out."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    from trainer.data.row_measures import WORD

    new = _with_pairs(after)
    old = _with_pairs([before])
    texts = np.array([*old, *(new[place] for place in _some(len(new), random))], dtype=object)
    is_new_N = np.arange(len(texts)) >= len(old)
    words = TfidfVectorizer(tokenizer=WORD.findall, token_pattern=None, min_df=2, max_features=20_000)
    model = make_pipeline(words, LogisticRegression(max_iter=500))
    try:
        auc, ci95, (fitted, _) = _cross_validated(model, texts, is_new_N)
    except ValueError:  # no word is in two texts
        return Adversarial(0.5, (0.0, 1.0), (), len(old), int(is_new_N.sum()))
    weights = fitted[-1].coef_[0]
    named = fitted[0].get_feature_names_out()
    order = np.argsort(-np.abs(weights))[: NAMED if ci95[0] > 0.5 else 0]
    carried = tuple((str(named[place]), float(weights[place])) for place in order)
    return Adversarial(auc, ci95, carried, len(old), int(is_new_N.sum()))


def _with_pairs(parts: Sequence[Texts]) -> list[str]:
    return [
        f"{one} {two}"
        for part in parts
        for one, two in zip(part.texts, part.pairs or [""] * len(part.texts), strict=True)
    ]


def _cross_validated(
    model: Any, features_N: NDArray[Any], is_new_N: NDArray[np.bool_]
) -> tuple[float, tuple[float, float], tuple[Any, NDArray[np.int64]]]:
    """Return the mean area over held-out folds with its interval, and the last model with the rows it did not see."""
    from sklearn.base import clone
    from sklearn.model_selection import StratifiedKFold

    areas, variances, last = list[float](), list[float](), None
    for train, held_out in StratifiedKFold(N_SPLITS, shuffle=True, random_state=SEED).split(is_new_N, is_new_N):
        fitted = clone(model).fit(features_N[train], is_new_N[train])
        scores = fitted.predict_proba(features_N[held_out])[:, 1]
        below_P, above_Q = placements(is_new_N[held_out], scores[None])
        areas.append(float(below_P.mean()))
        variances.append(float(below_P.var(ddof=1) / len(below_P) + above_Q.var(ddof=1) / len(above_Q)))
        last = fitted, held_out
    assert last is not None
    auc, se = float(np.mean(areas)), float(np.sqrt(variances).mean())  # the most it can be, however folds go together
    return auc, (max(0.0, auc - Z * se), min(1.0, auc + Z * se)), last

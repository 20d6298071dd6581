"""Columns of words whose values are shared out differently between training and held-out rows."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from trainer.data.samples import Samples, TableColumns
from trainer.folds.plan import FoldPlan
from trainer.folds.report import FALSE_ALARMS
from trainer.folds.request import Pair

FEW_VALUES = 20  # the shares of more differ a lot by chance alone
HEAD_ROWS = 1_000


def word_drifts(plan: FoldPlan, samples: Samples) -> list[dict[str, Any] | None]:
    """Compare the shares of each word of the categorical columns of 2 to 20 words, in each fold.

    The distance is the total variation: half the sum of the differences of the words' shares, which is the largest
    difference of the share of any set of words (Levin and Peres, Markov Chains and Mixing Times, proposition 4.2).
    Missing cells are left out. Chance is Hoeffding's bound (1963) of the difference of two means, for all sets of
    words, columns and folds together, reckoned with the number of groups where there are any.

    Returns:
        Per fold ``feature``, the column that differs most, its distance ``value``, and the columns ``beyond_chance``;
        None where there is no such column.
    """
    pairs = [plan.rows(*divmod(number, plan.n_splits)) for number in range(plan.n_folds)]
    columns = _columns_of_few_words(samples)
    if not columns:
        return [None] * len(pairs)
    units = [[_n_units(samples.groups_N, rows) for rows in pair] for pair in pairs]
    n_tests = len(columns) * len(pairs)
    found: list[dict[str, Any] | None] = []
    for pair, sizes in zip(pairs, units, strict=True):
        of_column = {name: _distance(codes_N, n_words, pair, sizes, n_tests) for name, codes_N, n_words in columns}
        by_distance = sorted(of_column, key=lambda name: -of_column[name][0])
        beyond = [name for name in by_distance if of_column[name][0] > of_column[name][1]]
        found.append({"feature": by_distance[0], "value": of_column[by_distance[0]][0], "beyond_chance": beyond})
    return found


def _columns_of_few_words(samples: Samples) -> list[tuple[str, NDArray[np.int64], int]]:
    """Return name, (N,) number of each row's word (after the last = missing) and number of words of each column."""
    inputs, columns = samples.inputs, []
    if isinstance(inputs, TableColumns):
        for name, words_N in zip(inputs.categorical, inputs.categorical_NK.T, strict=True):
            if len(_encoded(words_N[:HEAD_ROWS]).dictionary) > FEW_VALUES:  # so has all of it
                continue
            encoded = _encoded(words_N)
            n_words = len(encoded.dictionary)
            if 2 <= n_words <= FEW_VALUES:
                columns.append((name, encoded.indices.fill_null(n_words).to_numpy().astype(np.int64), n_words))
    return columns


def _encoded(words: NDArray[np.object_]) -> Any:
    return pa.array(words, pa.large_string()).dictionary_encode()


def _n_units(groups_N: NDArray[np.str_] | None, rows: NDArray[np.int64]) -> int:
    return len(rows) if groups_N is None else len(np.unique(groups_N[rows]))


def _distance(
    codes_N: NDArray[np.int64], n_words: int, pair: Pair, sizes: Sequence[int], n_tests: int
) -> tuple[float, float]:
    """Return the total variation, and what chance explains of it; both 0 where a side has no word."""
    before_K, after_K = (np.bincount(codes_N[rows], minlength=n_words + 1)[:n_words] for rows in pair)
    if not (before_K.any() and after_K.any()):
        return 0.0, 0.0
    distance = np.abs(before_K / before_K.sum() - after_K / after_K.sum()).sum() / 2
    shares = [counts_K.sum() / len(rows) for counts_K, rows in zip((before_K, after_K), pair, strict=True)]
    rate = sum(1 / (size * share) for size, share in zip(sizes, shares, strict=True))  # of those that have a word
    n_sets = 2 ** (n_words - 1) - 1  # a set and its complement differ by the same
    return float(distance), float(np.sqrt(np.log(2 * n_sets * n_tests / FALSE_ALARMS) * rate / 2))

"""Parts of the data on which a model is worse or better than on the rest, beyond what chance makes of many looks.

Every slice is tested against all other rows, by Fisher's exact test where a row is right or wrong, by Welch's t-test
where it has an error; Benjamini and Hochberg, "Controlling the false discovery rate", JRSS B 1995, over all slices.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from trainer.data.row_measures import NUMBER, measure_rows
from trainer.data.samples import Images, Inputs, TableColumns, Texts, count_rows
from trainer.evidence.chances import false_discovery_rates, fisher_exact, t_quantile, welch, wilson_interval

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

FEWEST = 20  # rows of a slice, and of the rest
MOST_VALUES = 30  # of a column, the most frequent first
N_BINS = 4
MOST_IMAGES = 5_000  # more are not decoded for their sizes and brightness: that takes as long as to train on them
QUICK_CELLS, QUICK_CHARACTERS, QUICK_IMAGES = 300_000, 2_000_000, 200  # cut and compared within about a second
MEASURED = ("characters", "script", "width", "height", "brightness", "channels")  # of texts and images
FALSE_DISCOVERIES = 0.05  # share of the slices that are named


@dataclass(frozen=True)
class Slice:
    """Rows that have something in common, and how they are predicted.

    Attributes:
        name: what they have in common: ``age 40 to 55``.
        n_rows: in it.
        value: mean over its rows.
        low: end of the 95 % interval of ``value`` (Wilson's of a share, Student's of a mean).
        high: likewise.
        rest: mean over all other rows.
        q: the false discovery rate at which the difference would be named.
    """

    name: str
    n_rows: int
    value: float
    low: float
    high: float
    rest: float
    q: float = math.nan

    @property
    def differs(self) -> bool:
        """Whether it is named where so many false discoveries are allowed."""
        return self.q <= FALSE_DISCOVERIES


def slices_of(inputs: Inputs, group_N: NDArray[np.str_] | None = None) -> Iterator[tuple[str, Mask]]:
    """Yield the slices of rows: by quarters of numbers, by categories, by groups.

    Texts are cut by length and script, images by size, brightness and whether they are gray.

    Args:
        inputs: the rows.
        group_N: name of the group of each row, or None.
    """
    if isinstance(inputs, TableColumns):
        for name, values_N in zip(inputs.numeric, inputs.numeric_NF.T, strict=True):
            yield from _by_number(name, values_N)
        for name, words_N in zip(inputs.categorical, inputs.categorical_NK.T, strict=True):
            yield from _by_word(name, words_N)
    if isinstance(inputs, Texts) or (isinstance(inputs, Images) and count_rows(inputs) <= MOST_IMAGES):
        for one in measure_rows(inputs):
            if one.name.startswith(MEASURED):
                yield from (_by_number if one.kind == NUMBER else _by_word)(one.name, one.values)
    if group_N is not None:
        yield from _by_word("group", group_N.astype(object))


def cut_quickly(inputs: Inputs) -> bool:
    """Return whether slices of these rows cost about a second, so that the end of a run need not do without."""
    if isinstance(inputs, Images):
        return count_rows(inputs) <= QUICK_IMAGES
    if isinstance(inputs, Texts):
        return sum(map(len, (*inputs.texts, *(inputs.pairs or ())))) <= QUICK_CHARACTERS
    if isinstance(inputs, TableColumns):
        return count_rows(inputs) * (len(inputs.numeric) + len(inputs.categorical)) <= QUICK_CELLS
    return True


def compare_slices(value_N: Floats, slices: Iterator[tuple[str, Mask]] | Mapping[str, Mask]) -> list[Slice]:
    """Compare each slice with all other rows; slices of few rows are left out.

    Args:
        value_N: of each row: 1 where it is predicted right and 0 where not, or its error.
        slices: name and rows of each.

    Returns:
        All that were compared, by ``q``.

    Example:
        >>> right, old = np.array([1.0] * 60 + [0.0] * 40), np.arange(100) >= 60
        >>> [(one.name, one.value, one.rest, one.q < 0.05) for one in compare_slices(right, {"old": old})]
        [('old', 0.0, 1.0, True)]
    """
    pairs = slices.items() if isinstance(slices, Mapping) else slices
    share = bool(np.isin(value_N, (0.0, 1.0)).all())
    found, chances = list[Slice](), list[float]()
    for name, inside_N in pairs:
        inside, outside = value_N[inside_N], value_N[~inside_N]
        if len(inside) < FEWEST or len(outside) < FEWEST:
            continue
        low, high, chance = _of_shares(inside, outside) if share else _of_means(inside, outside)
        found.append(Slice(name, len(inside), float(inside.mean()), low, high, float(outside.mean())))
        chances.append(chance)
    if not found:
        return []
    named = [replace(one, q=rate) for one, rate in zip(found, false_discovery_rates(chances), strict=True)]
    return sorted(named, key=lambda one: (one.q, -abs(one.value - one.rest)))


def _of_shares(inside: Floats, outside: Floats) -> tuple[float, float, float]:
    hits, others = int(inside.sum()), int(outside.sum())
    return *wilson_interval(hits, len(inside)), fisher_exact(hits, len(inside), others, len(outside))


def _of_means(inside: Floats, outside: Floats) -> tuple[float, float, float]:
    here, there = _spread(inside), _spread(outside)
    mean, other_mean = float(inside.mean()), float(outside.mean())
    if here == there == 0:
        return mean, mean, float(np.isclose(mean, other_mean))
    half = t_quantile(0.975, len(inside) - 1) * here / math.sqrt(len(inside))
    chance = welch((mean, here, len(inside)), (other_mean, there, len(outside)))
    return mean - half, mean + half, chance


def _spread(values: Floats) -> float:
    """Return the standard deviation; 0 where it is the rounding of equal values, of which scipy warns."""
    spread = float(values.std(ddof=1))
    return 0.0 if spread <= 1e-12 * float(np.abs(values).max()) else spread


def _by_number(name: str, values_N: Floats) -> Iterator[tuple[str, Mask]]:
    missing_N = np.isnan(values_N)
    yield f"{name} missing", missing_N
    there = values_N[~missing_N]
    if not len(there):
        return
    if len(np.unique(there)) <= N_BINS:
        for value in np.unique(there).tolist():
            yield f"{name} = {value:g}", values_N == value
        return
    edges = np.unique(np.quantile(there, np.linspace(0, 1, N_BINS + 1)[1:-1], method="inverted_cdf"))
    place_N = np.where(missing_N, -1, np.searchsorted(edges, values_N, side="left"))
    for place in range(len(edges) + 1):
        inside_N = place_N == place
        if inside_N.any():
            yield f"{name} {values_N[inside_N].min():g} to {values_N[inside_N].max():g}", inside_N


def _by_word(name: str, words_N: NDArray[np.object_]) -> Iterator[tuple[str, Mask]]:
    missing_N = np.array([word is None for word in words_N.tolist()])
    yield f"{name} missing", missing_N
    there_N = np.where(missing_N, "", words_N).astype(str)
    words, place_N, counts = np.unique(there_N, return_inverse=True, return_counts=True)
    for place in np.argsort(-counts, kind="stable")[:MOST_VALUES].tolist():
        yield f"{name} = {words[place]}", (place_N == place) & ~missing_N

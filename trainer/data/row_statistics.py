"""Statistics of a run's rows, kept so that later rows can be compared with them without the rows themselves."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.data.row_hashes import row_hashes, sketch_of
from trainer.data.row_measures import (
    CATEGORY,
    NUMBER,
    TOKENS_UNKNOWN,
    Measure,
    Shares,
    Values,
    measure_rows,
    unknown_words,
    words_of,
)
from trainer.data.samples import Arrays, Images, Inputs, TableColumns, Texts, count_rows

MOST_ROWS = 100_000  # drawn with a fixed seed where there are more
MOST_IMAGES = 256  # likewise: each is decoded once more
MOST_TEXTS = 5_000  # likewise
MOST_COLUMNS = 1_000
MOST_CATEGORIES = 200  # by rows; what else there is counts as the rest
MOST_WORDS = 5_000
LONGEST_CATEGORY = 200  # characters; a column with longer ones is not kept
N_QUANTILES = 101
SEED = 0


def row_statistics(inputs: Inputs, unknown_tokens: Shares | None = None) -> dict[str, Any]:
    """Return the statistics of rows as plain values; ``columns`` is empty where rows of this kind are not watched.

    Args:
        inputs: of all rows of the run.
        unknown_tokens: returns the share of each text's tokens that a pretrained tokenizer does not know.
    """
    n_rows = count_rows(inputs)
    part = _drawn(inputs, n_rows)
    found: dict[str, Any] = {"n_rows": n_rows, "n_counted": count_rows(part) if part is not None else 0, "columns": []}
    if part is None:
        return found
    hashes_N = row_hashes(inputs)
    if hashes_N is not None:
        found["sketch"] = sketch_of(hashes_N).to_plain()
    measures = measure_rows(part)[:MOST_COLUMNS]
    if isinstance(part, Texts):
        known, measure = _words(part.texts)
        if measure is not None:
            found["words"], measures = known, [*measures, measure]
        if unknown_tokens is not None:
            measures = [*measures, Measure(TOKENS_UNKNOWN, NUMBER, unknown_tokens(part))]
    columns = [of_numbers(one) if one.kind == NUMBER else of_categories(one) for one in measures]
    return {**found, "columns": [column for column in columns if column is not None]}


def of_numbers(measure: Measure) -> dict[str, Any] | None:
    """Return a column of numbers: its quantiles, each a value that occurs, and how many rows lie up to each.

    ``counts[i]`` rows are above ``edges[i - 1]`` and at most ``edges[i]``; those of the first edge equal it. None where
    no row has a value.
    """
    values = np.sort(present(measure.values))
    if not len(values):
        return None
    ranks = -(-len(values) * np.arange(N_QUANTILES) // (N_QUANTILES - 1)) - 1  # in whole numbers: 0.07 * 100 is over 7
    edges = np.unique(values[np.maximum(ranks, 0)])
    counts = np.diff(np.searchsorted(values, edges, side="right"), prepend=0)
    return {**_facts(measure, len(values)), "edges": edges.tolist(), "counts": counts.tolist()}


def of_categories(measure: Measure) -> dict[str, Any] | None:
    """Return a column of categories: rows of the most common, of the rest, how many have one row, how many two.

    None where no row has a value, and where a category is so long that it is rather a text.
    """
    counts = Counter(word for word in measure.values.tolist() if word is not None)
    if not counts or max(map(len, counts)) > LONGEST_CATEGORY:
        return None
    kept = dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:MOST_CATEGORIES])
    return {
        **_facts(measure, counts.total()),
        "counts": kept,
        "n_rest": counts.total() - sum(kept.values()),
        "n_once": sum(count == 1 for count in counts.values()),
        "n_twice": sum(count == 2 for count in counts.values()),
    }


def present(values: Values) -> NDArray[np.float64]:
    """Return the numbers among values."""
    finite: NDArray[np.float64] = values[np.isfinite(values)]
    return finite


def _facts(measure: Measure, n_present: int) -> dict[str, Any]:
    kind = NUMBER if measure.kind == NUMBER else CATEGORY
    return {"name": measure.name, "kind": kind, "n_missing": len(measure.values) - n_present, "n_present": n_present}


def _words(texts: Sequence[str]) -> tuple[list[int], Measure | None]:
    """Return the most common words of every other text, as numbers, and what share of the others' words they lack.

    A text's own words are known by definition: shares are of texts that the words were not taken from, as new ones are.
    """
    counts = Counter(word for text in texts[::2] for word in words_of(text))
    known = [word for word, _ in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:MOST_WORDS]]
    others = texts[1::2]
    return sorted(known), unknown_words(others, frozenset(known)) if known and others else None


def most_rows(inputs: Inputs) -> int:
    """Return of how many rows at most statistics are made: less of what takes longer to look at."""
    return MOST_IMAGES if isinstance(inputs, Images) else MOST_TEXTS if isinstance(inputs, Texts) else MOST_ROWS


def take(inputs: Inputs, rows: NDArray[np.int64]) -> TableColumns | Texts | Images | Arrays | None:
    """Return some rows in the order of ``rows``, or None where rows of this kind are not watched."""
    if isinstance(inputs, TableColumns):
        return inputs.only(rows)
    places = rows.tolist()
    if isinstance(inputs, Texts):
        pairs = None if inputs.pairs is None else tuple(inputs.pairs[row] for row in places)
        return Texts(tuple(inputs.texts[row] for row in places), pairs)
    if isinstance(inputs, Images):
        return Images(inputs.root, tuple(inputs.names[row] for row in places), tuple("" for _ in places))
    if isinstance(inputs, Arrays):
        return Arrays({name: values[rows] for name, values in inputs.arrays.items()})
    return None


def _drawn(inputs: Inputs, n_rows: int) -> TableColumns | Texts | Images | Arrays | None:
    """Return the rows that are counted, in random order: halves of them are alike."""
    return take(inputs, np.random.default_rng(SEED).permutation(n_rows)[: most_rows(inputs)])

"""New rows counted block by block over what is kept of the training rows; no block is held."""

from collections import Counter
from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.data.row_measures import (
    NUMBER,
    TOKENS_UNKNOWN,
    WORDS_UNKNOWN,
    Measure,
    Shares,
    measure_rows,
    unknown_words,
)
from trainer.data.row_statistics import MOST_CATEGORIES, most_rows, present, take
from trainer.data.samples import Inputs, Texts, count_rows
from trainer.errors import CheckpointError

MOST_NAMED = 20  # new categories that are kept by name
BLOCK_ROWS = 4096  # counted of each block where it is not known how many there will be


@dataclass
class Counted:
    """What was seen of one column.

    Attributes:
        before: its statistics, as kept with the run.
        n_missing: new rows without a value.
        counts: new rows by interval of ``before["edges"]``, or by category as kept; the last are those of the rest.
        below: new rows below the smallest training value.
        above: new rows above the largest.
        lowest: new value.
        highest: new value.
        unseen: categories that no counted training row had, and their rows.
    """

    before: Mapping[str, Any]
    n_missing: int = 0
    counts: NDArray[np.int64] = field(init=False)
    below: int = 0
    above: int = 0
    lowest: float = np.inf
    highest: float = -np.inf
    unseen: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.counts = np.zeros(len(self.before["counts"]) + 1, dtype=np.int64)

    @property
    def name(self) -> str:
        """Of the column."""
        return str(self.before["name"])

    @property
    def is_number(self) -> bool:
        """Whether it has numbers; else it has categories."""
        return bool(self.before["kind"] == NUMBER)

    @property
    def n_present(self) -> int:
        """New rows with a value."""
        return int(self.counts.sum())

    @property
    def all_kept(self) -> bool:
        """Whether every category of the counted training rows is kept by name, so that a new one can be told."""
        return not self.before.get("n_rest", 0)

    def under(self, name: str) -> "Counted":
        """Return the same counts as those of a column of another name."""
        renamed = copy(self)
        renamed.before = {**self.before, "name": name}
        return renamed

    def add(self, measure: Measure) -> None:
        """Count a block."""
        before = self.n_present
        if self.is_number:
            self._add_numbers(present(measure.values))
        else:
            self._add_words(Counter(word for word in measure.values.tolist() if word is not None))
        self.n_missing += len(measure.values) - (self.n_present - before)

    def _add_numbers(self, values: NDArray[np.float64]) -> None:
        if not len(values):
            return
        edges = np.asarray(self.before["edges"])
        self.counts += np.bincount(np.searchsorted(edges, values), minlength=len(self.counts))
        self.below += int((values < edges[0]).sum())
        self.above += int((values > edges[-1]).sum())
        self.lowest, self.highest = min(self.lowest, float(values.min())), max(self.highest, float(values.max()))

    def _add_words(self, words: Counter[str]) -> None:
        for place, word in enumerate(self.before["counts"]):
            self.counts[place] += words.pop(word, 0)
        self.counts[-1] += words.total()
        for word, count in words.items():
            if word in self.unseen or len(self.unseen) < MOST_NAMED:
                self.unseen[word] += count


@dataclass
class Watch:
    """Columns of a run, counted.

    Attributes:
        columns: by name.
        known_words: of the training texts, as numbers.
        n_counted: new rows so far.
        n_rows: new rows that came by.
        unknown_tokens: returns the share of each text's tokens that the run's tokenizer does not know, or None.
    """

    columns: dict[str, Counted]
    known_words: frozenset[int]
    n_counted: int = 0
    n_rows: int = 0
    unknown_tokens: Shares | None = None

    def add(self, inputs: Inputs, n_rows_in_all: int | None) -> Inputs | None:
        """Count the rows of a block; where there are many, part of them, drawn with a fixed seed.

        Args:
            inputs: of the block.
            n_rows_in_all: of the new data, or about so many, where known.

        Returns:
            The rows that were counted.
        """
        n_rows = count_rows(inputs)
        most = BLOCK_ROWS if n_rows_in_all is None else n_rows
        share = min(1.0, most_rows(inputs) / n_rows_in_all) if n_rows_in_all else 1.0
        n_wanted = min(most, -int(-n_rows * share // 1))
        rows = np.arange(n_rows)
        if n_wanted < n_rows:
            rows = np.sort(np.random.default_rng(self.n_rows).permutation(n_rows)[:n_wanted])
        self.n_rows += n_rows
        part = take(inputs, rows) if len(rows) else None
        for measure in self._measured(part):
            if measure.name in self.columns:
                self.columns[measure.name].add(measure)
        self.n_counted += 0 if part is None else len(rows)
        return part

    def _measured(self, part: Inputs | None) -> Sequence[Measure]:
        if part is None:
            return ()
        measures = measure_rows(part)
        if isinstance(part, Texts) and TOKENS_UNKNOWN in self.columns and self.unknown_tokens is not None:
            measures = [*measures, Measure(TOKENS_UNKNOWN, NUMBER, self.unknown_tokens(part))]
        if isinstance(part, Texts) and WORDS_UNKNOWN in self.columns:
            return [*measures, unknown_words(part.texts, self.known_words)]
        return measures


def watch_of(statistics: Mapping[str, Any], where: object) -> Watch:
    """Return a watch over the columns of a run's statistics.

    Raises:
        CheckpointError: they are not what Foldwise writes.
    """
    try:
        columns = {str(column["name"]): Counted(column) for column in statistics["columns"]}
        for counted in columns.values():
            _require_whole(counted)
        return Watch(columns, frozenset(map(int, statistics.get("words", ()))))
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise CheckpointError(
            f"{where} is damaged: {type(error).__name__}\nrestore it from a copy of the run"
        ) from error


def _require_whole(counted: Counted) -> None:
    before = counted.before
    counts = np.asarray(before["counts"] if counted.is_number else list(before["counts"].values()), dtype=np.int64)
    whole = counts.sum() + before.get("n_rest", 0) == before["n_present"] > 0 and before["n_missing"] >= 0
    if counted.is_number:
        edges = np.asarray(before["edges"], dtype=np.float64)
        whole = whole and len(edges) == len(counts) and bool(np.isfinite(edges).all() and (np.diff(edges) > 0).all())
    whole = whole and (counted.is_number or min(before["n_once"], before["n_twice"]) >= 0)
    if not whole or (counts < 0).any() or (not counted.is_number and len(counts) > MOST_CATEGORIES):
        raise ValueError(before["name"])

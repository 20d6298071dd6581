"""Whether new rows are like the training rows: watched while they are predicted, told by column, never refused.

rows, watched = watch(predictor, rows)
...                      # the blocks of ``rows`` are predicted, and counted as they go by
watched.notes()
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from trainer.data.preprocess.tokenizer import FittedTokenizer
from trainer.data.samples import Inputs
from trainer.errors import shown
from trainer.inference.drift_counts import Counted, Watch, watch_of
from trainer.inference.drift_tests import (
    LARGE_PSI,
    MISSING,
    MODERATE_PSI,
    OUTSIDE,
    SHAPE,
    UNSEEN,
    ColumnDrift,
    compared,
)
from trainer.inference.new_rows import Block, NewRows
from trainer.inference.predictor import Predictor
from trainer.store.own_files import TRAINING_ROWS
from trainer.system.files import unsealed
from trainer.system.folders import is_there

MOST_TOLD = 8
MOST_NAMED = 3


@dataclass(frozen=True)
class Watched:
    """New rows as they were seen, beside the training rows.

    Attributes:
        run: directory of the run.
        watch: over its columns, or None where the run keeps no statistics of them.
        why_not: then, why.
        kept: the rows that were counted, where a classifier shall tell them from training rows.
    """

    run: Path
    watch: Watch | None
    why_not: str = ""
    kept: list[Inputs] | None = None

    @cached_property
    def columns(self) -> list[ColumnDrift]:
        """All columns, those that drift first; asked for when all rows have been seen."""
        return [] if self.watch is None else compared(list(self.watch.columns.values()))

    @property
    def drifting(self) -> list[ColumnDrift]:
        """The columns that drift, the worst first."""
        return [column for column in self.columns if column.found]

    def notes(self, report: Path | None = None) -> list[str]:
        """Return what to tell, a line per column.

        Args:
            report: where all columns are listed, if anywhere.
        """
        if self.watch is None:
            return [self.why_not]
        told = [f"drift in {title(column)}: {describe(column)}" for column in self.drifting]
        if len(told) > MOST_TOLD:
            listed = f"{report} lists them" if report else "--drift report.html lists them"
            told[MOST_TOLD - 1 :] = [f"drift in {len(told) - MOST_TOLD + 1} more columns: {listed}"]
        return told

    def values(self) -> list[dict[str, Any]]:
        """Return what was found of each column as plain values, as a program gets it."""
        return [_values(column) for column in self.columns]


def watch(predictor: Predictor, rows: NewRows, *, keep: bool = False) -> tuple[NewRows, Watched]:
    """Return rows that are counted as they are used, and what is then known of them.

    Args:
        predictor: of the run.
        rows: new.
        keep: hold those that are counted in memory.

    Raises:
        CheckpointError: the statistics of the training rows are damaged.
    """
    directory, fitted = predictor.run.directory, predictor.models[0].fitted
    if not is_there(directory / TRAINING_ROWS, directory):
        why = f"drift is not watched: {directory} keeps no {TRAINING_ROWS}, being of an older Foldwise"
        return rows, Watched(directory, None, why)
    counting = watch_of(unsealed(directory / TRAINING_ROWS, directory), directory / TRAINING_ROWS)
    if not counting.columns:
        why = f"drift is not watched: there are no statistics of rows of the kind of {directory}"
        return rows, Watched(directory, None, why)

    if isinstance(fitted, FittedTokenizer):
        counting.unknown_tokens = fitted.maker.unknown_shares
    kept: list[Inputs] | None = [] if keep else None

    def blocks() -> Iterator[Block]:
        for block in rows.blocks():
            counted = counting.add(block.inputs, rows.n_rows or rows.n_about)
            if kept is not None and counted is not None:
                kept.append(counted)
            yield block

    return replace(rows, blocks=blocks), Watched(directory, counting, kept=kept)


def united(blend: Path, watched: Sequence[Watched]) -> Watched:
    """Return what was seen of the columns of several runs that predict the same rows.

    A column of which several runs keep the same statistics is one column; where they differ, as of runs that were
    trained on other rows, each run has its own, named so.

    Args:
        blend: directory of what the runs make.
        watched: by each run, all rows of the same file.
    """
    seen = [(one, one.watch) for one in watched if one.watch is not None]
    if not seen:
        return Watched(blend, None, watched[0].why_not)
    columns: dict[str, Counted] = {}
    for one, counting in seen:
        for name, counted in counting.columns.items():
            if name not in columns:
                columns[name] = counted
            elif columns[name].before != counted.before:
                own = f"{name} ({one.run.name})"
                columns[own] = counted.under(own)
    first = seen[0][1]
    return Watched(blend, Watch(columns, first.known_words, n_counted=first.n_counted, n_rows=first.n_rows))


def title(column: ColumnDrift) -> str:
    """Return what a column is called in a sentence."""
    return f"'{shown(column.counted.name, 40)}'"


def describe(column: ColumnDrift) -> str:
    """Return what is different about a column, with the numbers."""
    counted, said = column.counted, []
    before, now = column.missing_shares
    if MISSING in column.found:
        said.append(f"{percent(now)} of the values are missing ({percent(before)} in training)")
    if OUTSIDE in column.found:
        said.extend(_outside(column))
    if UNSEEN in column.found:
        named = ", ".join(f"'{shown(word, 30)}'" for word, _ in counted.unseen.most_common(MOST_NAMED))
        more = ", ..." if len(counted.unseen) > MOST_NAMED else ""
        said.append(f"{percent(column.unseen_share)} are categories that no training row had ({named}{more})")
    if SHAPE in column.found:
        said.append(f"{size_of(column)}{'' if counted.is_number else _most_changed(column)}")
    return "; ".join(said)


def size_of(column: ColumnDrift) -> str:
    """Return how far a distribution has moved, in the field's figures."""
    large = column.psi > LARGE_PSI
    size = f"large shift, above {LARGE_PSI}" if large else f"moderate shift, above {MODERATE_PSI}"
    ks = f", KS {column.ks:.2f}" if column.counted.is_number else ""
    return f"PSI {column.psi:.2f} ({size}){ks}"


def percent(share: float) -> str:
    """Return a share for a sentence; one that is small but not nothing is not called 0."""
    if 0 < share < 0.01:
        return "under 1 %"
    return "over 99 %" if 0.995 <= share < 1 else f"{100 * share:.0f} %"


def _outside(column: ColumnDrift) -> Iterator[str]:
    counted = column.counted
    edges, n_present = counted.before["edges"], max(counted.n_present, 1)
    if counted.above:
        which = f"above {edges[-1]:.6g}, the largest training value (up to {counted.highest:.6g})"
        yield f"{percent(counted.above / n_present)} of the values are {which}"
    if counted.below:
        which = f"below {edges[0]:.6g}, the smallest training value (down to {counted.lowest:.6g})"
        yield f"{percent(counted.below / n_present)} of the values are {which}"


def _most_changed(column: ColumnDrift) -> str:
    """Name the category whose share has changed most."""
    counted = column.counted
    names, n_before = list(counted.before["counts"]), counted.before["n_present"]
    shares = {
        name: (counted.before["counts"][name] / n_before, counted.counts[place] / max(counted.n_present, 1))
        for place, name in enumerate(names)
    }
    name = max(names, key=lambda name: abs(shares[name][1] - shares[name][0]))
    before, now = shares[name]
    return f": '{shown(name, 30)}' is {percent(float(now))} of them ({percent(before)} in training)"


def _values(column: ColumnDrift) -> dict[str, Any]:
    before, now = column.missing_shares
    return {
        "column": column.counted.name,
        "drifts": bool(column.found),
        "because": describe(column),
        "psi": column.psi,
        "ks": column.ks,
        "missing_training": before,
        "missing": now,
        "outside": column.outside_share,
        "new_categories": column.unseen_share,
        "rows": column.n_new,
    }

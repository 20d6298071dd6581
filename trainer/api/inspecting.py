"""Which rows of a run are predicted worst, which parts of the data, and by which columns: methods of ``Run``."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from trainer.api.in_notebooks import as_frame

if TYPE_CHECKING:
    from trainer.evidence.slices import Slice
    from trainer.inference.worst_rows import Inspection


class HasPath(Protocol):
    """A run, as far as these methods ask it."""

    @property
    def path(self) -> Path:
        """Of its directory."""


def inspect(run: HasPath, data: Any = None, *, by: str = "loss", top: int = 20, plugins: Sequence[str] = ()) -> Any:
    """Return the rows that are predicted worst, by models not trained on them: a frame, as ``oof`` is.

    Args:
        run: the run.
        data: the rows it was trained on, where they were in memory; None = read where the run says.
        by: ``loss``, ``wrong``, ``issue`` (labels that are probably wrong, by cleanlab) or ``disagreement``.
        top: rows at most; 0 = all.
        plugins: packages of yours that the run's classes are from.

    Raises:
        ConfigError: there is no such order, or not for this run.

    Example:
        >>> import trainer as fw
        >>> quick = {"cv": {"n_splits": 2}, "max_epochs": 1, "runtime": {"progress": "off"}}
        >>> worst = fw.cross_validate("iris", **quick).inspect(top=3)
        >>> list(worst)[:4], len(worst)
        (['id', 'label', 'predicted', 'probability_of_label'], 3)
    """
    from trainer.inference.show_inspection import look_up, rows_as_table
    from trainer.inference.worst_rows import worst

    found = _inspected(run, data, plugins)
    return as_frame(rows_as_table(look_up(found, worst(found, by, top))))


def slices(run: HasPath, data: Any = None, *, plugins: Sequence[str] = ()) -> "list[Slice]":
    """Return how parts of the data are predicted (by column, category, length, group), by false discovery rate.

    Args:
        run: the run.
        data: as for ``inspect``.
        plugins: likewise.

    Example:
        >>> import trainer as fw
        >>> quick = {"cv": {"n_splits": 2}, "max_epochs": 1, "runtime": {"progress": "off"}}
        >>> one = fw.cross_validate("iris", **quick).slices()[0]
        >>> one.low <= one.value <= one.high
        True
    """
    return list(_inspected(run, data, plugins).slices)


def importance(
    run: HasPath,
    data: Any = None,
    *,
    metric: str | None = None,
    draws: int = 5,
    alike: float = 0.9,
    sample: int = 5_000,
    plugins: Sequence[str] = (),
) -> Any:
    """Return how much worse held-out rows are predicted when columns are permuted: a frame, as ``oof`` is.

    Args:
        run: the run.
        data: the rows it was trained on, where they were in memory; None = read where the run says.
        metric: that gets worse; None = the first of the run.
        draws: how often each column is permuted.
        alike: absolute rank correlation from which columns are permuted together.
        sample: rows of a fold, drawn at random where it holds out more; 0 = all.
        plugins: packages of yours that the run's classes are from.

    Raises:
        ConfigError: the rows have no columns, or an option cannot be.

    Example:
        >>> import trainer as fw
        >>> quick = {"cv": {"n_splits": 2}, "max_epochs": 1, "runtime": {"progress": "off"}}
        >>> frame = fw.cross_validate("iris", **quick).importance(draws=1)
        >>> list(frame)[:4], len(frame)
        (['columns', 'importance', 'low', 'high'], 3)
    """
    from trainer.api.given import rows_of
    from trainer.inference.importance import Wanted, importance
    from trainer.inference.show_importance import importance_table

    wanted = Wanted(metric, draws=draws, rows=sample, alike=alike, minutes=math.inf)
    return as_frame(importance_table(importance(run.path, wanted, given=rows_of(data), plugins=plugins)))


def _inspected(run: HasPath, data: Any, plugins: Sequence[str]) -> "Inspection":
    from trainer.api.given import rows_of
    from trainer.inference.worst_rows import inspect_run

    return inspect_run(run.path, given=rows_of(data), plugins=plugins)

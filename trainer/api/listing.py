"""``runs`` of a Python program: what ``foldwise runs`` lists, as a frame."""

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainer.api.in_notebooks import as_frame

if TYPE_CHECKING:
    from trainer.search.run_list import Listing


def runs(
    folder: str | PathLike[str] = "runs",
    *,
    metric: str | None = None,
    sort: str = "name",
    where: Sequence[str] = (),
    group: Sequence[str] = (),
    plugins: Sequence[str] = (),
) -> Any:
    """List all runs below a folder, with the settings in which they differ: a pandas frame, else an Arrow table.

    Args:
        folder: that the run directories are in.
        metric: to show; None = the first of each run.
        sort: ``name``, ``metric`` (the best first), ``time``, ``started``, ... or a setting; ``-`` before it turns it
            round.
        where: ``KEY=VALUE`` each, such as ``loss=focal`` or ``state=finished``.
        group: settings; the rows are then means over the runs that have them in common.
        plugins: packages that the metric is from.

    Raises:
        ConfigError: there is no such folder, metric or setting.

    Example:
        >>> import trainer as fw
        >>> quick = {"cv": {"n_splits": 2}, "max_epochs": 1, "runtime": {"progress": "off"}}
        >>> for seed in (1, 2):
        ...     _ = fw.cross_validate("iris", run=f"s{seed}", seed=seed, **quick)
        >>> found = fw.runs("runs", metric="roc_auc")
        >>> list(found["run"]), list(found["state"]), list(found["seed"])
        (['s1', 's2'], ['finished', 'finished'], ['1', '2'])
        >>> list(fw.runs("runs", group=["loss"])["n"])
        [2]
    """
    import pyarrow as pa

    from trainer.search.run_columns import file_rows
    from trainer.search.run_folder import read_runs
    from trainer.search.run_list import listed, load_metrics

    records = read_runs(Path(folder).expanduser())
    load_metrics(records, metric, plugins)
    listing = listed(records, metric=metric, sort=sort, where=where)
    names, *rows = _group_rows(listing, group) if group else file_rows(listing)
    return as_frame(pa.table({name: [row[place] for row in rows] for place, name in enumerate(names)}))


def _group_rows(listing: "Listing", keys: Sequence[str]) -> list[list[Any]]:
    from trainer.search.run_columns import group_rows
    from trainer.search.run_groups import grouped

    metric, groups = grouped(listing, keys)
    return group_rows(metric, keys, groups)

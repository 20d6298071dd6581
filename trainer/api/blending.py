"""``blend`` of a Python program: the command's, by the same code."""

from collections.abc import Sequence
from os import PathLike
from pathlib import Path

from trainer.api.runs import Run


def blend(
    runs: Sequence[Run | str | PathLike[str]],
    out: str | PathLike[str],
    *,
    method: str = "greedy",
    metric: str | None = None,
    allow_different_folds: bool = False,
    seed: int = 0,
    plugins: Sequence[str] = (),
    features: Sequence[str] = (),
) -> Run:
    """Blend runs of the same rows and folds into a run of its own, its weights scored on folds they were not fitted on.

    Args:
        runs: two at least, as ``open_run`` returns them or by their directories.
        out: directory of the blend.
        method: ``mean``, ``rank``, ``greedy``, ``nonnegative`` or ``stack`` (docs/guide/blend.md).
        metric: that leads the blend's tables, and that greedy selection goes by; None = that of the first run.
        allow_different_folds: blend runs of other folds too; the score then flatters.
        seed: of the bags of greedy selection.
        plugins: packages that metrics are from.
        features: columns of the rows that ``stack`` sees beside the runs; ``["all"]`` = all of the table.

    Raises:
        ConfigError: a setting cannot be.
        DataError: the runs do not fit together; says in what.
        CheckpointError: a run is not finished or damaged, or another run is in ``out``.

    Example:
        >>> import trainer as fw
        >>> QUIET = {"max_epochs": 1, "cv": {"n_splits": 2}, "runtime": {"progress": "off"}}
        >>> one, two = (fw.cross_validate("iris", loss=loss, run=loss, **QUIET) for loss in ("ce", "focal"))
        >>> mixed = fw.blend([one, two], "runs/blend", method="mean")
        >>> len(mixed.oof) == len(one.oof), mixed.missing
        (True, [])
    """
    from trainer.inference.blend_run import blend_runs

    directories = [run.path if isinstance(run, Run) else Path(run).expanduser() for run in runs]
    place = Path(out).expanduser()
    blend_runs(
        directories,
        place,
        method=method,
        metric=metric,
        allow_different_folds=allow_different_folds,
        seed=seed,
        plugins=plugins,
        features=features,
    )
    return Run(place)

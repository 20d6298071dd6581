"""The ``cv`` section: how rows are split into folds, and which epoch is scored."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from trainer.config.bounds import at_least, between, one_of
from trainer.system.paths import PATH

RARE_POLICIES = ("refuse", "merge", "keep_in_train", "allow")
STRATEGIES = tuple(
    sorted(path.stem for path in Path(__file__).parents[1].glob("folds/strategies/*.py") if path.stem[0] != "_")
)


@dataclass
class InnerConfig:
    """Nested cross validation: folds inside each fold's training rows pick what the fold is trained with."""

    n_splits: Annotated[int | None, at_least(2), "inner folds per fold; null = not nested"] = None
    grid: Annotated[dict[str, Any], "dotted key -> values to choose from"] = field(default_factory=dict)


@dataclass
class CvConfig:
    """How the rows are split and which epoch is scored."""

    strategy: Annotated[
        str,
        one_of(*STRATEGIES, dotted=True),
        "how rows are put into folds: a file of trainer/folds/strategies, or the dotted name of a splitter",
    ] = "stratified"
    arguments: Annotated[dict[str, Any], "of a splitter's class that strategy names"] = field(default_factory=dict)
    n_splits: Annotated[int, at_least(2), "folds of each repeat"] = 5
    repeats: Annotated[int, between(1, 10_000, "[]"), "splits of all rows, each shuffled again"] = 1
    shuffle: Annotated[bool, "whether the rows are shuffled before they are split"] = True
    random_state: Annotated[int, at_least(0), "of the shuffle of the first repeat; training has seed"] = 42
    fold: Annotated[
        int | str | None, "train this fold only, counted from 0; all = fit on every row; null = every fold"
    ] = None
    parallel: Annotated[
        int | str,
        at_least(1),
        one_of("auto"),
        "folds trained side by side; auto = as many as there are cores and memory for",
    ] = "auto"
    stack: Annotated[
        int | str,
        at_least(2),
        one_of("auto", "off"),
        "most folds of small models that are trained as one, with the same bits; auto = where it pays",
    ] = "auto"
    select: Annotated[
        str,
        one_of("last", "inner", "fold"),
        "epoch that is scored: the last, or the best on a slice of the training rows (inner) or on the fold itself",
    ] = "last"
    group: Annotated[
        str | None, one_of("auto_duplicates"), "auto_duplicates = copies and near copies of a row stay in one fold"
    ] = None
    inner_fraction: Annotated[
        float, between(0, 1, "()"), "share of the training rows that picks the epoch under select=inner"
    ] = 0.1
    inner: InnerConfig = field(default_factory=InnerConfig)
    bins: Annotated[int, at_least(1), "quantile bins that a regression is stratified by, fewer where rows are few"] = 10
    rare: Annotated[str, one_of(*RARE_POLICIES), "what becomes of classes with fewer rows than folds"] = "refuse"
    gap: Annotated[int, at_least(0), "strategy=time: distinct times left out before each held-out part"] = 0
    window: Annotated[
        int | None, at_least(1), "strategy=time: most distinct times to train on; null = all that came before"
    ] = None
    holdout_fraction: Annotated[float, between(0, 1, "()"), "strategy=holdout: share of the rows held out"] = 0.2
    overlap: Annotated[
        str,
        one_of("refuse", "repeats"),
        "strategy=predefined: folds of which some hold out the same few rows: refuse, or take each for a repeat",
    ] = "refuse"
    path: Annotated[str | None, PATH, "strategy=predefined: file of folds, relative to where the command is typed"] = (
        None
    )

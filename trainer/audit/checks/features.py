"""Feature columns that give the label away, or only name the row."""

from collections.abc import Iterator
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from trainer.audit.column_bound import r2_bound, recall_bound
from trainer.audit.duplicate_rows import labels_per_code, number, word_places
from trainer.audit.findings import Finding, Severity
from trainer.data.columns.roles import setting
from trainer.data.samples import DataSpec, TableColumns
from trainer.tasks import Target, Task, of_target

MOST_CELLS = 1_000_000  # looked at, once per label; more columns, fewer rows
MOST_ROWS, LEAST_ROWS = 20_000, 500
LEAK, WARNING = 0.99, 0.97  # mean recall of one column by itself
ROUNDING = 1e-9  # of a bound
LEAST_CLASS = 5  # held-out rows of a class for its recall to count
LEAST_VALUES, LEAST_REPEATS = 10, 3  # of a column of words that looks like a group: values, and rows of each on average
ID_ROWS = 20  # in fewer rows, different numbers say nothing
HEAD_ROWS = 1_000  # say of most columns that they number nothing


def check_label_columns(table: TableColumns, target: Target, spec: DataSpec) -> list[Finding]:
    """Report columns that predict the label by themselves, in rows a small tree was not fitted on.

    Args:
        table: the features.
        target: (N,) class index, or (N, L): each label is looked at by itself.
        spec: the label texts.
    """
    telling = list(_telling(table, target, spec.classes))
    findings, told, groups = [], "", _group_like(table, target) if telling else {}
    for name, label, score in telling:
        if name not in groups:
            findings.append(_label_column(name, label, score, spec.task))
        elif told != name:
            told = name
            findings.append(_group_column(name, groups[name], len(target), score, spec.task))
    return findings


def label_columns(table: TableColumns, target: Target) -> tuple[list[str], list[str]]:
    """Return the columns that all but are the label (or one of the labels), and those of them that look like groups."""
    told = dict.fromkeys(name for name, _, score in _telling(table, target) if score >= LEAK)
    groups = _group_like(table, target) if told else {}
    return [name for name in told if name not in groups], [name for name in told if name in groups]


def _telling(table: TableColumns, target: Target, classes: tuple[str, ...] = ()) -> Iterator[tuple[str, str, float]]:
    """Yield columns, the label they tell (one of several; else an empty text), and their mean recall."""
    task = of_target(target)
    n_labels = len(task.columns(target))
    n_trees = (len(table.numeric) + len(table.categorical)) * n_labels
    n_rows = int(np.clip(MOST_CELLS // max(n_trees, 1), LEAST_ROWS, MOST_ROWS))
    rows = np.random.default_rng(0).permutation(len(target))[:n_rows]
    labels = (classes or [str(place) for place in range(n_labels)]) if task.several_labels else [""]
    columns_MT = np.stack(task.columns(target[rows]), axis=1)
    if task.has_classes:
        score = partial(_recalls, target_MT=columns_MT, share_TC=_recall_shares(columns_MT[len(rows) // 2 :]))
    else:
        score = partial(_determination, target_M=columns_MT[:, 0])
    for name, cells_M in _columns(table, rows):
        infinite = ~np.isfinite(cells_M.astype(np.float32)) & ~np.isnan(cells_M)
        for place, told in score(np.where(infinite, np.nan, cells_M).astype(np.float32)):
            if told >= WARNING:
                yield name, labels[place], told


def _group_like(table: TableColumns, target: Target) -> dict[str, int]:
    """Return the columns of words with many values that each repeat and have one label, and how many values."""
    labels_N, found = of_target(target).codes(target), dict[str, int]()
    for name, words_N in zip(table.categorical, table.categorical_NK.T, strict=True):
        codes_N = word_places(words_N)
        codes_N -= codes_N.min()
        n_values = int(codes_N.max()) + 1
        many = n_values >= max(LEAST_VALUES, 3 * len(np.unique(labels_N)))
        if many and len(codes_N) >= LEAST_REPEATS * n_values:
            found |= {name: n_values} if labels_per_code(codes_N, labels_N).sum() == n_values else {}
    return found


def check_id_columns(table: TableColumns) -> list[Finding]:
    """Report columns with another value in every row, or that rise or fall from row to row throughout."""
    return [_id_column(name, said) for name, said in numbered_columns(table).items()]


def numbered_columns(table: TableColumns) -> dict[str, str]:
    """Return the columns that number the rows, and in what way; none of few rows."""
    if len(table.numeric_NF) < ID_ROWS:
        return {}
    numbers = zip(table.numeric, table.numeric_NF.T, strict=True)
    found = {name: said for name, values_N in numbers if (said := _numbering(values_N))}
    for name, words_N in zip(table.categorical, table.categorical_NK.T, strict=True):
        if all(_are_different(words) for words in (words_N[:HEAD_ROWS], words_N)):
            found[name] = "has another text in every row"
    return found


def _are_different(words: NDArray[np.object_]) -> bool:
    cells = pa.array(words, pa.string())
    return not cells.null_count and len(pc.unique(cells)) == len(cells)


def _columns(table: TableColumns, rows: NDArray[np.int64]) -> list[tuple[str, NDArray[np.float64]]]:
    """Return each column's cells (M,) as numbers; words become their places in the alphabet."""
    columns = [(name, table.numeric_NF[rows, place]) for place, name in enumerate(table.numeric)]
    for place, name in enumerate(table.categorical):
        words = ["" if word is None else str(word) for word in table.categorical_NK[rows, place]]
        columns.append((name, number(words).astype(np.float64)))
    return columns


def _recalls(
    cells_M: NDArray[np.float32], target_MT: NDArray[np.int64], share_TC: NDArray[np.float64]
) -> Iterator[tuple[int, float]]:
    """Yield the place of each target that a tree on one column may tell, and the mean recall over its classes.

    It is fitted on one half of the rows and scored on the other, where a row adds its share in the mean recall.
    """
    half = len(cells_M) // 2
    train_M, held_K, held_KT = cells_M[:half], cells_M[half:], target_MT[half:]
    bound_T = recall_bound(train_M, held_K, target_MT[:half], held_KT, share_TC)
    for place in np.flatnonzero(bound_T >= WARNING - ROUNDING).tolist():
        from sklearn.tree import DecisionTreeClassifier  # of which most data needs none

        held_out = held_KT[:, place]
        tree = DecisionTreeClassifier(max_leaf_nodes=64, random_state=0).fit(train_M[:, None], target_MT[:half, place])
        right = tree.predict(held_K[:, None]) == held_out
        scored = np.flatnonzero(share_TC[place])
        yield place, float(np.mean([right[held_out == label].mean() for label in scored]))


def _recall_shares(held_KT: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return (T, C) what each row of a class adds to the mean recall; 0 for rare classes, and all of less than two."""
    n_classes = int(held_KT.max(initial=0)) + 1
    counts_TC = np.stack([np.bincount(held_K, minlength=n_classes) for held_K in held_KT.T])
    scored_TC = counts_TC >= LEAST_CLASS
    scored_TC &= scored_TC.sum(axis=1, keepdims=True) > 1
    n_rows_TC = counts_TC * scored_TC.sum(axis=1, keepdims=True)
    return np.asarray(scored_TC / np.maximum(n_rows_TC, 1), dtype=np.float64)


def _determination(cells_M: NDArray[np.float32], target_M: NDArray[np.float64]) -> Iterator[tuple[int, float]]:
    """Yield the R² of a tree on one column where it may be high; fitted and scored as for ``_recalls``."""
    from sklearn.tree import DecisionTreeRegressor

    half = len(cells_M) // 2
    held_K, held_out = cells_M[half:], target_M[half:]
    if np.ptp(held_out) == 0 or r2_bound(held_K, held_out) < WARNING - ROUNDING:
        return
    tree = DecisionTreeRegressor(max_leaf_nodes=64, random_state=0).fit(cells_M[:half, None], target_M[:half])
    yield 0, float(tree.score(held_K[:, None], held_out))


def _label_column(name: str, label: str, score: float, task: Task) -> Finding:
    severity: Severity = "leak" if score >= LEAK else "warning"
    what = f"the label '{label}'" if label else "the label"
    measure = "mean recall" if task.has_classes else "R²"
    said = (
        f"Column '{name}' by itself tells {what}: {measure} {score:.3f} in rows it was not fitted on. "
        "Is it known before the label is?"
    )
    return Finding("label_column", severity, said, fix=setting("data.drop", name, in_list=True))


def _group_column(name: str, n_values: int, n_rows: int, score: float, task: Task) -> Finding:
    severity: Severity = "leak" if score >= LEAK else "warning"
    said = (
        f"Column '{name}' by itself tells the label: each of its {n_values} values has one label in all its rows "
        f"({n_rows:,} in all). Is it a group, such as a person or a recording? "
        f"If not: {setting('data.drop', name, in_list=True)}."
    )
    return Finding("label_column", severity, said, fix=f"{setting('data.group', name)} cv={task.grouped}")


def _numbering(values_N: NDArray[np.float64]) -> str:
    """Return in what way the values number the rows, or an empty text."""
    whole, one_way = _whole_and_one_way(values_N[:HEAD_ROWS])
    if whole or one_way:
        whole, one_way = _whole_and_one_way(values_N)
    if not (whole or one_way):
        return ""
    steps, n_different = np.diff(values_N), len(np.unique(values_N))
    if (steps > 0).all() or (steps < 0).all():
        return f"{'rises' if steps[0] > 0 else 'falls'} in every row"
    if whole and n_different == len(values_N):
        return "has another whole number in every row"
    if one_way and n_different * 2 > len(values_N):
        return f"never {'falls' if values_N[-1] > values_N[0] else 'rises'} from row to row"
    return ""


def _whole_and_one_way(values_N: NDArray[np.float64]) -> tuple[bool, bool]:
    """Return whether all values are whole, and whether none falls or none rises; neither where one is missing."""
    steps = np.diff(values_N)
    one_way = bool((steps >= 0).all() or (steps <= 0).all())
    return bool((values_N == np.floor(values_N)).all()), one_way and not np.isnan(values_N).any()


def _id_column(name: str, what: str) -> Finding:
    said = f"Column '{name}' {what}: it looks like an id or a time, which a model can only learn by heart."
    return Finding("id_column", "warning", said, fix=setting("data.drop", name, in_list=True))

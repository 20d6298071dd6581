"""Tables of the page as plain cells; what comes from data is escaped by the template."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from trainer.metrics.summary import row_numbers
from trainer.report.baseline_table import fitted
from trainer.report.formatting import (
    duration,
    epoch_scored,
    fold_name,
    interval,
    number,
    plus_minus,
    primary_first,
)
from trainer.report.page.class_scores import (
    MOST_CLASSES,
    MOST_IN_MATRIX,
    ClassScores,
    confusion,
    confusions,
)
from trainer.report.page.note_words import Say, slice_word
from trainer.report.page.run_facts import PageFacts
from trainer.report.page.term_words import metric_with_arrow
from trainer.results import CVResult, FoldResult, OutOfFold

Words = Mapping[str, str]
MOST_METRICS = 9  # beside each other, so that a printed page holds them; more go into a table below
MOST_FOLDS = 200
MOST_SLICES = 60


@dataclass(frozen=True)
class Cells:
    """A table.

    Attributes:
        heading: of the columns.
        rows: of cells.
        note: what is left out, or empty.
    """

    heading: list[str]
    rows: list[list[str]]
    note: str = ""


def metrics_table(result: CVResult, words: Words) -> Cells:
    """Return one row per metric, the primary one first."""
    rows = []
    for name in primary_first(result):
        one = result.metrics[name]
        rows.append([metric_with_arrow(name, words), plus_minus(one), number(one.oof), interval(one.ci95)])
    return Cells([words[key] for key in ("metric", "mean_sd", "oof", "interval")], rows)


def about_rows(result: CVResult, words: Words) -> list[str]:
    """Return what the figures mean: interval, positive class, the decision that precision and recall stand for."""
    grouped = result.n_groups is not None
    lines = [words["about_groups"].format(n=result.n_groups) if grouped else words["about_rows"]]
    if result.positive is not None:
        lines += [words[key].format(name=result.positive) for key in ("positive", "decided_binary")]
    elif result.task.several_labels:
        lines.append(words["decided_labels"])
    elif result.task.has_classes:
        lines.append(words["decided_multiclass"])
    return lines


def baseline_heading(result: CVResult, words: Words) -> list[str]:
    """Return what stands above the columns of ``baseline_table``."""
    heading = [words["metric"], words["this_model"]]
    for name in fitted(result):
        called = words.get(name, name)
        heading += [
            words["baseline_oof"].format(name=called),
            words["baseline_mean"].format(name=called),
            words["ahead"],
        ]
    return heading


def split_facts(result: CVResult, oof: OutOfFold, facts: PageFacts, words: Words) -> list[tuple[str, str]]:
    """Return how the rows were split: strategy, folds, repeats, groups, fingerprint."""
    split, n_rows = facts.split, int(row_numbers(oof).max()) + 1
    found = [(words["strategy"], str(split["strategy"]))] if "strategy" in split else []
    found += [(words["n_folds"], str(result.n_splits)), (words["repeats"], _repeats(result))]
    n_groups = None if oof.group is None else len(np.unique(oof.group))
    found.append((words["groups"], words["no_groups"] if n_groups is None else f"{n_groups:,}"))
    crossing = sum(int((part.get("groups") or {}).get("both_sides") or 0) for part in split.get("folds", ()))
    found += [(words["both_sides"], f"{crossing:,}")] if crossing else []
    found.append((words["rows"], f"{split.get('n_rows', n_rows):,}"))
    never = int(split.get("n_rows", n_rows)) - n_rows
    found += [(words["never"], f"{never:,}")] if never else []
    found.append((words["fingerprint"], result.fingerprint[:12]))
    return found


def _repeats(result: CVResult) -> str:
    seeds = ", ".join(map(str, result.seeds.get("seeds", ())))
    return f"{result.n_different} × seed={seeds}" if seeds else str(result.repeats)


def folds_tables(result: CVResult, folds: Sequence[FoldResult], facts: PageFacts, words: Words) -> list[Cells]:
    """Return one row per fold; many metrics are spread over several tables."""
    names, shown = primary_first(result), folds[:MOST_FOLDS]
    note = f"{len(shown)} / {len(folds)}" if len(shown) < len(folds) else ""
    groups = _held_out_groups(facts)
    first = [*(words[key] for key in ("train_rows", "held_out_rows")), *([words["held_out_groups"]] if groups else [])]
    tables = []
    for start in range(0, len(names), MOST_METRICS):
        part = names[start : start + MOST_METRICS]
        heading = [
            words["fold"],
            *([] if start else [*first, words["epoch"]]),
            *(metric_with_arrow(name, words) for name in part),
        ]
        rows = []
        for fold in shown:
            number_of = groups.get((fold.repeat % result.n_different, fold.fold))
            sizes = [f"{fold.n_train:,}", f"{len(fold.rows):,}", *([str(number_of)] if groups else [])]
            cells = [] if start else [*sizes, epoch_scored(fold, " / ")]
            cells += [number(fold.metrics.get(name)) for name in part]
            rows.append([fold_name(fold, result.repeats), *cells, *([] if start else [duration(fold.seconds)])])
        tables.append(Cells([*heading, *([] if start else [words["time"]])], rows, note))
    return tables


def _held_out_groups(facts: PageFacts) -> dict[tuple[int, int], int]:
    parts = [part for part in facts.split.get("folds", ()) if part.get("groups")]
    return {(part["repeat"], part["fold"]): part["groups"]["held_out"] for part in parts}


def classes_table(result: CVResult, scores: ClassScores, words: Words) -> Cells:
    """Return one row per class: support, precision, sensitivity, specificity, F1."""
    order = list(range(len(result.classes)))
    note = ""
    if len(order) > MOST_CLASSES:
        order = scores.weakest()[:MOST_CLASSES]
        note = words["some_listed"].format(shown=MOST_CLASSES, all=f"{len(result.classes):,}")
    rows = [
        [
            str(k),
            result.classes[k],
            f"{int(scores.support[k]):,}",
            *(number(float(one[k])) for one in (scores.precision, scores.recall, scores.specificity, scores.f1)),
        ]
        for k in order
    ]
    heading = [words[key] for key in ("support", "precision", "sensitivity", "specificity", "f1")]
    return Cells(["#", words["label"] if result.task.several_labels else words["class"], *heading], rows, note)


@dataclass(frozen=True)
class Confusion:
    """Who is taken for whom.

    Attributes:
        names: of the classes, where they are few.
        rows: for each true class, (count, share of the true class in tenths, share in words) of each predicted one.
        most: (true, predicted, rows) of the most frequent mistakes, where classes are many.
    """

    names: list[str]
    rows: list[list[tuple[int, int, str]]]
    most: list[tuple[str, str, int]]


def confusion_tables(result: CVResult, oof: OutOfFold, words: Words) -> Confusion | None:
    """Return the confusion matrix, or of many classes the largest confusions; None where rows have several labels."""
    if not result.task.one_class_each:
        return None
    counts_CC, names = confusion(result, oof), result.classes
    if len(names) > MOST_IN_MATRIX:
        return Confusion([], [], [(names[true], names[other], n) for true, other, n in confusions(counts_CC)])
    share_CC = counts_CC / np.maximum(counts_CC.sum(axis=1, keepdims=True), 1)
    rows = [
        [(n, int(np.ceil(10 * share)) if n else 0, f"{share:.0%}") for n, share in zip(counts, shares, strict=True)]
        for counts, shares in zip(counts_CC.tolist(), share_CC.tolist(), strict=True)
    ]
    return Confusion(list(names), rows, [])


def slices_table(result: CVResult, facts: PageFacts, words: Words, say: Say) -> Cells | None:
    """Return the slices that were compared, those that differ most first; None where none were."""
    if facts.slices is None:
        return None
    what = words["right"] if result.task.has_classes else words["error"]
    heading = [words["slice"], words["rows"], what, words["interval"], words["rest"], words["q"]]
    left = len(facts.slices) > MOST_SLICES
    note = words["some_slices"].format(shown=MOST_SLICES, all=f"{len(facts.slices):,}") if left else ""
    return Cells(heading, list(_slice_rows(facts, say)), note)


def _slice_rows(facts: PageFacts, say: Say) -> Iterator[list[str]]:
    for one in (facts.slices or ())[:MOST_SLICES]:
        ends = f"{number(one.low)} – {number(one.high)}"
        yield [slice_word(one, say), f"{one.n_rows:,}", number(one.value), ends, number(one.rest), f"{one.q:.2g}"]


def residual_cells(result: CVResult, oof: OutOfFold, words: Words) -> Cells:
    """Return mean, spread and quantiles of what is true minus what was predicted."""
    residual_M: Any = oof.target - result.task.predicted(oof.proba)
    quantiles = np.quantile(residual_M, [0.05, 0.25, 0.5, 0.75, 0.95]).tolist()
    heading = ["", words["mean"], words["sd"], "5 %", "25 %", "50 %", "75 %", "95 %"]
    figures = [float(residual_M.mean()), float(residual_M.std()), *quantiles]
    return Cells(heading, [[words["residual"], *map(number, figures)]])

"""Which models may label unlabelled rows for a fold, which rows it takes, and what is said of both.

The rule that keeps labels honest: a model may label for a fold only if it was trained on exactly the fold's training
rows. A model of another fold has been trained on rows that this one holds out. What it says of an unlabelled row tells
of their labels, most of all where the row is like one of them; the fold would learn it, and its score be too good.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.audit.clusters import copy_codes
from trainer.audit.duplicate_rows import input_codes
from trainer.config.pseudo import ALL_FOLDS, PseudoConfig
from trainer.data.samples import DataSpec, Inputs, Samples, TableColumns, Texts
from trainer.errors import ConfigError, DataError, did_you_mean
from trainer.folds.each_seed import rows_of_any_seed, with_seeds
from trainer.folds.plan import FoldPlan
from trainer.run.copies import RunCopy, open_copy
from trainer.run.pseudo_labels import FoldLabels, PseudoLabels
from trainer.run.steps.audit import most_near
from trainer.run.teacher import Labelled, done_of, read_labelled
from trainer.store.own_files import ALL
from trainer.wording.lists import first_few

MOST_NAMED = 20  # copies of held-out rows that manifest.json names for a fold
NEAR = 0.8  # see ``near_clusters``


def pseudo_labels(
    section: PseudoConfig, samples: Samples, spec: DataSpec, split: FoldPlan, n_folds: int, cache: Path
) -> PseudoLabels:
    """Choose for each fold which unlabelled rows it trains on, and under which labels.

    Args:
        section: ``pseudo``; its predictions have been made (``trainer.inference.pseudo_rows``).
        samples: the labelled rows.
        spec: what they mean.
        split: their folds, under one seed.
        n_folds: of the run, under all its seeds.
        cache: of what is computed once from the data.

    Raises:
        ConfigError: the teacher would leak, or is of another task.
        CheckpointError: it is no finished run.
        DataError: its folds are not these, or nothing is sure enough.
    """
    teacher = open_copy(Path(str(section.teacher)))
    _require_fitting(section, teacher, spec, split)
    rows = read_labelled(section, teacher, cache)
    inputs = joined(samples.inputs, rows.inputs, str(section.path))
    copies_PN = _codes(samples, rows.inputs, inputs)
    by_fold, of_folds = dict[int | str, FoldLabels](), dict[str, Any]()
    for name in (*range(n_folds), ALL):
        labelling = _labelling(section, teacher, split, name)
        held_out = _rows(split, name)[1]
        copy_P = np.isin(copies_PN[len(samples) :], copies_PN[held_out])
        labels = chosen(rows.proba_KPC[labelling], section, spec.classes, left_out_P=copy_P)
        by_fold[name] = labels
        of_folds[str(name)] = _facts(
            teacher, labelling, labels, spec, [rows.ids_P[p] for p in np.flatnonzero(copy_P).tolist()]
        )
    if not any(len(labels.places) for labels in by_fold.values()):
        raise DataError(f"pseudo.path={section.path}: no row is labelled surely enough: lower pseudo.threshold")
    facts = _all_facts(section, teacher, rows, of_folds)
    return PseudoLabels(
        inputs, len(samples), len(rows.ids_P), by_fold, section.weight, section.soft, facts, _notes(facts, section)
    )


def chosen(
    proba_KPC: NDArray[np.float32], section: PseudoConfig, classes: Sequence[str], *, left_out_P: NDArray[np.bool_]
) -> FoldLabels:
    """Return the rows whose likeliest class is likely enough and agreed upon, by the mean of the labelling models.

    Args:
        proba_KPC: of the K labelling models.
        section: thresholds and agreement.
        classes: their names.
        left_out_P: rows that are never taken.
    """
    mean_PC = proba_KPC.mean(axis=0, dtype=np.float64)
    label_P = mean_PC.argmax(axis=1)
    needed_C = np.array([float(section.thresholds.get(name, section.threshold)) for name in classes])
    agreed_P = (proba_KPC.argmax(axis=2) == label_P).mean(axis=0) >= section.agreement
    sure_P = mean_PC.max(axis=1) >= needed_C[label_P]
    places = np.flatnonzero(sure_P & agreed_P & ~left_out_P)
    return FoldLabels(places, label_P[places].astype(np.int64), mean_PC[places].astype(np.float32))


def joined(first: Inputs, second: TableColumns | Texts, named: str) -> Inputs:
    """Return the rows of both, one behind the other.

    Raises:
        ConfigError: they are of another kind, or have other columns.
    """
    if isinstance(first, Texts) and isinstance(second, Texts) and (first.pairs is None) == (second.pairs is None):
        pairs = None if first.pairs is None or second.pairs is None else first.pairs + second.pairs
        return Texts(first.texts + second.texts, pairs)
    if isinstance(first, TableColumns) and isinstance(second, TableColumns):
        for kind in ("numeric", "categorical"):
            here, there = getattr(first, kind), getattr(second, kind)
            if differing := [*sorted(set(here) ^ set(there))]:
                raise ConfigError(
                    f"pseudo.path={named}: the run's {kind} columns are not those that the teacher reads: "
                    f"{first_few(differing, 3)}\ntrain both on the same columns"
                )
        numeric, words = [second.numeric.index(name) for name in first.numeric], list(second.categorical)
        return TableColumns(
            np.concatenate([first.numeric_NF, second.numeric_NF[:, numeric]]),
            np.concatenate(
                [first.categorical_NK, second.categorical_NK[:, [words.index(n) for n in first.categorical]]]
            ),
            first.numeric,
            first.categorical,
        )
    raise ConfigError(
        f"pseudo.path={named}: pseudo-labels are for tables in memory and texts, read the same way by run and teacher\n"
        "images: predict them fold by fold (foldwise predict RUN NEW --folds 0) and train on a table of their files"
    )


def _codes(samples: Samples, unlabelled: TableColumns | Texts, inputs: Inputs) -> NDArray[np.int64]:
    """Return (N + P,) numbers that copies share; texts that are nearly the same are copies too.

    What looks alike is decided by the labelled rows: an unlabelled one is entered with the label of its exact copy.
    """
    codes, n_labelled = input_codes(inputs), len(samples)
    label_of = np.zeros(codes.max() + 1, dtype=np.int64)
    label_of[codes[:n_labelled]] = samples.target
    target = np.concatenate([samples.target, label_of[codes[n_labelled:]]])
    near = NEAR if len(codes) <= most_near(inputs) else None
    ids = np.arange(len(codes)).astype(np.str_)
    return copy_codes(Samples(ids, inputs, target), codes, near)


def _require_fitting(section: PseudoConfig, teacher: RunCopy, spec: DataSpec, split: FoldPlan) -> None:
    place = f"pseudo.teacher={teacher.directory}"
    if not spec.task.one_class_each:
        raise ConfigError(f"pseudo.path: a {spec.task} task has no pseudo-labels: they are for rows of one class each")
    if not spec.task.fits(teacher.task.name) or tuple(teacher.facts["classes"]) != tuple(spec.classes):
        there = f"{teacher.task} of {first_few(list(teacher.facts['classes']), 5)}"
        raise ConfigError(f"{place}: is {there}, this run {spec.task} of {first_few(list(spec.classes), 5)}")
    if unknown := [name for name in section.thresholds if name not in spec.classes]:
        raise ConfigError(
            f"pseudo.thresholds.{unknown[0]}: no such class{did_you_mean(unknown[0], list(spec.classes))}"
        )
    expected = with_seeds(split, teacher.plan.seeds)
    if expected.fingerprint != teacher.plan.fingerprint:
        raise DataError(
            f"{place}: its folds are not those of this run: {_difference(teacher.plan, expected)}\n"
            "its models have seen rows that are held out here: train both with the same data and the same cv options"
        )
    leaks = []
    if teacher.facts["select"] == "fold":
        leaks.append("picked its epochs on the rows that its folds hold out (cv.select=fold)")
    if (teacher.facts.get("pseudo") or {}).get("leaks"):
        leaks.append("was itself trained on labels that leak (pseudo.force_leak=true)")
    if leaks and not section.force_leak:
        raise ConfigError(
            f"{place}: {leaks[0]}, so its labels tell of them\nuse another teacher (or pseudo.force_leak=true)"
        )


def _difference(there: FoldPlan, here: FoldPlan) -> str:
    """Say in what two plans differ."""
    if there.fold_of_row.shape[1] != here.fold_of_row.shape[1]:
        return f"{there.fold_of_row.shape[1]} rows there, {here.fold_of_row.shape[1]} here"
    for name in ("strategy", "n_splits", "n_different", "random_state"):
        one, other = getattr(there, name), getattr(here, name)
        if one != other:
            return f"cv.{name.replace('n_different', 'repeats')}: {one} there, {other} here"
    if not np.array_equal(there.fold_of_row, here.fold_of_row):
        return "rows are in other folds"
    return "the rows have other ids, labels or groups"


def _rows(split: FoldPlan, name: int | str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return (training, held-out) rows of a fold under any seed."""
    everything = np.arange(split.fold_of_row.shape[1])
    if name == ALL:
        return everything, everything[:0]
    return rows_of_any_seed(split, int(name))


def _labelling(section: PseudoConfig, teacher: RunCopy, split: FoldPlan, name: int | str) -> list[int]:
    """Return the folds of the teacher that label for a fold; ``all`` holds nothing out, so all may."""
    everyone = list(range(teacher.n_folds))
    if section.mode == ALL_FOLDS or name == ALL:
        return everyone
    train = _rows(split, name)[0]
    return [number for number in everyone if np.array_equal(_rows(split, number)[0], train)]


def _weights(teacher: RunCopy, number: int) -> str:
    """Return the sha256 of the weights of a fold."""
    return next((sha for name, sha in done_of(teacher, number)["sha256"].items() if name.startswith("model.")), "")


def _facts(
    teacher: RunCopy, labelling: Sequence[int], labels: FoldLabels, spec: DataSpec, copies: Sequence[str]
) -> dict[str, Any]:
    counts = spec.task.class_counts(labels.target, len(spec.classes)).tolist()
    return {
        "labelled by": {str(number): _weights(teacher, number) for number in labelling},
        "rows": dict(zip(map(str, spec.classes), counts, strict=True)),
        "copies of held-out rows left out": len(copies),
        "copies": list(copies[:MOST_NAMED]),
    }


def _all_facts(section: PseudoConfig, teacher: RunCopy, rows: Labelled, of_folds: dict[str, Any]) -> dict[str, Any]:
    before = teacher.facts.get("pseudo")
    leaks = section.mode == ALL_FOLDS or teacher.facts["select"] == "fold" or bool((before or {}).get("leaks"))
    return {
        "teacher": str(teacher.directory),
        "path": section.path,
        "n_rows": len(rows.ids_P),
        "mode": section.mode,
        "leaks": leaks,
        "folds (fingerprint)": teacher.plan.fingerprint,
        "folds": of_folds,
        "before": before,
    }


def _notes(facts: Mapping[str, Any], section: PseudoConfig) -> tuple[str, ...]:
    """Return one line per fold, those that hold out no copies in few words."""
    lines = []
    for name, fold in facts["folds"].items():
        if name == ALL:
            continue
        counts = ", ".join(f"{n} {label}" for label, n in fold["rows"].items())
        by = ", ".join(fold["labelled by"])
        n_rows = sum(fold["rows"].values())
        line = f"pseudo-labels: fold {name} trains on {n_rows} more rows ({counts}), labelled by fold {by}"
        if n := fold["copies of held-out rows left out"]:
            line += f"; {n} left out as copies of its held-out rows: {first_few(fold['copies'], 3)}"
        lines.append(line)
    if facts["leaks"]:
        lines.append("pseudo.force_leak: models that know a fold's held-out rows label for it: its score is too good")
    if section.soft and section.threshold:
        lines.append("pseudo.soft takes the rows above pseudo.threshold only; 0 takes all")
    return tuple(lines)

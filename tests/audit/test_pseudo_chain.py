from typing import Any

import numpy as np
import pytest

from trainer.audit.pseudo_chain import pseudo_findings
from trainer.folds.each_seed import with_seeds
from trainer.folds.plan import FoldPlan

PLAN = FoldPlan("kfold", 3, 1, 0, np.array([[0, 0, 1, 1, 2, 2, 2]]), "f")


def record(labelled_by: dict[str, list[int]], before: Any = None, *, leaks: bool = False, teacher: str = "a1") -> Any:
    folds = {name: {"labelled by": dict.fromkeys(map(str, numbers), "sha")} for name, numbers in labelled_by.items()}
    return {"teacher": teacher, "folds": folds, "before": before, "leaks": leaks}


OWN = {"0": [0], "1": [1], "2": [2], "all": [0, 1, 2]}


def test_a_run_without_pseudo_labels_has_nothing_to_prove() -> None:
    assert pseudo_findings(None, PLAN) == []


@pytest.mark.parametrize(("before", "rounds"), [(None, "1 round"), (record(OWN), "2 rounds")])
def test_folds_that_label_for_themselves_leak_nothing(before: Any, rounds: str) -> None:
    (found,) = pseudo_findings(record(OWN, before), PLAN)
    assert found.severity == "note"
    assert f"any of 3 folds was trained on rows that it holds out ({rounds})" in found.message


def test_a_fold_labelled_by_another_is_a_leak_of_all_its_held_out_rows() -> None:
    found = pseudo_findings(record({**OWN, "2": [2, 0]}), PLAN)
    assert [(one.severity, one.folds, one.n_rows, one.fix) for one in found] == [
        ("leak", ("2",), 3, "pseudo.mode=per_fold")
    ]
    assert found[0].message == "fold 0 of a1 has labelled rows for fold 2, and was trained on 3 of its 3 held-out rows."


def test_a_leak_of_an_earlier_round_is_found_although_the_last_one_is_clean() -> None:
    first = record({**OWN, "1": [0, 1]}, teacher="a0")
    found = pseudo_findings(record(OWN, record(OWN, first)), PLAN)
    assert [one.folds for one in found] == [("1",)]
    assert "fold 0 of a0 has labelled rows for fold 1" in found[0].message


def test_a_teacher_that_picked_its_epochs_on_held_out_rows_is_a_leak_of_every_fold() -> None:
    (found,) = pseudo_findings(record(OWN, leaks=True), PLAN)
    assert (found.severity, found.folds) == ("leak", ("0", "1", "2"))


def test_folds_of_another_seed_hold_out_the_same_rows() -> None:
    seeded = with_seeds(PLAN, [1, 2])
    clean = {str(number): [number % 3, number % 3 + 3] for number in range(6)}
    assert [one.severity for one in pseudo_findings(record(clean), seeded)] == ["note"]
    assert [one.folds for one in pseudo_findings(record({**clean, "5": [4]}), seeded)] == [("5",)]


def test_rows_that_a_model_was_not_trained_on_may_be_held_out_elsewhere() -> None:
    forward = FoldPlan(
        "time", 2, 1, 0, np.array([[-1, 0, 1]]), "f", (), {(0, 0): np.array([0]), (0, 1): np.array([0, 1])}
    )
    assert pseudo_findings(record({"0": [0], "1": [0]}), forward)[0].severity == "note"
    assert pseudo_findings(record({"0": [1], "1": [1]}), forward)[0].folds == ("0",)

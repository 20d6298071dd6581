import json
from dataclasses import replace

import numpy as np
import pytest

from tests.audit.audit_cases import SPEC, folds, of_kind, table, texts
from trainer.audit.run import audit
from trainer.data.samples import DataSpec, Samples, Texts
from trainer.tasks import MULTILABEL

RANDOM = np.random.default_rng(0)
NOISE = RANDOM.normal(size=(300, 2))
LABELS = RANDOM.integers(0, 2, 300)
FOLDS = RANDOM.integers(0, 3, (1, 300))
LONG = "the room was large and clean and the staff were very friendly to us"
TWO_LABELS = replace(SPEC, task=MULTILABEL)


def test_rows_without_a_problem_have_no_finding() -> None:
    assert audit(table(NOISE, target=LABELS), SPEC, FOLDS) == []
    assert audit(table(NOISE, target=LABELS), SPEC, None) == []


def test_a_copy_on_the_other_side_is_a_leak_with_rows_folds_and_fix() -> None:
    samples = texts(["first sentence here", "another sentence", "First sentence, here!", "yet another sentence"])
    finding = of_kind(audit(samples, SPEC, folds(0, 0, 1, 1)), "exact_copies")
    assert finding.severity == "leak"
    assert (finding.rows, finding.n_rows, finding.folds) == ((1, 3), 2, ("0", "1"))
    assert finding.fix == "cv=stratified_group cv.group=auto_duplicates"
    assert "2 of 4 held-out rows" in finding.message
    assert "Row 1 is held out while row 3 is trained on" in finding.message


def test_copies_in_one_fold_are_no_leak() -> None:
    samples = texts(["first sentence here", "First sentence, here!", "another sentence", "yet another sentence"])
    assert of_kind(audit(samples, SPEC, folds(0, 0, 1, 1)), "exact_copies") is None


def test_without_a_split_every_repetition_is_counted() -> None:
    finding = of_kind(audit(texts(["same words", "x", "Same words", "same words."]), SPEC, None), "exact_copies")
    assert (finding.severity, finding.rows, finding.folds) == ("warning", (3, 4), ())


def test_copies_of_rows_that_are_not_trained_on_are_no_leak() -> None:
    samples = texts(["first sentence here", "another sentence", "first sentence here"])
    found = audit(samples, SPEC, folds(0, -1, 1), train_rows=lambda repeat, fold: np.array([1]))
    assert of_kind(found, "exact_copies") is None
    assert of_kind(audit(samples, SPEC, folds(0, -1, 1)), "exact_copies") is not None


@pytest.mark.parametrize(
    ("samples", "doubt"),
    [
        (texts(["Okay.", "Right.", "okay!", "no"]), "at most 5 characters"),
        (table([[1.0], [2.0], [1.0], [3.0]]), "No column has more than 3 different values"),
    ],
)
def test_rows_that_may_be_the_same_by_chance_are_a_warning(samples: Samples, doubt: str) -> None:
    finding = of_kind(audit(samples, SPEC, folds(0, 0, 1, 1)), "exact_copies")
    assert finding.severity == "warning"
    assert doubt in finding.message


def test_a_feature_row_that_occurs_twice() -> None:
    numeric = np.vstack([NOISE, NOISE[:1]])
    samples = table(numeric, target=[*LABELS, LABELS[0]])
    finding = of_kind(audit(samples, SPEC, np.append(FOLDS[0], (FOLDS[0, 0] + 1) % 3)[None]), "exact_copies")
    assert (finding.severity, finding.rows) == ("leak", (1, 301))


def test_a_near_copy_is_found_and_exact_ones_are_not_counted_again() -> None:
    samples = texts([LONG, LONG + " indeed", LONG.upper(), "breakfast was cold, and the coffee too"])
    found = audit(samples, SPEC, folds(0, 1, 2, 2))
    near = of_kind(found, "near_copies")
    assert (near.severity, near.rows) == ("leak", (2,))
    assert of_kind(found, "exact_copies").rows == (1, 3)
    assert of_kind(audit(samples, SPEC, folds(0, 1, 2, 2), near=None), "near_copies") is None
    assert of_kind(audit(samples, SPEC, None), "near_copies").rows == (2,)


def test_different_labels_of_one_input_bound_the_accuracy() -> None:
    samples = texts(["same", "SAME", "same!", "b", "c", "d", "e", "f"], target=[0, 1, 0, 0, 1, 0, 1, 0])
    finding = of_kind(audit(samples, SPEC, None), "label_conflicts")
    assert (finding.severity, finding.rows) == ("warning", (1, 2, 3))
    assert "row 1 (no) and row 2 (yes)" in finding.message
    assert "no model can be right in more than 87.50 %" in finding.message  # one of eight is lost


def test_different_label_sets_of_one_input() -> None:
    samples = texts(["same", "same", "b"], target=[0, 0, 0])
    samples = Samples(samples.ids_N, samples.inputs, np.array([[1, 1], [0, 0], [1, 0]]))
    found = audit(samples, DataSpec("case", MULTILABEL, ("red", "blue")), None)
    assert "row 1 (red + blue) and row 2 (no label)" in of_kind(found, "label_conflicts").message


def test_a_common_input_with_both_labels_stays_and_is_no_leak() -> None:
    numeric = np.vstack([np.zeros((100, 2)), NOISE])
    target = [1] * 4 + [0] * 96 + LABELS.tolist()
    found = audit(table(numeric, target=target), SPEC, RANDOM.integers(0, 3, (1, 400)))
    finding = of_kind(found, "frequent_input")
    assert (finding.severity, finding.n_rows, finding.fix) == ("note", 100, "")
    assert "100 times (25.0 % of the rows: 96 of 'no', 4 of 'yes')" in finding.message
    assert "keep them" in finding.message
    assert of_kind(found, "exact_copies") is None


def test_a_row_repeated_before_the_split_stays_a_leak_however_common() -> None:
    numeric = np.vstack([np.zeros((100, 2)), NOISE])
    found = audit(table(numeric, target=[1] * 100 + LABELS.tolist()), SPEC, RANDOM.integers(0, 3, (1, 400)))
    assert of_kind(found, "exact_copies").n_rows == 100
    assert of_kind(found, "exact_copies").severity == "leak"
    assert "keep" not in of_kind(found, "frequent_input").message


def test_groups_on_both_sides() -> None:
    samples = texts(["aa", "bb", "cc", "dd"], groups=["ann", "bob", "ann", "cy"])
    finding = of_kind(audit(samples, SPEC, folds(0, 1, 1, 1)), "groups")
    assert (finding.severity, finding.rows, finding.fix) == ("leak", (1, 3), "cv=stratified_group")
    assert "1 of 3 groups is on both sides" in finding.message
    assert "'ann' has row 1 held out while row 3 is trained on" in finding.message
    assert of_kind(audit(samples, SPEC, folds(0, 1, 0, 1)), "groups") is None
    assert of_kind(audit(samples, SPEC, None), "groups").severity == "warning"


def test_multilabel_rows_are_told_the_strategy_that_takes_them() -> None:
    samples = texts(["aa", "bb"], groups=["ann", "ann"])
    samples = Samples(samples.ids_N, samples.inputs, np.array([[1, 1], [0, 0]]), groups_N=samples.groups_N)
    found = audit(samples, DataSpec("case", MULTILABEL, ("red", "blue")), folds(0, 1))
    assert of_kind(found, "groups").fix == "cv=multilabel"
    one_label = replace(samples, target=np.array([1, 0]))
    found = audit(one_label, SPEC, folds(0, 1), given=True)
    assert of_kind(found, "groups").fix == "cv=stratified_group (makes new folds)"
    copied = Samples(samples.ids_N, Texts(("the same words",) * 2), samples.target)
    found = audit(copied, DataSpec("case", MULTILABEL, ("red", "blue")), folds(0, 1))
    assert of_kind(found, "exact_copies").fix == "cv=multilabel cv.group=auto_duplicates"
    found = audit(copied, DataSpec("case", MULTILABEL, ("red", "blue")), folds(0, 1), given=True)
    assert of_kind(found, "exact_copies").fix.endswith("(makes new folds; to keep yours, take the copies out of train)")


@pytest.mark.parametrize(
    "times_N",
    [
        np.array([1.0, 2.0, 3.0, np.nan]),
        np.array(["2024-01-01", "2024-01-02", "2024-01-03", "NaT"], dtype="datetime64[us]"),
    ],
)
def test_time_that_goes_backwards(times_N) -> None:
    samples = texts(["aa", "bb", "cc", "dd"])
    finding = of_kind(audit(samples, SPEC, folds(-1, 0, -1, -1), times_N=times_N), "time_backwards")
    assert (finding.severity, finding.rows, finding.fix) == ("leak", (2,), "cv=time")
    second, third = ("2.0", "3.0") if times_N.dtype.kind == "f" else ("2024-01-02", "2024-01-03")
    assert f"Row 2 ({second}) is held out while row 3 ({third}) is trained on" in finding.message
    unknown = of_kind(audit(samples, SPEC, folds(-1, 0, -1, -1), times_N=times_N), "no_time")
    assert (unknown.severity, unknown.rows, unknown.n_rows) == ("note", (4,), 1)
    forwards = audit(samples, SPEC, folds(-1, -1, 0, -1), times_N=times_N)
    assert of_kind(forwards, "time_backwards") is None
    assert of_kind(audit(samples, SPEC, None, times_N=times_N), "time_backwards").severity == "warning"


def test_equal_times_are_not_backwards() -> None:
    assert audit(texts(["aa", "bb"]), SPEC, folds(0, -1), times_N=np.array([7.0, 7.0])) == []
    assert audit(texts(["aa", "bb"]), SPEC, None, times_N=np.array([7.0, 7.0])) == []


def test_expanding_windows_do_not_look_back() -> None:
    samples = texts(["aa", "bb", "cc", "dd"])
    times_N = np.arange(4.0)
    fold_of_row = folds(-1, 0, 1, 2)
    before = [np.arange(1), np.arange(2), np.arange(3)]
    assert audit(samples, SPEC, fold_of_row, times_N=times_N, train_rows=lambda repeat, fold: before[fold]) == []
    assert of_kind(audit(samples, SPEC, fold_of_row, times_N=times_N), "time_backwards").rows == (2, 3)


def test_a_row_trained_on_and_held_out_at_once() -> None:
    samples = texts(["aa", "bb", "cc"])
    found = audit(samples, SPEC, folds(0, 0, -1), train_rows=lambda repeat, fold: np.array([1, 2]))
    (finding,) = found  # and it is no copy of itself
    assert finding.kind == "overlap"
    assert (finding.severity, finding.rows, finding.folds) == ("leak", (2,), ("0",))


@pytest.mark.parametrize(
    "column",
    [
        LABELS * 2.0 + RANDOM.normal(size=300) / 10,
        np.where(LABELS == 1, np.nan, RANDOM.normal(size=300)),  # missing where the label is 1
        -5.0 * LABELS,
    ],
)
def test_a_column_that_is_the_label(column) -> None:
    numeric = np.column_stack([NOISE, column])
    finding = of_kind(audit(table(numeric, target=LABELS), SPEC, FOLDS), "label_column")
    assert finding.severity == "leak"
    assert "'n2'" in finding.message
    assert finding.fix == "data.drop=[n2]"


def test_a_column_of_words_that_is_the_label() -> None:
    words = [["paid" if label else "owed"] for label in LABELS]
    finding = of_kind(audit(table(NOISE, words, target=LABELS), SPEC, FOLDS), "label_column")
    assert finding.fix == "data.drop=[c0]"


def test_a_good_column_is_only_a_good_column() -> None:
    numeric = np.column_stack([NOISE, LABELS + RANDOM.normal(size=300) / 2])  # about 84 %
    assert of_kind(audit(table(numeric, target=LABELS), SPEC, FOLDS), "label_column") is None


def test_a_rare_class_is_not_hidden_by_a_common_one() -> None:
    target = (np.arange(4000) % 200 == 0).astype(int)
    numeric = np.column_stack([RANDOM.normal(size=4000), RANDOM.normal(size=4000)])
    assert audit(table(numeric, target=target), SPEC, None) == []  # always "no" is right in 99.5 %


def test_a_column_that_is_one_of_several_labels() -> None:
    target = RANDOM.integers(0, 2, (300, 2))
    samples = table(np.column_stack([NOISE, target[:, 1]]))
    samples = Samples(samples.ids_N, samples.inputs, target)
    found = audit(samples, DataSpec("case", MULTILABEL, ("red", "blue")), FOLDS)
    assert "the label 'blue'" in of_kind(found, "label_column").message


@pytest.mark.parametrize(
    ("column", "what"),
    [
        (RANDOM.permutation(300) + 1000.0, "another whole number in every row"),
        (np.cumsum(RANDOM.random(300) + 0.01), "rises in every row"),
        (-np.cumsum(RANDOM.random(300) + 0.01), "falls in every row"),
        (np.sort(RANDOM.integers(0, 300, 300)) * 1.0, "never falls"),
    ],
)
def test_a_column_that_numbers_the_rows(column, what: str) -> None:
    finding = of_kind(audit(table(np.column_stack([NOISE, column]), target=LABELS), SPEC, FOLDS), "id_column")
    assert (finding.severity, finding.fix) == ("warning", "data.drop=[n2]")
    assert what in finding.message


def test_a_column_of_names_that_are_all_different() -> None:
    found = audit(table(NOISE, [[f"case {row * 7 % 300}"] for row in range(300)], target=LABELS), SPEC, FOLDS)
    assert of_kind(found, "id_column").fix == "data.drop=[c0]"


@pytest.mark.parametrize("column", [np.zeros(300), RANDOM.integers(0, 50, 300) * 1.0, np.arange(300) // 150 * 1.0])
def test_columns_that_do_not_number_the_rows(column) -> None:
    assert of_kind(audit(table(np.column_stack([NOISE, column]), target=LABELS), SPEC, FOLDS), "id_column") is None


def test_a_sorted_file_is_noted_and_unshuffled_folds_are_warned_of() -> None:
    samples = table(NOISE, target=np.sort(LABELS))
    assert of_kind(audit(samples, SPEC, FOLDS), "row_order").severity == "note"
    assert "never split" in of_kind(audit(samples, SPEC, None), "row_order").message
    finding = of_kind(audit(samples, SPEC, np.arange(300)[None] // 100), "row_order")
    assert (finding.severity, finding.fix) == ("warning", "cv.shuffle=true")


def test_blocks_of_one_label_look_like_groups_unless_the_split_keeps_them() -> None:
    blocks = np.arange(300) // 6
    samples = table(NOISE, target=RANDOM.integers(0, 2, 50)[blocks])
    assert of_kind(audit(samples, SPEC, FOLDS), "row_order").severity == "warning"
    assert of_kind(audit(samples, SPEC, blocks[None] // 10), "row_order") is None


def test_blocks_of_one_set_of_labels_are_blocks_too() -> None:
    random = np.random.default_rng(1)
    target = random.integers(0, 2, (50, 2))
    finding = of_kind(audit(table(NOISE, target=target[np.arange(300) // 6]), TWO_LABELS, FOLDS), "row_order")
    assert finding.severity == "warning"
    assert of_kind(audit(table(NOISE, target=random.integers(0, 2, (300, 2))), TWO_LABELS, FOLDS), "row_order") is None


def test_blocks_that_are_known_groups_are_not_told_again() -> None:
    blocks = np.arange(300) // 6
    samples = table(NOISE, target=RANDOM.integers(0, 2, 50)[blocks], groups=blocks)
    assert of_kind(audit(samples, SPEC, FOLDS), "row_order") is None


def test_leaks_come_first_and_findings_are_plain_values() -> None:
    short = audit(texts(["ok", "no", "OK", "so"], groups=["ann", "bob", "bob", "cy"]), SPEC, folds(0, 0, 1, 1))
    assert [(finding.severity, finding.kind) for finding in short] == [("leak", "groups"), ("warning", "exact_copies")]
    numeric = np.column_stack([NOISE, np.arange(300.0), LABELS])
    found = audit(table(numeric, target=LABELS), SPEC, FOLDS)
    assert [finding.severity for finding in found] == ["leak", "warning"]
    saved = json.loads(json.dumps([finding.to_dict() for finding in found]))
    assert [finding["kind"] for finding in saved] == ["label_column", "id_column"]


def test_repeats_are_looked_at_too() -> None:
    samples = texts(["first sentence here", "another sentence", "first sentence here", "yet another sentence"])
    finding = of_kind(audit(samples, SPEC, np.array([[0, 1, 0, 1], [0, 0, 1, 1]])), "exact_copies")
    assert finding.folds == ("r1 f0", "r1 f1")


def test_one_row() -> None:
    assert audit(texts(["one"], target=[0]), SPEC, None) == []
    assert audit(table([[1.0]], target=[0]), SPEC, folds(0)) == []


def test_no_split_keeps_groups_and_goes_forward_in_time() -> None:
    samples = texts(["aa", "bb", "cc", "dd"], groups=["ann", "bob", "cy", "di"])
    times_N = np.array(["2024-01-01T10:30:00", "2024-01-02", "2024-01-03", "2024-01-04"], dtype="datetime64[us]")
    finding = of_kind(audit(samples, SPEC, folds(0, -1, -1, -1), times_N=times_N), "time_backwards")
    assert finding.fix.startswith("cv=time data.group=null cv.group=null (")
    assert "Row 1 (2024-01-01T10:30:00) is held out" in finding.message
    finding = of_kind(audit(texts(["aa", "bb"]), SPEC, folds(0, -1), times_N=times_N[:2], given=True), "time_backwards")
    assert finding.fix == "cv=time (makes new folds)"


def test_a_column_of_people_is_called_a_group_and_not_the_label() -> None:
    people = np.arange(300) % 30
    target = people % 2
    words = [[f"person {one}"] for one in people]
    finding = of_kind(audit(table(NOISE, words, target=target), SPEC, FOLDS), "label_column")
    assert finding.fix == "data.group=c0 cv=stratified_group"
    assert "each of its 30 values has one label" in finding.message
    assert "If not: data.drop=[c0]" in finding.message
    once = target.copy()
    once[0] = 1 - once[0]  # one person with both labels
    finding = of_kind(audit(table(NOISE, words, target=once), SPEC, FOLDS), "label_column")
    assert finding.fix == "data.drop=[c0]"

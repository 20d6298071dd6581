from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import GroupKFold

from tests.audit.audit_cases import SPEC, table, texts
from trainer.audit.clusters import duplicate_groups
from trainer.audit.measure import measure
from trainer.audit.run import audit
from trainer.data.samples import Texts

LONG = "the room was large and clean and the staff were very friendly to us"


def test_copies_are_one_group_named_by_its_smallest_id() -> None:
    samples = texts(["b", "a", "B!", "c"], ids=["r4", "r3", "r1", "r2"])
    assert duplicate_groups(samples, near=False).tolist() == ["r1", "r3", "r1", "r2"]


def test_near_copies_are_one_group_only_where_asked_for() -> None:
    samples = texts([LONG, "something else entirely, about breakfast", LONG + " all"])
    assert duplicate_groups(samples, near=False).tolist() == ["0", "1", "2"]
    assert duplicate_groups(samples, near=True).tolist() == ["0", "1", "0"]


def test_groups_that_share_a_copy_become_one() -> None:
    samples = texts(["p", "q", "Q", "r", "s"], groups=["a", "a", "b", "b", "c"])
    assert duplicate_groups(samples, near=False).tolist() == ["0", "0", "0", "0", "4"]


def test_look_alikes_are_not_put_together() -> None:
    samples = table([[1.0]] * 30 + [[2.0], [2.0]])
    groups = duplicate_groups(samples, near=True).tolist()
    assert groups == [str(row) for row in range(30)] + ["30", "30"]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_groups_do_not_depend_on_the_order_of_rows(data) -> None:
    values = data.draw(
        st.lists(st.sampled_from(["a", "b", "A", "c!", "c", LONG, LONG + " x"]), min_size=2, max_size=12)
    )
    groups = data.draw(st.lists(st.integers(0, 4), min_size=len(values), max_size=len(values)))
    order = np.array(data.draw(st.permutations(range(len(values)))))
    ids = np.array([f"id{row}" for row in range(len(values))])
    expected = duplicate_groups(texts(values, ids=ids, groups=groups), near=True)
    shuffled = texts([values[row] for row in order], ids=ids[order], groups=np.array(groups)[order])
    np.testing.assert_array_equal(duplicate_groups(shuffled, near=True), expected[order])


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_a_split_by_these_groups_has_no_copies_and_no_groups_on_both_sides(data) -> None:
    choices = ["a b", "A, b", "c", "d!", "e", "f", LONG, LONG + " x", "completely different words are here"]
    values = data.draw(st.lists(st.sampled_from(choices), min_size=8, max_size=40))
    owners = data.draw(st.lists(st.integers(0, 30), min_size=len(values), max_size=len(values)))
    samples = texts(values, groups=owners)
    together = duplicate_groups(samples, near=True)
    n_splits = min(3, len(set(together.tolist())))
    if n_splits < 2:
        return
    fold_N = np.full(len(values), -1)
    for fold, (_, held_out) in enumerate(GroupKFold(n_splits).split(values, groups=together)):
        fold_N[held_out] = fold
    kinds = {finding.kind for finding in audit(samples, SPEC, fold_N[None])}
    assert not kinds & {"exact_copies", "near_copies", "groups"}


QUESTION, OTHER = "how long does it take to walk there", "what do the rooms cost in the winter"


def test_pairs_are_near_copies_where_both_texts_are() -> None:
    first = [LONG, LONG + " all", LONG, OTHER]
    second = [QUESTION, QUESTION + "?", OTHER, QUESTION]
    samples = texts(first)
    samples = replace(samples, inputs=Texts(tuple(first), tuple(second)))
    assert duplicate_groups(samples, near=True).tolist() == ["0", "0", "2", "3"]
    assert duplicate_groups(samples, near=False).tolist() == ["0", "1", "2", "3"]


def test_one_first_text_with_two_second_texts_is_no_copy() -> None:
    samples = texts([LONG, LONG], [0, 0])
    samples = replace(samples, inputs=Texts((LONG, LONG), (QUESTION, OTHER)))
    assert audit(samples, SPEC, np.array([[0, 1]])) == []
    same = replace(samples, inputs=Texts((LONG, LONG), (QUESTION, QUESTION)))
    assert [finding.kind for finding in audit(same, SPEC, np.array([[0, 1]]))] == ["exact_copies"]


def test_probes_see_both_texts_of_a_pair() -> None:
    same = (LONG,) * 40  # only the second text tells the label
    samples = replace(
        texts(same), inputs=Texts(same, tuple((QUESTION, OTHER)[row % 2] + f" {row}" for row in range(40)))
    )
    gap = measure(samples, SPEC, np.array([np.arange(40) // 2 % 2]), most_rows=30)[0]
    assert gap.given == 1.0

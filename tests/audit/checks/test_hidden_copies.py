"""Copies behind a column that names the row are found without it; quantities and groups stay what they are."""

import numpy as np
import pytest

from tests.audit.audit_cases import SPEC, folds, of_kind, table
from trainer.audit.checks.hidden_copies import id_like
from trainer.audit.run import audit
from trainer.data.samples import TableColumns

N = 60
VALUES = np.random.default_rng(0).normal(size=(N, 2)).round(6)
VALUES[30:35] = VALUES[0:5]  # five rows are there twice
FOLD = folds(*np.repeat([0, 1], N // 2))


def rows(name, ids, values=VALUES):
    samples = table(np.column_stack([ids, values]))
    inputs = samples.inputs
    named = TableColumns(inputs.numeric_NF, inputs.categorical_NK, (name, "a", "b"), ())
    return type(samples)(samples.ids_N, named, samples.target)


def shuffled():
    return np.random.default_rng(1).permutation(N) + 1000


@pytest.mark.parametrize(
    ("name", "severity"), [("record_id", "leak"), ("customerId", "leak"), ("population", "warning")]
)
def test_copies_behind_a_numbering_are_found_and_the_column_named(name, severity):
    findings = audit(rows(name, shuffled()), SPEC, FOLD)
    assert of_kind(findings, "exact_copies") is None
    found = of_kind(findings, "hidden_copies")
    assert found.severity == severity
    assert found.n_rows == 10
    assert found.message.startswith(
        f"But for column '{name}' (it looks like an id): 10 of 60 held-out rows are copies of"
    )
    assert found.fix == f"data.drop=[{name}] cv=stratified_group cv.group=auto_duplicates"
    whole = of_kind(audit(rows(name, shuffled()), SPEC, None), "hidden_copies")
    assert whole.n_rows == 5
    assert "5 rows are the same as an earlier row" in whole.message


def test_copies_that_are_copies_anyway_are_told_once():
    ids = shuffled()
    ids[30] = ids[0]
    findings = audit(rows("record_id", ids), SPEC, FOLD)
    assert of_kind(findings, "exact_copies").n_rows == 2
    assert of_kind(findings, "hidden_copies").n_rows == 8


def test_several_such_columns_are_named_together():
    samples = table(np.column_stack([shuffled(), np.arange(N), VALUES]))
    two = TableColumns(samples.inputs.numeric_NF, samples.inputs.categorical_NK, ("a id", "row", "a", "b"), ())
    found = of_kind(audit(type(samples)(samples.ids_N, two, samples.target), SPEC, FOLD), "hidden_copies")
    assert "columns 'a id', 'row' (they look like ids)" in found.message
    assert found.fix.startswith("\"data.drop=['a id',row]\" cv=")


def test_nothing_is_hidden_without_an_id_or_without_copies():
    different = np.random.default_rng(3).normal(size=(N, 2))
    assert of_kind(audit(rows("record_id", shuffled(), different), SPEC, FOLD), "hidden_copies") is None
    assert of_kind(audit(rows("a_number", different[:, 0]), SPEC, FOLD), "hidden_copies") is None
    alone = table(np.arange(N)[:, None])
    assert of_kind(audit(alone, SPEC, FOLD), "hidden_copies") is None


def test_what_looks_like_an_id():
    texts = np.array([f"x{i}" for i in range(N)], dtype=object)
    nearly, group = np.arange(N) // 1.5 // 1, np.arange(N) % 6
    columns = TableColumns(
        np.column_stack([shuffled(), nearly[np.random.default_rng(2).permutation(N)], group, VALUES[:, 0]]),
        np.column_stack([texts, np.where(group > 2, "u", "v").astype(object)]),
        ("n", "Index", "store_id", "price"),
        ("uuid", "city"),
    )
    assert id_like(columns) == {"n": False, "Index": True, "uuid": True}

"""The comparison with what is right counts what is wrong."""

import pytest

from benchmarks.look import CASES, DATA, Truth, as_table, kinds_of, score, scores
from tests.look.made_files import RIGHT, write_files
from trainer.look.look_at import look_at


def test_what_is_wrong_is_counted(tmp_path):
    write_files(tmp_path)
    right = Truth("house.csv", "price", "3 number")
    wrong = Truth("reviews.csv", "review", "category, category", ("review",))
    assert [(one.label, one.roles, one.kinds) for one in scores(tmp_path, [right, wrong])] == [
        (True, True, 3),
        (False, False, 1),
    ]
    assert "1 of 2 | 1 of 2 | 4 of 5 (80.0%) | 2 of 2" in as_table(scores(tmp_path, [right, wrong]))
    with pytest.raises(ValueError, match="1 columns are written down, 3 were found"):
        score(Truth("house.csv", "price", "number"), look_at(str(tmp_path / "house.csv")), 0.0)


def test_kinds_are_those_that_there_are():
    known = {kind for right in RIGHT.values() for kind in right.kinds} | {"constant", "empty", "list"}
    assert {kind for truth in (*DATA, *CASES) for kind in kinds_of(truth.kinds)} <= known

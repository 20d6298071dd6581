"""Columns that look like a group or a split are told, with the option that makes them one."""

import numpy as np
import pytest

from trainer.audit.checks.unused_columns import check_unused_columns
from trainer.data.samples import Samples, TableColumns


def found(name, cells, **given):
    cells = np.asarray(cells)
    numeric = cells.dtype.kind in "if"
    empty = np.empty((len(cells), 0))
    table = TableColumns(
        cells.astype(float)[:, None] if numeric else empty,
        empty.astype(object) if numeric else cells.astype(object)[:, None],
        (name,) if numeric else (),
        () if numeric else (name,),
    )
    ids_N = np.arange(len(cells)).astype(np.str_)
    return check_unused_columns(Samples(ids_N, table, np.arange(len(cells)) % 2, **given), table)


@pytest.mark.parametrize(
    "name",
    ["patient_id", "Subject", "speakerID", "user", "author name", "site", "mouse_id", "患者", "受试者编号", "样本编号"],
)
@pytest.mark.parametrize("cells", [np.arange(24) // 4 + 100, np.char.add("p", (np.arange(24) // 4).astype(np.str_))])
def test_a_column_that_looks_like_a_group(name, cells):
    (finding,) = found(name, cells)
    assert "has 6 values in 24 rows and looks like a group" in finding.message
    assert finding.fix.startswith(("data.group=", '"data.group='))
    assert "cv=stratified_group" in finding.fix
    assert found(name, cells, groups_N=np.repeat(["a", "b"], 12)) == []


@pytest.mark.parametrize(
    ("name", "cells"),
    [
        ("patient_id", np.arange(24)),
        ("user", np.arange(24) % 2),
        ("width", np.arange(24) // 4),
        ("humid", np.arange(24) // 4),
        ("患者年龄", np.arange(24) // 4),
    ],
)
def test_other_columns_are_no_groups(name, cells):
    assert found(name, cells) == []


@pytest.mark.parametrize(
    ("name", "cells"),
    [
        ("part", ["train", "test"] * 6),
        ("x", ["Train", "dev", "Test"] * 4),
        ("x", ["train", "test", None, ""] * 3),
        ("Usage", ["Training", "PublicTest", "PrivateTest"] * 4),
        ("划分", ["训练", "测试", "验证"] * 4),
        ("fold", [0, 1, 2] * 4),
        ("fold", [0.0, 1.0, np.nan] * 4),
    ],
)
def test_a_column_that_looks_like_a_split(name, cells):
    (finding,) = found(name, cells)
    assert finding.fix.replace("'", "").replace('"', "") == f"data.split={name} cv=predefined, or data.drop=[{name}]"
    assert found(name, cells, split_N=np.array(["0", "1"] * 6)) == []


@pytest.mark.parametrize(("name", "cells"), [("split", [0.5, 1.5] * 6), ("x", ["train", "bus"] * 6), ("x", [0, 1] * 6)])
def test_other_columns_are_no_splits(name, cells):
    assert found(name, cells) == []

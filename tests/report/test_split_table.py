import io
import json

import numpy as np
from rich.console import Console

from trainer.audit.describe_split import describe_split, features_of
from trainer.data.samples import DataSpec, Samples, TableColumns, Texts
from trainer.folds.plan import make_folds
from trainer.folds.request import SplitOptions
from trainer.report.split_table import remarks, show
from trainer.tasks import MULTICLASS

TARGET = np.repeat([0, 1, 2], [40, 18, 2])
CLASSES = ("negative [bold]", "positive", "a class of two rows with a long name")


def table_of(n_columns=2):
    values = np.random.default_rng(0).normal(size=(60, n_columns))
    names = tuple(f"a_feature_with_a_long_name_{i}" for i in range(n_columns))
    return TableColumns(values, np.empty((60, 0), dtype=object), names)


def samples_of(target=TARGET, inputs=None, groups_N=None):
    return Samples(np.arange(len(target)).astype(np.str_), inputs or table_of(), target, None, groups_N)


def printed(samples, strategy="stratified", classes=CLASSES, **changes):
    options = {"n_splits": 5, "repeats": 1, "shuffle": True, "random_state": 0} | changes
    made = make_folds(
        strategy, samples.target, ids_N=samples.ids_N, groups_N=samples.groups_N, classes=classes, **options
    )
    report = describe_split(made, samples, DataSpec("x", MULTICLASS, classes))
    assert json.loads(json.dumps(report)) == report
    file = io.StringIO()
    show(report, Console(file=file, width=80))
    lines = file.getvalue().splitlines()
    assert max(len(line) for line in lines if not line.startswith("note:")) <= 80
    return lines


def test_every_fold_and_class_is_shown():
    lines = printed(samples_of(), options=SplitOptions(rare="keep_in_train"))
    assert lines[0].startswith("Split: stratified, 5, ")
    assert [line.split()[:3] for line in lines[4:9]] == [
        [str(fold), str(60 - n), str(n)] for fold, n in enumerate([12, 12, 12, 11, 11])
    ]
    assert any(line.split() == ["negative", "[bold]", "40", "8", "8", "8", "8", "8"] for line in lines)
    assert any(line.startswith(" a class of two rows") and line.split()[-6:] == ["2", *"00000"] for line in lines)
    assert (
        "note: 2 rows are never held out (cv.rare=keep_in_train): 'a class of two rows with a long name' (2 rows)"
        in lines
    )
    assert "note: class 'a class of two rows with a long name' (2 rows) is not held out in folds 0, 1, 2, 3, 4" in lines


def test_label_pairs_and_groups_have_columns():
    target = (np.random.default_rng(0).random((60, 3)) < 0.4).astype(np.int64)
    lines = printed(samples_of(target, groups_N=np.repeat(np.arange(20), 3).astype(np.str_)), "multilabel")
    assert "pair off" in lines[2]
    assert "groups" in lines[3]
    cells = [line.split() for line in lines if line.split()[:1] and line.split()[0] in "01234"]
    assert [int(cell[2]) for cell in cells[:5]] == [12, 12, 12, 12, 12]


def test_many_folds_are_cut_and_repeats_named():
    lines = printed(samples_of(np.arange(60) % 2), repeats=11, n_splits=5, classes=("a", "b"))
    assert any(line.split()[:1] == ["9.4"] for line in lines)
    assert any(line.split() == ["...", "5", "more"] for line in lines)
    assert not any("Held-out rows by class" in line for line in lines)


def test_drift_is_told():
    trend = TableColumns(np.arange(60.0)[:, None], np.empty((60, 0), dtype=object), ("year",))
    samples = samples_of(np.arange(60) % 2, trend)
    lines = printed(samples, "time", classes=("a", "b"), shuffle=False, times_N=np.arange(60))
    assert lines[-1] == "note: held-out rows differ from training rows beyond chance in folds 0, 1, 2, 3, 4: year"


def test_words_that_are_shared_out_otherwise_are_told():
    words_NK = np.array([["north"] * 12 + ["south"] * 48, list("ab") * 30], dtype=object).T
    both = TableColumns(np.arange(60.0)[:, None], words_NK, ("year",), ("a_place_with_a_long_name", "coin"))
    lines = printed(samples_of(np.arange(60) % 2, both), "kfold", classes=("a", "b"), shuffle=False)
    assert "words (TV)" in lines[2]
    assert lines[4].split()[-3:] == ["1.00", "year", "1.00"]
    assert lines[5].strip() == "a_place_with_a_lo…"
    note = "note: held-out rows differ from training rows beyond chance in folds 0, 1, 3, 4: year, "
    assert lines[-1] == note + "a_place_with_a_long_name"
    target = (np.random.default_rng(0).random((60, 3)) < 0.4).astype(np.int64)
    groups_N = np.repeat(np.arange(20), 3).astype(np.str_)
    printed(samples_of(target, both, groups_N), "multilabel")  # all columns of the table: within its width


def test_groups_on_both_sides_are_told():
    parts = [
        {
            "repeat": 0,
            "fold": 0,
            "counts": [1],
            "groups": {"held_out": 2, "both_sides": 1},
            "drift": None,
            "words": None,
        },
        {
            "repeat": 0,
            "fold": 1,
            "counts": [1],
            "groups": {"held_out": 2, "both_sides": 0},
            "drift": None,
            "words": None,
        },
    ]
    report = {"classes": ["a"], "counts": [2], "repeats": 1, "folds": parts}
    assert list(remarks(report)) == ["groups are on both sides in fold 0"]


def test_texts_are_compared_by_their_length():
    samples = Samples(np.array(["0", "1"]), Texts(("ab", "四个汉字")), np.array([0, 1]))
    assert {name: values.tolist() for name, values in features_of(samples).items()} == {"text length": [2.0, 4.0]}

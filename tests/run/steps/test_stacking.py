"""What ``cv.stack`` comes to: what can be stacked, what pays, and what is said."""

import numpy as np
import pytest

from tests.run.test_fold import config
from tests.transformer_files import save_model, write_reviews
from trainer.config.cv import CvConfig, InnerConfig
from trainer.config.schema import FitConfig, PathsConfig
from trainer.data.loading.batches import TokenRows
from trainer.run.fold_data import prepare_fold
from trainer.run.prepare import prepare
from trainer.run.steps.stacking import MOST_FOLDS, put_together, stack_size

MLP = "trainer.models.mlp.MLP"


def asked(wanted, n_folds=5, rows=None, **changes):
    experiment = prepare(config(**changes))
    fold = prepare_fold(experiment, 0)
    if rows is not None:
        from dataclasses import replace

        fold = replace(fold, data=replace(fold.data, rows=rows))
    return stack_size(wanted, experiment, fold, n_folds)


def test_auto_stacks_the_small_model_and_says_nothing():
    assert asked("auto") == (MOST_FOLDS, [])


def test_the_head_of_a_frozen_body_is_stacked(tmp_path):
    """Its features are stored, so that the network before the head does not count."""
    bert = str(save_model(tmp_path / "bert"))
    data = {
        "_target_": "trainer.data.sources.csv_text.load_csv_text",
        "path": str(write_reviews(tmp_path / "reviews.csv")),
        "text": "text",
        "label": "label",
        "preprocess": {
            "_target_": "trainer.data.preprocess.tokenizer.PretrainedTokenizer",
            "pretrained": bert,
            "allow_network": False,
        },
    }
    model = {"_target_": "trainer.models.transformer.Transformer", "pretrained": bert, "pooling": "mean"}
    changes = {"data": data, "model": model, "cv": CvConfig(n_splits=3), "paths": PathsConfig(str(tmp_path))}
    assert asked("auto", fit=FitConfig(freeze_epochs="all"), **changes) == (MOST_FOLDS, [])
    assert asked(4, **changes)[1] == ["cv.stack=4 has no effect: model transformer is not made of linear layers"]


def test_a_number_is_taken_and_off_is_off():
    assert asked(3) == (3, [])
    assert asked("off") == (1, [])
    assert asked(3, n_folds=1) == (1, [])


def test_auto_leaves_big_steps_alone(monkeypatch):
    monkeypatch.setattr("trainer.run.steps.stacking.STEP_FLOPS", 1e4)
    assert asked("auto", batch_size=100_000) == (1, [])
    assert asked("auto", batch_size=1)[0] == MOST_FOLDS
    assert asked(4, batch_size=100_000) == (4, [])


def test_auto_stacks_no_more_than_fits(monkeypatch):
    monkeypatch.setattr("trainer.run.steps.stacking.STACK_BYTES", 1)
    assert asked("auto") == (1, [])


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"fit": FitConfig(freeze_epochs=1)}, "fit.freeze_epochs thaws layers"),
        ({"cv": CvConfig(select="inner", inner=InnerConfig(n_splits=2))}, "inner folds pick"),
        ({"rows": TokenRows(np.zeros(1, np.int32), np.array([0, 1]), 0)}, "not a table in memory"),
    ],
)
def test_what_cannot_be_stacked_is_told_where_it_was_asked_for(changes, reason):
    assert asked("auto", **changes) == (1, [])
    most, notes = asked(4, **changes)
    assert most == 1
    assert len(notes) == 1
    assert notes[0].startswith("cv.stack=4 has no effect: ")
    assert reason in notes[0]


@pytest.mark.parametrize(
    ("n_folds", "n_workers", "most", "stacks"),
    [
        (5, 2, 8, [(0, 1), (2, 3, 4)]),
        (5, 1, 8, [(0, 1, 2, 3, 4)]),
        (5, 1, 1, [0, 1, 2, 3, 4]),
        (2, 2, 8, [0, 1]),
        (5, 2, 2, [(0, 1), 2, (3, 4)]),
        (3, 5, 8, [0, 1, 2]),
    ],
)
def test_folds_are_put_into_stacks_of_like_size(n_folds, n_workers, most, stacks):
    assert put_together(range(n_folds), n_workers, most) == stacks

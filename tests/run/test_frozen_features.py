"""Stored features of a frozen backbone give the predictions of the slow way, and are shared where they are the same."""

import numpy as np
import pytest
import torch

import trainer.run.frozen_features
from tests.run.test_fold import config, plain_fold, trained
from tests.transformer_files import save_model, write_reviews
from trainer.config.cv import CvConfig
from trainer.config.schema import AmpConfig, FitConfig, PathsConfig
from trainer.run.frozen_features import with_features
from trainer.run.prepare import prepare


@pytest.fixture
def experiment(tmp_path):
    model, data = save_model(tmp_path / "bert"), write_reviews(tmp_path / "reviews.csv")

    def make(pooling="cls", fit=None, amp=None, pretrained=model, **changes):
        return prepare(
            config(
                data={
                    "_target_": "trainer.data.sources.csv_text.load_csv_text",
                    "path": str(data),
                    "text": "text",
                    "label": "label",
                    "preprocess": {
                        "_target_": "trainer.data.preprocess.tokenizer.PretrainedTokenizer",
                        "pretrained": str(model),
                        "allow_network": False,
                    },
                },
                model={
                    "_target_": "trainer.models.transformer.Transformer",
                    "pretrained": str(pretrained),
                    "pooling": pooling,
                },
                optimizer={"_target_": "torch.optim.AdamW", "lr": 0.01},
                fit=fit or FitConfig(freeze_epochs="all"),
                amp=amp or AmpConfig(),
                cv=CvConfig(n_splits=3),
                batch_size=8,
                max_epochs=3,
                paths=PathsConfig(runs=str(tmp_path / "runs")),
                **changes,
            )
        )

    return make


def count_encodings(monkeypatch):
    calls = []
    encode = trainer.run.frozen_features.encode
    monkeypatch.setattr(trainer.run.frozen_features, "encode", lambda *a, **k: calls.append(1) or encode(*a, **k))
    return calls


@pytest.mark.parametrize("level", ["O0", "O1", "O2"])
@pytest.mark.parametrize("pooling", ["cls", "mean"])
def test_predictions_are_those_of_the_slow_way(experiment, pooling, level):
    exp = experiment(pooling, amp=AmpConfig(opt_level=level))
    fold = plain_fold(exp, 1)
    fast = with_features(exp, fold)
    assert set(fast.data.batch(np.arange(2)).inputs) == {"features"}
    slow, quick = trained(exp, fold).result, trained(exp, fast).result
    tolerance = 1e-5 if level == "O0" else 2e-2  # a half activation depends on the padding of its batch
    np.testing.assert_allclose(quick.logits, slow.logits, atol=tolerance)
    np.testing.assert_allclose(
        [e.train_loss for e in quick.epochs], [e.train_loss for e in slow.epochs], atol=tolerance
    )


def test_the_body_is_run_once_for_all_folds_and_by_the_first_process(experiment, monkeypatch):
    calls = count_encodings(monkeypatch)
    exp = experiment()
    folds = [with_features(exp, plain_fold(exp, number)) for number in range(3)]
    assert len(calls) == 1
    later = experiment()
    again = with_features(later, plain_fold(later, 0))
    assert len(calls) == 1
    assert torch.equal(again.data.rows.inputs["features"], folds[2].data.rows.inputs["features"])
    assert any("features of the frozen backbone" in note for note in again.notes)


def test_other_weights_precision_or_pooling_have_features_of_their_own(experiment, monkeypatch, tmp_path):
    calls = count_encodings(monkeypatch)
    other = save_model(tmp_path / "other", seed=1)
    for exp in (
        experiment(),
        experiment("mean"),
        experiment(amp=AmpConfig(opt_level="O1")),
        experiment(pretrained=other),
    ):
        with_features(exp, plain_fold(exp, 0))
    assert len(calls) == 4


def test_a_damaged_file_is_made_again(experiment, monkeypatch):
    calls = count_encodings(monkeypatch)
    exp = experiment()
    first = with_features(exp, plain_fold(exp, 0)).data.rows.inputs["features"].clone()
    (file,) = exp.cache.glob("features/*/features.npy")
    data = bytearray(file.read_bytes())
    data[-3] ^= 1
    file.write_bytes(data)
    fresh = experiment()
    again = with_features(fresh, plain_fold(fresh, 0))
    assert len(calls) == 2
    assert torch.equal(again.data.rows.inputs["features"], first)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"pooling": "attention"}, "no vector per row"),
        ({"fit": FitConfig(freeze_epochs="all", mixup_alpha=0.2), "pooling": "mean"}, "mixed"),
    ],
)
def test_where_it_cannot_be_stored_the_reason_is_said(experiment, changes, reason):
    exp = experiment(**changes)
    fold = plain_fold(exp, 0)
    slow = with_features(exp, fold)
    assert slow.data is fold.data
    assert reason in slow.notes[-1]


def test_a_body_that_is_trained_keeps_its_inputs(experiment):
    exp = experiment(fit=FitConfig(freeze_epochs=1))
    fold = plain_fold(exp, 0)
    assert with_features(exp, fold).data is fold.data


def test_saved_weights_hold_the_body_too(experiment):
    exp = experiment()
    quick = trained(exp, with_features(exp, plain_fold(exp, 0)))
    whole = trained(exp, plain_fold(exp, 0))
    assert quick.weights.keys() == whole.weights.keys()
    body = [name for name in whole.weights if not name.startswith("head")]
    assert body
    assert all(torch.equal(quick.weights[name], whole.weights[name]) for name in body)


def test_features_that_other_code_has_made_are_made_again(experiment, monkeypatch):
    calls, counted = count_encodings(monkeypatch), []
    exp = experiment()
    with_features(exp, plain_fold(exp, 0))
    monkeypatch.setattr(
        trainer.run.frozen_features, "files_sha256", lambda files: counted.extend(f.name for f in files) or "other"
    )
    later = experiment()
    with_features(later, plain_fold(later, 0))
    assert len(calls) == 2
    assert {"pooling.py", "load_body.py", "transformer.py", "hf_tokenizer.py", "precision.py"} <= set(counted)
    assert "ce.py" not in counted


def test_another_processor_has_features_of_its_own(experiment, monkeypatch):
    calls = count_encodings(monkeypatch)
    exp = experiment()
    with_features(exp, plain_fold(exp, 0))
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "another")
    later = experiment()
    with_features(later, plain_fold(later, 0))
    assert len(calls) == 2


@pytest.mark.parametrize("grid", [{"fit.freeze_epochs": [0]}, {"model.pooling": ["mean"]}])
def test_nested_the_fold_is_trained_as_picked_and_not_on_the_features_of_other_settings(train, tmp_path, grid):
    model, data = save_model(tmp_path / "bert"), write_reviews(tmp_path / "reviews.csv")
    key, (value,) = next(iter(grid.items()))
    asked = ["data=csv_text", f"data.path={data}", "model=transformer", f"model.pretrained={model}", "cv.n_splits=2"]
    asked += ["max_epochs=1", "batch_size=8", "profile=off", "tracker=none", "cv.fold=0"]
    nested = train(
        *asked, "run=a", "fit.freeze_epochs=all", "cv.inner.n_splits=2", f"cv.inner.grid={{{key}:[{value}]}}"
    )
    plain = train(*asked, "run=b", *(["fit.freeze_epochs=all"] if key != "fit.freeze_epochs" else []), f"{key}={value}")
    assert (nested.code, plain.code) == (0, 0), nested.err + plain.err
    one, other = ((tmp_path / "runs" / name / "fold_0" / "oof.parquet").read_bytes() for name in "ab")
    assert one == other

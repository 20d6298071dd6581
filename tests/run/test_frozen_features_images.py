"""A frozen backbone with BatchNorm over images: stored features give what the slow way gives; it stays as it was."""

import numpy as np
import pytest
import torch
from torchvision.models import mobilenet_v3_small

import trainer.run.frozen_features
from tests.picture_files import write_pictures
from tests.run.test_fold import config, plain_fold, trained
from trainer.config.cv import CvConfig
from trainer.config.schema import AmpConfig, FitConfig, InitConfig, PathsConfig
from trainer.run.frozen_features import with_features
from trainer.run.prepare import prepare


@pytest.fixture
def experiment(tmp_path):
    network = mobilenet_v3_small(num_classes=2)
    torch.save(network.state_dict(), tmp_path / "weights.pth")
    write_pictures(tmp_path / "images", n_per_class=9)

    def make(*, level="O0", **preprocess):
        return prepare(
            config(
                data={
                    "_target_": "trainer.data.sources.image_folder.load_image_folder",
                    "path": str(tmp_path / "images"),
                    "preprocess": {"_target_": "trainer.data.preprocess.pixels.ImagePixels", **preprocess},
                },
                model={"_target_": "trainer.models.torchvision_models.TorchvisionModel", "name": "mobilenet_v3_small"},
                optimizer={"_target_": "torch.optim.AdamW", "lr": 0.01},
                fit=FitConfig(freeze_epochs="all"),
                amp=AmpConfig(opt_level=level),
                cv=CvConfig(n_splits=2),
                init=InitConfig(path=str(tmp_path / "weights.pth")),
                batch_size=4,  # 9 training rows: the last batch has one, which BatchNorm in training would refuse
                max_epochs=1,
                paths=PathsConfig(runs=str(tmp_path / "runs")),
            )
        )

    return make


@pytest.mark.parametrize("level", ["O0", "O2"])
def test_predictions_are_those_of_the_slow_way(experiment, level):
    exp = experiment(level=level)
    fold = plain_fold(exp, 0)
    fast = with_features(exp, fold)
    assert set(fast.data.batch(np.arange(2)).inputs) == {"features"}
    slow, quick = trained(exp, fold), trained(exp, fast)
    tolerance = 1e-5 if level == "O0" else 2e-2
    np.testing.assert_allclose(quick.result.logits, slow.result.logits, atol=tolerance)
    statistics = [name for name in slow.weights if "running_" in name]
    assert len(statistics) > 20
    for name in statistics:
        fresh = 1.0 if name.endswith("var") else 0.0
        assert torch.equal(slow.weights[name], torch.full_like(slow.weights[name], fresh))
        assert torch.equal(quick.weights[name], slow.weights[name])


@pytest.mark.parametrize(("normalize", "runs"), [("fold", 2), ("imagenet", 1)])
def test_folds_share_features_where_they_share_their_normalisation(experiment, monkeypatch, normalize, runs):
    calls = []
    encode = trainer.run.frozen_features.encode
    monkeypatch.setattr(trainer.run.frozen_features, "encode", lambda *a, **k: calls.append(1) or encode(*a, **k))
    exp = experiment(normalize=normalize)
    for number in range(2):
        with_features(exp, plain_fold(exp, number))
    assert len(calls) == runs


@pytest.mark.parametrize(
    ("preprocess", "reason"), [({"train": ["hflip"]}, "augmented"), ({"views": ["hflip"]}, "several views")]
)
def test_images_that_change_are_seen_anew(experiment, preprocess, reason):
    exp = experiment(**preprocess)
    fold = plain_fold(exp, 0)
    slow = with_features(exp, fold)
    assert slow.data is fold.data
    assert reason in slow.notes[-1]

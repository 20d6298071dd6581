"""What TensorBoard is given is what torch's writer gives it."""

import numpy as np
import pytest
from torch.utils.tensorboard import summary as torchs

from tests.places import ONE_WHITE_PIXEL
from trainer.trackers import summaries


def test_points_are_those_of_torch_and_what_is_not_defined_has_none():
    ours = summaries.points({"loss": 0.25, "nan": float("nan"), "inf": float("inf"), "lr": 0.5})
    assert list(ours.value) == [torchs.scalar(tag, value).value[0] for tag, value in (("loss", 0.25), ("lr", 0.5))]


@pytest.mark.parametrize("n_rows", [1, 500])
def test_precision_recall_is_that_of_torch(n_rows):
    rng = np.random.default_rng(0)
    truth, scores = rng.integers(0, 2, n_rows), rng.random(n_rows)
    scores[:1] = 1.0
    (ours,) = summaries.precision_recall([("pr/cat", truth, scores)]).value
    (theirs,) = torchs.pr_curve("pr/cat", truth, scores).value
    assert ours.metadata == theirs.metadata
    assert ours.tensor.tensor_shape == theirs.tensor.tensor_shape
    assert list(ours.tensor.float_val) == pytest.approx(list(theirs.tensor.float_val))


def test_settings_are_those_of_torch_and_a_truth_value_stays_one():
    hparams = {"loss": "focal", "lr": 0.1, "seed": 42}
    ours = summaries.settings(hparams, ["mean/accuracy"])
    theirs = torchs.hparams(hparams, {"mean/accuracy": 0.5})
    assert list(ours.value) == [one.value[0] for one in theirs]
    (start,) = (one for one in summaries.settings({"ema": True}, []).value if one.tag.endswith("start_info"))
    assert b"ema" in start.metadata.plugin_data.content
    assert b" \x01" in start.metadata.plugin_data.content  # google.protobuf.Value.bool_value, field 4


def test_a_picture_has_its_size():
    (ours,) = summaries.picture("report/x", ONE_WHITE_PIXEL).value
    assert (ours.image.width, ours.image.height, ours.image.encoded_image_string) == (1, 1, ONE_WHITE_PIXEL)

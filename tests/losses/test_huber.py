import pytest
import torch
import torch.nn.functional as F

from trainer.errors import ConfigError
from trainer.losses.huber import Huber
from trainer.losses.mae import MeanAbsoluteError
from trainer.losses.mse import MeanSquaredError

REFERENCES = [
    (MeanSquaredError(), F.mse_loss, {}),
    (MeanAbsoluteError(), F.l1_loss, {}),
    (Huber(), F.huber_loss, {}),
    (Huber(delta=0.3), F.huber_loss, {"delta": 0.3}),
]


@pytest.mark.parametrize(("loss", "reference", "options"), REFERENCES)
def test_values_and_gradients_are_torch_s(loss, reference, options):
    random = torch.Generator().manual_seed(0)
    logits = torch.randn(50, 1, dtype=torch.float64, generator=random, requires_grad=True)
    target = torch.randn(50, dtype=torch.float64, generator=random) * 2
    loss_B = loss(logits, target)
    expected_B = reference(logits[:, 0], target, reduction="none", **options)
    torch.testing.assert_close(loss_B, expected_B, rtol=0, atol=0)
    found, expected = (torch.autograd.grad(values.sum(), logits)[0] for values in (loss_B, expected_B))
    torch.testing.assert_close(found, expected, rtol=0, atol=0)
    assert loss(logits.detach().half(), target).dtype == torch.float32
    assert torch.equal(loss.to_proba(logits), logits)


@pytest.mark.parametrize("delta", [0, -1, float("nan"), "far"])
def test_delta_is_above_0(delta):
    with pytest.raises(ConfigError, match=r"loss\.delta"):
        Huber(delta=delta)

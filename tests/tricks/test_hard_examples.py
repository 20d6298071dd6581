"""Hard examples: one step against the formula in float64, with weights too; what has no loss of rows is refused."""

from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

from tests.tricks.trick_cases import assert_stepped, batch, in_float64, setting, step, tricked, words
from trainer.errors import ConfigError
from trainer.losses.ce import CrossEntropy
from trainer.tricks.hard_examples import HardExamples


@pytest.mark.parametrize("weights", [[1.0] * 8, [1.0, 2.0, 0.5, 0.0, 1.0, 3.0, 1.0, 0.25]], ids=["alike", "weighted"])
def test_a_step_is_along_the_mean_loss_of_the_hardest_rows(weights):
    rows = replace(batch(), weights_B=torch.tensor(weights), unweighted=set(weights) == {1.0})
    it, model = tricked(words(), hard_examples=HardExamples(keep=0.4)), in_float64(words())
    step(it, rows)
    loss_B = F.cross_entropy(model(rows.inputs["tokens"]), rows.target, reduction="none") * rows.weights_B.double()
    hardest = sorted(range(8), key=lambda row: -loss_B[row].item())[:4]  # 0.4 of 8, rounded up
    loss = loss_B[hardest].sum() / rows.weights_B[hardest].double().sum()
    names, parameters = zip(*model.named_parameters(), strict=True)
    assert_stepped(it, model, dict(zip(names, torch.autograd.grad(loss, parameters), strict=True)))


def test_a_loss_of_the_whole_batch_has_no_hardest_row():
    class Whole:
        weights_B = torch.ones(8)

        def logits(self):
            return torch.zeros(8, 3)

        def row_losses(self, logits):
            return logits.sum()[None]

    trick = HardExamples()
    trick.attach(setting(words()))
    with pytest.raises(ConfigError, match="has 1 values for 8 rows"):
        trick.batch_loss(Whole())


@pytest.mark.parametrize("keep", [0, 1, -0.5, "half"])
def test_a_share_is_between_none_and_all(keep):
    with pytest.raises(ConfigError, match=r"tricks\.hard_examples\.keep"):
        HardExamples(keep=keep)


def test_what_a_loss_of_the_users_own_raises_is_theirs():
    class Mine(CrossEntropy):
        def forward(self, logits, target):
            raise ValueError("no such rows")

    it = tricked(words(), {"loss": Mine(n_classes=3, class_counts=[1, 1, 1])}, hard_examples=HardExamples())
    with pytest.raises(ConfigError, match=r"the loss .*Mine raised ValueError: no such rows"):
        step(it, batch())

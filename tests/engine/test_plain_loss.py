from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

from tests.engine.engine_cases import cross_entropy, dataset
from trainer.engine.plain_loss import is_plain, plain_loss
from trainer.losses.focal import Focal
from trainer.tasks import MULTICLASS


@pytest.mark.parametrize(("n_rows", "n_classes"), [(1, 2), (32, 10), (29, 3), (5, 1000)])
def test_the_bits_of_torch(n_rows, n_classes):
    source = torch.Generator().manual_seed(n_rows)
    logits = 9 * torch.randn(n_rows, n_classes, generator=source)
    target = torch.randint(n_classes, (n_rows,), generator=source)
    leaf = logits.clone().requires_grad_()
    summed = F.cross_entropy(leaf, target, reduction="none").sum()
    (summed * (1.0 / n_rows)).backward()
    loss_B, gradient = plain_loss(logits, target, 1.0 / n_rows)
    assert torch.equal(loss_B.sum(), summed.detach())
    assert torch.equal(gradient, leaf.grad)


def test_what_is_plain():
    batch = replace(dataset(8), unweighted=True).batch(torch.arange(8).numpy())
    assert is_plain(cross_entropy(), batch)
    assert not is_plain(cross_entropy(class_weights=[1.0, 2.0, 3.0]), batch)
    assert not is_plain(cross_entropy(label_smoothing=0.1), batch)
    assert not is_plain(Focal(task=MULTICLASS, n_classes=3, class_counts=[1, 1, 1], n_rows=3), batch)
    assert not is_plain(cross_entropy(), replace(batch, unweighted=False))
    assert not is_plain(cross_entropy(), replace(batch, share=0.5))
    assert not is_plain(cross_entropy(), replace(batch, votes_BC=torch.ones(8, 3)))

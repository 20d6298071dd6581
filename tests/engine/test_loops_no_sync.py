"""On CUDA a training step does not wait for the device (under a dynamic loss scale it does once, for the gradients)."""

import numpy as np
import pytest
import torch

from tests.engine.engine_cases import Bag, cross_entropy, dataset, level, made
from trainer.data.loading.batches import TokenRows, TrainingSet
from trainer.engine.loops import Learner, Totals, train_step
from trainer.engine.modes import training
from trainer.engine.precision.precision import Precision

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


def of_numbers():
    data = dataset()
    return made(), TrainingSet(data.rows.to("cuda"), data.target.cuda(), data.weights_N.cuda(), unweighted=True)


def of_texts():
    rows = TokenRows(np.arange(1, 47, dtype=np.int32), np.arange(0, 47, 2))
    data = dataset()
    return Bag(), TrainingSet(rows.to("cuda"), data.target.cuda(), torch.rand(23, device="cuda"))


@pytest.mark.parametrize("made_of", [of_numbers, of_texts])
@pytest.mark.parametrize("opt_level", ["O0", "O1", "O2"])
@pytest.mark.parametrize("clip_norm", [None, 1.0])
def test_no_step_waits_for_the_device(made_of, opt_level, clip_norm):
    model, data = made_of()
    precision = Precision(model.cuda(), level(opt_level, dtype="bf16"))
    optimizer = torch.optim.AdamW(precision.parameters, fused=True)
    scheduler = torch.optim.lr_scheduler.ConstantLR(optimizer)
    it = Learner(model, cross_entropy().cuda(), optimizer, scheduler, precision)
    totals = Totals.start(data.target.device)
    order = [np.arange(12), np.arange(12, 23)]
    with training(model):
        for batch in data.batches(order, key=None):  # allocations of the first steps may wait
            train_step(it, [batch], clip_norm, totals)
        torch.cuda.set_sync_debug_mode("error")
        try:
            for batch in data.batches(order, key=None):
                train_step(it, [batch], clip_norm, totals)
        finally:
            torch.cuda.set_sync_debug_mode("default")
    assert totals.steps == 4

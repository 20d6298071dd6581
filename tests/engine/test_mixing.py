"""MixUp and CutMix against torchvision's transforms and soft-label cross-entropy for the same share and box."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torchvision.transforms import v2

from tests.engine.engine_cases import CLASSES, SPEC, cross_entropy, dataset, fold, learner, settings, state_of, totals
from tests.engine.test_snapshot import Killed, assert_same, checkpointer, fresh
from trainer.data.loading.batches import Batch, DenseRows, TrainingSet
from trainer.engine.fit import fit
from trainer.engine.loops import row_losses, train_step
from trainer.engine.mixing import cutmix, mixed, mixed_batches, mixup
from trainer.engine.modes import training
from trainer.errors import ConfigError
from trainer.losses.bce import BinaryCrossEntropy
from trainer.losses.focal import Focal
from trainer.losses.nll import NegativeLogLikelihood
from trainer.tasks import MULTICLASS, MULTILABEL

KEY = (42, 0, 0, 1, 0, 1)


def images(n_rows=8, size=(12, 10), seed=0):
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(n_rows, 2, *size, generator=generator)
    target = torch.randint(CLASSES, (n_rows,), generator=generator)
    weights_B = torch.rand(n_rows, generator=generator) + 0.1
    return Batch({"images": values}, target, weights_B, torch.arange(n_rows))


def logits_like(batch, seed=3, columns=CLASSES):
    return torch.randn(len(batch.target), columns, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


class OfTorchvision:
    """The inputs and soft labels that torchvision makes with a given share (and box)."""

    def __init__(self, transform, params):
        self.transform = transform
        transform.make_params = lambda flat_inputs: params

    def __call__(self, batch):
        return self.transform(next(iter(batch.inputs.values())), batch.target)


def box_of(batch, mixed_batch):
    """The box that was pasted, seen from the images themselves."""
    before, after = batch.inputs["images"], mixed_batch.inputs["images"]
    changed_HW = (before != after).any(dim=(0, 1))
    rows, columns = changed_HW.any(1).nonzero(), changed_HW.any(0).nonzero()
    if not len(rows):
        return (0, 0, 0, 0)
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


@pytest.mark.parametrize("share", [0.0, 0.25, 0.731, 1.0])
def test_mixup_gives_torchvisions_inputs_and_its_soft_label_loss(share):
    batch = images()
    inputs, soft_BC = OfTorchvision(v2.MixUp(num_classes=CLASSES), {"lam": share})(batch)
    found = mixup(batch, share)
    torch.testing.assert_close(found.inputs["images"], inputs, rtol=0, atol=0)
    logits = logits_like(batch)
    plain = replace(found, weights_B=torch.ones(len(batch.target)))
    expected = F.cross_entropy(logits, soft_BC.double(), reduction="sum")
    torch.testing.assert_close(row_losses(cross_entropy(), logits, plain).sum(), expected, rtol=1e-6, atol=0)


@pytest.mark.parametrize("seed", range(20))
def test_cutmix_gives_torchvisions_inputs_and_its_soft_label_loss(seed):
    batch, chosen = images(), settings(cutmix_alpha=1.0)
    found = mixed(batch, chosen, (*KEY, seed))
    x1, y1, x2, y2 = box_of(batch, found)
    area = (x2 - x1) * (y2 - y1)
    assert found.share == pytest.approx(1 - area / 120, abs=1e-12)
    params = {"box": (x1, y1, x2, y2), "lam_adjusted": found.share}
    inputs, soft_BC = OfTorchvision(v2.CutMix(num_classes=CLASSES), params)(batch)
    torch.testing.assert_close(found.inputs["images"], inputs, rtol=0, atol=0)
    logits = logits_like(batch)
    plain = replace(found, weights_B=torch.ones(len(batch.target)))
    expected = F.cross_entropy(logits, soft_BC.double(), reduction="sum")
    torch.testing.assert_close(row_losses(cross_entropy(), logits, plain).sum(), expected, rtol=1e-6, atol=0)


@pytest.mark.parametrize("centre", [(0, 0), (11, 9), (6, 5), (3, 9)])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
def test_the_box_is_torchvisions_for_the_same_draw(monkeypatch, centre, share):
    batch, transform = images(), v2.CutMix(num_classes=CLASSES)
    transform._dist = type("Fixed", (), {"sample": staticmethod(lambda shape: torch.tensor([share]))})()
    drawn = iter((centre[1], centre[0]))
    monkeypatch.setattr(torch, "randint", lambda high, size: torch.tensor([next(drawn)]))
    params = transform.make_params([batch.inputs["images"]])
    found = cutmix(batch, float(torch.tensor(share)), centre)
    assert found.share == pytest.approx(params["lam_adjusted"], abs=1e-12)
    x1, y1, x2, y2 = params["box"]
    assert box_of(batch, found) == ((x1, y1, x2, y2) if (x2 - x1) * (y2 - y1) else (0, 0, 0, 0))


@pytest.mark.parametrize("way", ["mixup", "cutmix"])
def test_the_data_itself_is_not_changed(way):
    batch = images()
    before = batch.inputs["images"].clone()
    mixed(batch, settings(**{f"{way}_alpha": 1.0}), KEY)
    assert torch.equal(batch.inputs["images"], before)


WEIGHTS = [0.2, 1.0, 5.0]
COUNTS = {"n_classes": CLASSES, "class_counts": [9, 9, 9]}
LOSSES = {
    "weighted ce": cross_entropy(class_weights=WEIGHTS),
    "nll": NegativeLogLikelihood(**COUNTS),
    "focal": Focal(task=MULTICLASS, n_rows=27, alpha=WEIGHTS, **COUNTS),
}


@pytest.mark.parametrize("name", LOSSES)
def test_each_rows_loss_is_that_of_both_labels_by_share_and_weight(name):
    batch, share, loss = mixup(images(), 0.3), 0.3, LOSSES[name]
    logits = logits_like(batch)
    expected, divisor = 0.0, 0.0
    for row in range(8):
        for of, part in ((row, share), ((row - 1) % 8, 1 - share)):
            target, weight = batch.target[of : of + 1], float(batch.weights_B[of])
            expected += part * weight * float(loss(logits[row : row + 1], target))
            divisor += part * weight * float(loss.normaliser(target))
    assert float(row_losses(loss, logits, batch).sum()) == pytest.approx(expected, rel=1e-6)
    assert float((loss.normaliser(batch.target) * batch.weights_B).sum()) == pytest.approx(divisor, rel=1e-6)


def test_labels_of_their_own_are_mixed_as_bce_with_soft_labels():
    generator = torch.Generator().manual_seed(2)
    target = torch.randint(2, (8, 4), generator=generator)
    batch = mixup(replace(images(), target=target, weights_B=torch.ones(8)), 0.4)
    loss = BinaryCrossEntropy(task=MULTILABEL, n_classes=4, class_counts=[4] * 4, n_rows=8)
    logits = logits_like(batch, columns=4)
    soft = 0.4 * target + 0.6 * target.roll(1, 0)
    per_row_B = F.binary_cross_entropy_with_logits(logits, soft.double(), reduction="none").mean(dim=1)
    assert float(row_losses(loss, logits, batch).sum()) == pytest.approx(float(per_row_B.sum()), rel=1e-6)


def image_data(n_rows=23):
    generator = torch.Generator().manual_seed(5)
    values = torch.randn(n_rows, 1, 6, 6, generator=generator)
    target = torch.randint(CLASSES, (n_rows,), generator=generator)
    return TrainingSet(DenseRows({"x": values}), target, torch.rand(n_rows, generator=generator) + 0.1)


def flat_model():
    torch.manual_seed(0)
    return FlatModel()


class FlatModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(36, CLASSES)

    def forward(self, x):
        return self.head(x.flatten(1))


@pytest.mark.parametrize(
    "alphas", [{"mixup_alpha": 0.4}, {"cutmix_alpha": 1.0}, {"mixup_alpha": 0.8, "cutmix_alpha": 1.0}]
)
@pytest.mark.parametrize("class_weights", [None, [0.2, 1.0, 5.0]])
def test_an_accumulated_step_is_the_gradient_of_the_mixed_mean(alphas, class_weights):
    """Against float64: soft labels per batch, one divisor for the window."""
    data, lr = image_data(), 0.3
    cuts = np.split(np.arange(23), [10, 20])
    it = learner(flat_model(), lr=lr, loss=cross_entropy(class_weights=class_weights))
    before = copy.deepcopy(it.model).double()
    plain = [data.batch(rows) for rows in cuts]
    batches = list(mixed_batches(iter(plain), settings(**alphas), KEY[:4], first=0))
    with training(it.model):
        train_step(it, batches, None, totals())
    weight_C = torch.ones(CLASSES).double() if class_weights is None else torch.tensor(class_weights).double()
    total, divisor = torch.zeros(()).double(), 0.0
    for batch in batches:
        log_proba_BC = before(batch.inputs["x"].double()).log_softmax(1)
        for part, target, weights in (
            (batch.share, batch.target, batch.weights_B),
            (1 - batch.share, batch.target.roll(1), batch.weights_B.roll(1)),
        ):
            row_B = part * weights.double() * weight_C[target]
            total = total - (row_B * log_proba_BC.gather(1, target[:, None])[:, 0]).sum()
            divisor += float(row_B.sum())
    for old, new, gradient in zip(
        before.parameters(),
        it.model.parameters(),
        torch.autograd.grad(total / divisor, list(before.parameters())),
        strict=True,
    ):
        torch.testing.assert_close(new.double(), old - lr * gradient, rtol=1e-4, atol=1e-6)
    assert all(0 <= batch.share <= 1 for batch in batches)
    assert any(batch.share < 1 for batch in batches)


def test_shares_are_drawn_from_beta_and_the_ways_by_equal_chance():
    batch = images(2)
    chosen = settings(mixup_alpha=0.4, cutmix_alpha=1.0)
    made = [mixed(batch, chosen, (42, 0, 0, 1, number, 1)) for number in range(400)]
    cut = [bool((m.inputs["images"] == batch.inputs["images"]).any()) for m in made]  # a box leaves pixels as they are
    assert 0.42 < np.mean(cut) < 0.58
    shares = np.array([m.share for m, was_cut in zip(made, cut, strict=True) if not was_cut])
    assert shares.mean() == pytest.approx(0.5, abs=0.08)
    assert shares.var() == pytest.approx(1 / (4 * (2 * 0.4 + 1)), rel=0.25)  # of Beta(0.4, 0.4)


def test_what_is_drawn_depends_on_the_key_and_the_batchs_number_alone():
    plain = [images(seed=n) for n in range(6)]
    chosen = settings(mixup_alpha=1.0)
    whole = list(mixed_batches(iter(plain), chosen, KEY[:4], first=0))
    torch.manual_seed(9)
    rest = list(mixed_batches(iter(plain[2:]), chosen, KEY[:4], first=2))
    assert [b.share for b in whole[2:]] == [b.share for b in rest]
    assert len({b.share for b in whole}) == 6
    for other in ((43, 0, 0, 1), (42, 1, 0, 1), (42, 0, 1, 1), (42, 0, 0, 2)):
        assert next(mixed_batches(iter(plain), chosen, other, first=0)).share != whole[0].share


def test_mixing_draws_nothing_from_the_generators_of_the_model():
    state = torch.get_rng_state()
    mixed(images(), settings(mixup_alpha=1.0, cutmix_alpha=1.0), KEY)
    assert torch.equal(torch.get_rng_state(), state)


def test_off_hands_the_batches_through():
    batches = iter([images()])
    assert mixed_batches(batches, settings(), KEY[:4], first=0) is batches


@pytest.mark.parametrize("step", [1, 3, 4, 8])
def test_a_mixed_fold_that_was_stopped_ends_like_one_that_was_not(tmp_path, step):
    chosen = settings(batch_size=3, accumulate_steps=2, mixup_alpha=0.7)

    def run(kept=None):
        return fit(fresh(), dataset(), fold(), chosen, SPEC, [], kept)

    straight = run()
    with pytest.raises(Killed):
        run(checkpointer(tmp_path, kill_at=step))
    assert_same(run(checkpointer(tmp_path)), straight)


def test_mixing_changes_the_training_and_not_how_rows_are_predicted():
    def trained(**alphas):
        it = learner()
        return fit(it, dataset(), fold(), settings(**alphas), SPEC, [])[0], state_of(it.model)

    (plain, weights), (mixed_up, mixed_weights) = trained(), trained(mixup_alpha=0.5)
    assert not torch.equal(weights["head.weight"], mixed_weights["head.weight"])
    assert plain.rows.tolist() == mixed_up.rows.tolist()
    assert [e.step for e in plain.epochs] == [e.step for e in mixed_up.epochs]


@pytest.mark.parametrize(
    ("inputs", "alphas", "message"),
    [
        (
            {"tokens": torch.zeros(2, 3, dtype=torch.int64)},
            {"mixup_alpha": 0.2},
            "the input 'tokens' holds codes (int64)",
        ),
        (
            {"numeric": torch.zeros(2, 3), "categorical": torch.zeros(2, 1, dtype=torch.int64)},
            {"mixup_alpha": 0.2},
            "the input 'categorical' holds codes",
        ),
        ({"numeric": torch.zeros(2, 3)}, {"cutmix_alpha": 1.0}, "the input 'numeric' is (B, 3)\nuse fit.mixup_alpha"),
        ({"images": torch.zeros(2, 1, 4, 4, dtype=torch.uint8)}, {"cutmix_alpha": 1.0}, "holds codes (uint8)"),
    ],
)
def test_inputs_that_cannot_be_mixed_are_refused_by_name(inputs, alphas, message):
    batch = Batch(inputs, torch.zeros(2, dtype=torch.int64), torch.ones(2), torch.arange(2))
    with pytest.raises(ConfigError) as error:
        mixed(batch, settings(**alphas), KEY)
    assert message in str(error.value)
    assert len(str(error.value).splitlines()) <= 5


def test_a_batch_of_one_row_is_its_own_partner():
    batch = images(1)
    found = mixup(batch, 0.5)
    torch.testing.assert_close(found.inputs["images"], batch.inputs["images"])
    logits = logits_like(batch)
    assert float(row_losses(cross_entropy(), logits, found).sum()) == pytest.approx(
        float(row_losses(cross_entropy(), logits, batch).sum())
    )

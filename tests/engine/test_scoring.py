"""Held-out rows are predicted from every view of them, monitored ones from the rows as they are."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from tests.engine.engine_cases import CLASSES, SPEC, cross_entropy, fold, learner, settings
from trainer.data.loading.batches import DenseRows, TokenRows, TrainingSet, row_views
from trainer.data.loading.streamed import StreamedRows
from trainer.engine.fit import fit
from trainer.engine.loops import predict_views
from trainer.engine.scoring import evaluation_rows, predict_rows, validation_scores
from trainer.losses.nll import NegativeLogLikelihood
from trainer.metrics.scores import score
from trainer.tasks import MULTICLASS

N = 23


class Flipping:
    """Images that are also seen mirrored, and upside down."""

    def __init__(self, images, looks=((), (3,), (2,)), flips=()):
        self.images, self.looks, self.flips = images, looks, flips
        self.taken = 0

    def take(self, rows):
        self.taken += len(rows)
        return {"x": self.images[rows].flip(self.flips)}

    def lengths(self):
        return None

    def to(self, device):
        return self

    def views(self):
        return [self, *(Flipping(self.images, self.looks, flips) for flips in self.looks[1:])]


class Lopsided(nn.Module):
    """Sees the places of an image, so that a flip makes a difference."""

    def __init__(self, log_probs=False):
        super().__init__()
        self.head = nn.Linear(16, CLASSES)
        self.log_probs = log_probs

    def forward(self, x):
        logits = self.head(x.flatten(1))
        return logits.log_softmax(1) if self.log_probs else logits


def data(rows=Flipping, **options):
    generator = torch.Generator().manual_seed(1)
    images = torch.randn(N, 1, 4, 4, generator=generator)
    target = torch.randint(CLASSES, (N,), generator=generator)
    return TrainingSet(rows(images, **options), target, torch.ones(N))


def lopsided(**options):
    torch.manual_seed(2)
    loss = NegativeLogLikelihood(n_classes=CLASSES, class_counts=[9] * 3, model_outputs_log_probs=True)
    model = Lopsided(**options)
    return learner(model, loss=loss if model.log_probs else cross_entropy())


@pytest.mark.parametrize("batch_size", [4, 100])
def test_the_logits_are_the_mean_over_the_views(batch_size):
    it, seen = lopsided(), data()
    rows = np.array([1, 4, 9, 20, 22])
    found = predict_views(it, seen, rows, batch_size)
    images = seen.rows.images[rows].double()
    expected = torch.stack([it.model.double()(images.flip(flips)) for flips in ((), (3,), (2,))]).mean(0)
    np.testing.assert_allclose(found, expected.detach().numpy(), rtol=1e-5, atol=1e-6)
    assert found.dtype == np.float32


def test_log_probabilities_are_averaged_and_sum_to_one_again():
    it, seen = lopsided(log_probs=True), data()
    rows = np.arange(0, 23, 2)
    logits, proba, _ = predict_rows(it, seen, rows, settings(), predict_views)
    images = seen.rows.images[rows].double()
    mean = torch.stack([it.model.double()(images.flip(flips)) for flips in ((), (3,), (2,))]).mean(0)
    np.testing.assert_allclose(proba, mean.softmax(1).detach().numpy(), rtol=1e-5)
    np.testing.assert_allclose(proba.sum(1), 1, rtol=1e-6)
    np.testing.assert_allclose(logits, np.log(proba), rtol=1e-4, atol=1e-6)


def test_held_out_rows_are_seen_every_way_and_monitored_ones_as_they_are():
    it, seen, rows = lopsided(), data(), replace(fold(), monitor=np.array([1, 2, 3]))
    chosen = settings(metrics=("log_loss",))
    result, _ = fit(it, seen, rows, chosen, SPEC, [])
    np.testing.assert_allclose(result.loss.mean(), result.metrics["log_loss"], rtol=1e-5)
    plain_rows = DenseRows({"x": seen.rows.images})
    once = validation_scores(it, replace(seen, rows=plain_rows), rows.monitor, chosen, SPEC)
    assert result.epochs[-1].monitor == once
    last = result.epochs[result.best_epoch - 1].monitor["log_loss"]
    assert last == min(epoch.monitor["log_loss"] for epoch in result.epochs)


def test_the_score_and_the_loss_of_a_fold_are_those_of_the_averaged_logits():
    it, seen = lopsided(), data()
    result, _ = fit(it, seen, fold(), settings(metrics=("log_loss",)), SPEC, [])
    images = seen.rows.images[fold().held_out].double()
    logits = torch.stack([it.model.double()(images.flip(flips)) for flips in ((), (3,), (2,))]).mean(0).detach()
    target = seen.target[torch.from_numpy(fold().held_out)]
    np.testing.assert_allclose(result.logits, logits.numpy(), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(result.loss, F.cross_entropy(logits, target, reduction="none").numpy(), rtol=1e-5)
    expected = score(("log_loss",), MULTICLASS, target.numpy(), logits.softmax(1).numpy())
    assert result.metrics["log_loss"] == pytest.approx(expected["log_loss"], rel=1e-5)


def test_one_view_is_the_bits_of_none():
    plain = data(lambda images: DenseRows({"x": images}))
    one, none = (fit(lopsided(), rows, fold(), settings(), SPEC, [])[0] for rows in (data(looks=((),)), plain))
    np.testing.assert_array_equal(one.logits, none.logits)
    np.testing.assert_array_equal(one.proba, none.proba)


def test_rows_without_views_are_seen_as_they_are():
    plain = DenseRows({"x": torch.zeros(2, 1)})
    assert row_views(plain) == [plain]
    assert len(row_views(data().rows)) == 3
    streamed = StreamedRows(dataset=[])
    assert row_views(streamed) == [streamed]


def test_a_fold_that_holds_nothing_out_has_no_view_to_look_at():
    logits = predict_views(lopsided(), data(), np.zeros(0, dtype=np.int64), 4)
    assert logits.shape == (0, CLASSES)


def test_evaluation_batches_of_a_transformer_on_a_cpu_are_small():
    tokens, offsets = np.zeros(N, dtype=np.int32), np.arange(N + 1)
    plain, attended = TokenRows(tokens, offsets), TokenRows(tokens, offsets, mask=True)
    on_gpu = TokenRows(tokens, offsets, mask=True)
    on_gpu.tokens = torch.empty(N, device="meta")  # wherever that is
    found = [
        [evaluation_rows(size, replace(data(), rows=of)) for size in (2, 8, 32)] for of in (plain, attended, on_gpu)
    ]
    assert found == [[8, 32, 128], [8, 16, 32], [8, 32, 128]]

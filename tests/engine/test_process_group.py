"""Several processes train what one process trains: the same rows, and weights equal to 1e-6; also to a plain loop's."""

import os
import shutil
import signal
import time
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from tests.engine.engine_cases import CLASSES, SPEC, dataset, fold, learner, level, made, settings, state_of
from tests.engine.ranks_cases import in_ranks
from trainer.config.schema import CheckpointConfig
from trainer.data.loading.batch_order import training_order
from trainer.data.loading.batches import DenseRows, TokenRows, TrainingSet
from trainer.data.samples import DataSpec
from trainer.engine.checkpointer import Checkpointer
from trainer.engine.fit import fit
from trainer.engine.process_group import ALONE, PeerLostError, Ranks
from trainer.engine.sharded import shard
from trainer.engine.sync_batchnorm import synchronise
from trainer.errors import Interrupted
from trainer.losses.bce import BinaryCrossEntropy
from trainer.losses.ce import CrossEntropy
from trainer.losses.focal import Focal
from trainer.losses.mse import MeanSquaredError
from trainer.system import interrupts
from trainer.tasks import MULTICLASS, MULTILABEL, REGRESSION

ROWS, BATCH, EPOCHS, LR = 23, 5, 2, 0.1  # 17 rows are trained on: the last batch has 2, fewer than 3 processes
WEIGHTS = [2.0, 0.5, 1.0]
COUNTS = {"n_classes": CLASSES, "class_counts": [8, 5, 10]}
X = dataset(ROWS).rows.inputs["x"]
LABELS = (X[:, :CLASSES] > 0).long()
VOTES = X[:, :CLASSES].softmax(1)


def of(target, weights=None):
    known = torch.ones(ROWS) if weights is None else weights
    return TrainingSet(DenseRows({"x": X}), target, known, unweighted=weights is None)


def losses():
    """Per case: the data, the loss of the house, and (loss, weight) per row as torch has them."""
    numbers, classes = X.sum(1), dataset(ROWS).target
    sample = torch.linspace(0.2, 2.0, ROWS)
    focal = Focal(gamma=2.0, task=MULTICLASS, n_rows=17, **COUNTS)
    per_label = BinaryCrossEntropy(task=MULTILABEL, n_rows=17, **COUNTS)
    of_classes = torch.tensor(WEIGHTS)

    def plain_focal(z, y):
        p = z.softmax(1).gather(1, y[:, None])[:, 0]
        return -((1 - p) ** 2) * p.log()

    return {
        "ce": (of(classes), CrossEntropy(**COUNTS), lambda z, y: F.cross_entropy(z, y, reduction="none"), None),
        "class weights": (
            of(classes),
            CrossEntropy(class_weights=WEIGHTS, **COUNTS),
            lambda z, y: F.cross_entropy(z, y, weight=of_classes, reduction="none"),
            lambda rows: of_classes[classes[rows]],
        ),
        "sample weights": (
            of(classes, sample),
            CrossEntropy(**COUNTS),
            lambda z, y: F.cross_entropy(z, y, reduction="none"),
            lambda rows: sample[rows],
        ),
        "focal": (of(classes), focal, plain_focal, None),
        "several labels": (
            of(LABELS),
            per_label,
            lambda z, y: F.binary_cross_entropy_with_logits(z, y.float(), reduction="none").mean(1),
            None,
        ),
        "numbers": (of(numbers), MeanSquaredError(), lambda z, y: (z[:, 0] - y) ** 2, None),
    }


CASES = losses()
SPECS = {"several labels": DataSpec("", MULTILABEL, ("a", "b", "c")), "numbers": DataSpec("", REGRESSION, ())}
COMBINATIONS = list(product(CASES, (1, 2, 3)))


def trained(data, loss, spec=SPEC, *, ranks=ALONE, amp=None, model=None, **changes):
    """Mean loss per epoch, final weights and held-out logits."""
    model = made(n_outputs=loss.n_outputs) if model is None else model
    it = replace(learner(model, loss=loss, lr=LR, amp=amp, decay=changes.pop("decay", None)), ranks=ranks)
    wanted = settings(max_epochs=EPOCHS, batch_size=BATCH, metrics=spec.task.default_metrics, **changes)
    result, weights = fit(it, data, fold(ROWS), wanted, spec)
    return [epoch.train_loss for epoch in result.epochs], weights, torch.from_numpy(result.logits), it


def everything(ranks=ALONE):
    return {
        (name, steps): trained(*CASES[name][:2], SPECS.get(name, SPEC), ranks=ranks, accumulate_steps=steps)[:3]
        for name, steps in COMBINATIONS
    }


def plain_loop(name, accumulate):
    """SGD by hand over the batches in the same order: no line of trainer/engine."""
    data, loss, row_loss, row_weight = CASES[name]
    model, rows = made(n_outputs=loss.n_outputs), fold(ROWS).train
    optimizer = torch.optim.SGD(model.parameters(), lr=LR)
    for epoch in range(1, EPOCHS + 1):
        batches = training_order(rows, BATCH, (42, 0, 0, epoch), None)
        for start in range(0, len(batches), accumulate):
            window = torch.from_numpy(np.concatenate(batches[start : start + accumulate]))
            weight = torch.ones(len(window)) if row_weight is None else row_weight(window)
            scaled = row_loss(model(X[window]), data.target[window])
            if name == "sample weights":  # torch has multiplied with class weights already
                scaled = scaled * weight
            optimizer.zero_grad()
            (scaled.sum() / weight.sum()).backward()
            optimizer.step()
    return state_of(model)


def close(one, other, tolerance=1e-6):
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(close(one[name], other[name], tolerance) for name in one)
    return torch.allclose(torch.as_tensor(one), torch.as_tensor(other), rtol=tolerance, atol=tolerance)


@pytest.fixture(scope="module")
def alone():
    return everything()


@pytest.mark.parametrize(("name", "accumulate"), COMBINATIONS)
def test_one_process_trains_what_a_plain_loop_trains(name, accumulate, alone):
    assert close(alone[name, accumulate][1], plain_loop(name, accumulate))


@pytest.mark.parametrize("size", [2, 3])
def test_processes_train_what_one_process_trains(size, alone, tmp_path):
    first, *others = in_ranks(size, everything, tmp_path)
    wrong = [key for key in COMBINATIONS if not all(close(a, b) for a, b in zip(first[key], alone[key], strict=True))]
    assert wrong == []
    same = [close(first[key][1], other[key][1], 0.0) for other in others for key in COMBINATIONS]
    assert all(same), "ranks have drifted apart"


class Odd(nn.Module):
    """A layer is used for few rows, and not called where a batch has none of them; another never is."""

    def __init__(self):
        super().__init__()
        self.head, self.sometimes, self.never = nn.Linear(4, CLASSES), nn.Linear(4, CLASSES), nn.Linear(4, CLASSES)

    def forward(self, x):
        logits, few_B1 = self.head(x), x[:, :1] > 1.2
        return logits + few_B1 * self.sometimes(x) if few_B1.any() else logits


class Mean(nn.Module):
    """The mean over the tokens, with those that fill short rows: how long a batch is padded tells."""

    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(50, CLASSES)

    def forward(self, tokens):
        return self.table(tokens).mean(1)


class Normed(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.norm, self.head = nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Linear(6, CLASSES)

    def forward(self, x):
        return self.head(self.norm(self.body(x)).relu())


def seeded(kind):
    torch.manual_seed(3)
    return kind()


def texts():
    random = np.random.default_rng(5)
    lengths = random.integers(1, 9, ROWS)
    rows = TokenRows(random.integers(1, 50, lengths.sum()).astype(np.int32), np.concatenate([[0], lengths.cumsum()]))
    return TrainingSet(rows, dataset(ROWS).target, torch.ones(ROWS), unweighted=True)


def details(ranks=ALONE):
    """Fits by name; what an option changes in one process it has to change in several."""
    ce = CASES["ce"][:2]
    whole = replace(ranks, sync_batchnorm=ranks.size > 1)
    return {
        "clipped and averaged": trained(*ce, ranks=ranks, clip_norm=0.05, decay=0.9, accumulate_steps=2)[:3],
        "votes": trained(replace(ce[0], votes_NC=VOTES), ce[1], ranks=ranks)[:3],
        "padded": trained(texts(), ce[1], model=seeded(Mean), ranks=ranks)[:3],
        "whole statistics": trained(*ce, model=synchronised(seeded(Normed), whole), ranks=whole)[:3],
        "O1": trained(*ce, ranks=ranks, amp=level("O1"))[:3],
        "O2": trained(*ce, ranks=ranks, amp=level("O2"))[:3],
    }


def synchronised(model, ranks):
    if ranks.sync_batchnorm:
        synchronise(model)
    return model


@pytest.mark.parametrize("size", [2, 3])
def test_other_options_do_in_several_processes_what_they_do_in_one(size, tmp_path):
    first, *others = in_ranks(size, details, tmp_path)
    for name, wanted in details().items():
        half = name in ("O1", "O2")  # where each share is rounded to half by itself
        assert all(close(a, b, 2e-2 if half else 2e-6) for a, b in zip(first[name], wanted, strict=True)), name
        assert all(close(first[name][1], other[name][1], 0.0) for other in others), name


def uneven(ranks):
    """A gradient that one rank has and another lacks, or none has; an overflow on one rank; BatchNorm by shares."""
    data, loss = CASES["ce"][:2]
    odd = replace(learner(seeded(Odd), optimizer=torch.optim.AdamW), ranks=ranks)
    fit(odd, data, fold(ROWS), settings(batch_size=BATCH), SPEC)
    x_NF = X.clone()
    x_NF[fold(ROWS).train[-1]] = 6e4  # of this row float16 makes an infinity
    broken = TrainingSet(DenseRows({"x": x_NF}), data.target, data.weights_N, unweighted=True)
    scaled = trained(broken, loss, ranks=ranks, amp=level("O2", dtype="fp16"))[3]
    normed = replace(learner(seeded(Normed)), ranks=ranks)
    fit(normed, data, fold(ROWS), settings(batch_size=6), SPEC)
    return state_of(odd.model), scaled.precision.scaler.state_dict(), state_of(scaled.model), state_of(normed.model)


def test_ranks_agree_on_what_only_one_of_them_sees(tmp_path):
    alone, (first, second) = uneven(ALONE), in_ranks(2, uneven, tmp_path)
    assert close(first[0], alone[0], 2e-6)
    assert first[0]["never.weight"].equal(seeded(Odd).never.weight)  # no decay of what has no gradient
    assert first[1] == second[1] == alone[1]
    assert first[1]["skipped_steps"] > 0
    assert all(close(one, other, 0.0) for one, other in zip(first[2:], second[2:], strict=True))
    assert all(weight.isfinite().all() for weight in first[2].values())


def drawn(ranks):
    """What a model would draw at random for each batch of an epoch, from its start and from the second batch on."""
    order = training_order(fold(ROWS).train, BATCH, (42, 0, 0, 1), None)
    data = CASES["ce"][0]
    return [
        [(batch.rows_B.tolist(), float(torch.rand(()))) for batch in ranks.batches(data, order[n:], (42, 0, 0, 1), n)]
        for n in (0, 1)
    ]


def test_the_shares_cover_each_batch_once_and_draw_each_their_own(tmp_path):
    found = in_ranks(3, drawn, tmp_path)
    order = training_order(fold(ROWS).train, BATCH, (42, 0, 0, 1), None)
    for number, rows in enumerate(order):
        shares = [epoch[number] for epoch, _ in found]
        assert [row for share, _ in shares for row in share] == rows.tolist()
        assert len({value for _, value in shares}) == 3
    assert all(rest == epoch[1:] for epoch, rest in found)  # also of an epoch that is gone on with


def in_parts(model, ranks):
    if ranks.shard:
        shard(model, ranks.size)
    return model


def with_parts(ranks=ALONE):
    """The same fits by weights of which each process holds a part, and by whole ones."""
    data, loss = CASES["class weights"][:2]
    parts = replace(ranks, shard=ranks.size > 1)
    plain = {"accumulate_steps": 2, "clip_norm": 0.05, "decay": 0.9}
    monitored = learner(in_parts(made(), parts), optimizer=torch.optim.AdamW, lr=0.02)
    picked, weights = fit(
        replace(monitored, ranks=parts), data, fold(ROWS, monitor=range(0, 23, 5)), settings(batch_size=BATCH), SPEC
    )
    return {
        "accumulated": trained(data, loss, model=in_parts(made(), parts), ranks=parts, **plain)[:3],
        "picked": (picked.best_epoch, weights, torch.from_numpy(picked.logits)),
        "half": trained(data, loss, model=in_parts(made(), parts), ranks=parts, amp=level("O1"))[:3],
    }


@pytest.mark.parametrize("size", [2, 3])
def test_processes_that_hold_parts_of_the_weights_train_the_same(size, tmp_path):
    alone = with_parts()
    for found in in_ranks(size, with_parts, tmp_path):
        for name, wanted in alone.items():
            tolerance = 2e-2 if name == "half" else 2e-6
            assert all(close(a, b, tolerance) for a, b in zip(found[name], wanted, strict=True)), name


def resumed(folder, stop_after=None, *, parts=False):
    """Train with checkpoints in ``folder``; the last rank is sent a signal after so many steps."""

    def work(ranks):
        kept = {"identity": {}, "settings": CheckpointConfig(every_minutes=None), "force": False}
        silent = {"still_ours": lambda: None, "print_line": lambda line: None}
        ranks = replace(ranks, shard=parts and ranks.size > 1)
        model = in_parts(made() if parts else seeded(Odd), ranks)
        it = replace(learner(model, optimizer=torch.optim.AdamW, decay=0.9), ranks=ranks)
        steps = 0

        def counted(original):
            def check(self):
                nonlocal steps
                steps += 1
                if steps == stop_after and self.rank == self.size - 1:
                    interrupts._received = signal.SIGTERM
                original(self)

            return check

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Ranks, "check", counted(Ranks.check))
            with Checkpointer(folder, **kept, **silent, writes=ranks.first) as checkpointer:
                wanted = settings(batch_size=BATCH, accumulate_steps=2)
                try:
                    weights = fit(it, CASES["ce"][0], fold(ROWS), wanted, SPEC, (), checkpointer)[1]
                except Interrupted as stop:
                    return steps, stop.exit_code
        return steps, weights

    return work


@pytest.mark.parametrize("parts", [False, True])
def test_all_stop_after_the_same_step_and_any_number_of_processes_goes_on(parts, tmp_path):
    whole = resumed(tmp_path / "run/whole", parts=parts)(ALONE)
    assert whole[0] == 6
    begun = tmp_path / "run/begun"
    begun.mkdir(parents=True)
    assert in_ranks(2, resumed(begun, stop_after=3, parts=parts), tmp_path) == [(3, 143)] * 2
    for size in (1, 2, 3):
        copy = tmp_path / f"run/with_{size}"
        shutil.copytree(begun, copy)
        for steps, weights in in_ranks(size, resumed(copy, parts=parts), tmp_path):
            assert steps == 3
            assert close(weights, whole[1], 2e-6)


def bereft(ranks):
    if ranks.rank == 1:
        os._exit(9)
    began = time.monotonic()
    with pytest.raises(PeerLostError, match="another process of this fold is gone"):
        trained(*CASES["ce"][:2], ranks=ranks)
    return time.monotonic() - began


def test_whoever_is_left_ends_at_once(tmp_path):
    first, last = in_ranks(3, bereft, tmp_path, dies=1)
    assert max(first, last) < 10

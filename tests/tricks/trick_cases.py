"""Two-layer models and learners with tricks, and their gradients in float64."""

from copy import deepcopy

import torch
from torch import nn
from torch.nn import functional as F

from tests.engine.engine_cases import learner, totals
from trainer.data.loading.batches import Batch, DenseRows, TrainingSet
from trainer.engine.loops import train_step
from trainer.engine.modes import training
from trainer.engine.tricked import Tricks
from trainer.tasks import MULTICLASS
from trainer.tricks.contract import Setting

CLASSES = 3


class Words(nn.Module):
    """Mean of the vectors of ``tokens`` (B, T), a hidden layer and dropout, one linear layer."""

    def __init__(self, dropout=0.0):
        super().__init__()
        self.table = nn.Embedding(20, 6)
        self.hidden = nn.Linear(6, 5)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(5, CLASSES)

    def get_input_embeddings(self):
        return self.table

    def layers(self):
        return [self.table, self.hidden]

    def forward(self, tokens):
        return self.head(self.dropout(self.hidden(self.table(tokens).mean(1)).tanh()))


def words(dropout=0.0, seed=0):
    torch.manual_seed(seed)
    return Words(dropout)


def batch(n_rows=8, seed=1):
    generator = torch.Generator().manual_seed(seed)
    tokens = torch.randint(20, (n_rows, 4), generator=generator)
    target = torch.randint(CLASSES, (n_rows,), generator=generator)
    return Batch({"tokens": tokens}, target, torch.ones(n_rows), torch.arange(n_rows))


def part(whole, rows):
    inputs = {name: value[rows] for name, value in whole.inputs.items()}
    return Batch(inputs, whole.target[rows], whole.weights_B[rows], whole.rows_B[rows])


def setting(model, **changes):
    values = {"task": MULTICLASS, "n_outputs": CLASSES, "n_classes": CLASSES, "steps_per_epoch": 4, "total_steps": 16}
    return Setting(model, **{**values, **changes})


def tricked(model, options=None, /, told=None, **tricks):
    """A learner around ``model`` with tricks by name."""
    for trick in tricks.values():
        trick.attach(setting(model, **(told or {})))
    it = learner(model, **(options or {}))
    it.tricks = Tricks(tricks)
    it.average = it.tricks.bind(it.precision, model) or it.average
    return it


def word_rows(n_rows, seed=4):
    """A training set for ``words``."""
    rows = batch(n_rows, seed)
    return TrainingSet(DenseRows(dict(rows.inputs)), rows.target, rows.weights_B)


def step(it, *batches, clip_norm=None):
    with training(it.model):
        train_step(it, batches, clip_norm, totals())


def in_float64(model):
    return deepcopy(model).double()


def gradients(model, rows):
    """Gradients of the mean cross-entropy by name; of a model in float64."""
    names, parameters = zip(*model.named_parameters(), strict=True)
    loss = F.cross_entropy(model(**rows.inputs), rows.target)
    return dict(zip(names, torch.autograd.grad(loss, parameters), strict=True))


def moved(model, by):
    """A copy whose parameters are moved."""
    other = deepcopy(model)
    with torch.no_grad():
        for name, way in by.items():
            other.get_parameter(name).add_(way)
    return other


def assert_stepped(it, model, gradient, lr=0.1):
    """One step of SGD from ``model`` (float64) along the gradients has led to the learner's weights."""
    for name, parameter in it.model.named_parameters():
        expected = model.get_parameter(name).detach() - lr * gradient[name]
        assert (parameter.detach() - expected).abs().max() < 1e-6, name

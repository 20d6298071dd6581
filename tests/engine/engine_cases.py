"""Small models, data and learners shared by the engine's tests."""

import numpy as np
import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR

from trainer.config.schema import AmpConfig
from trainer.data.loading.batches import DenseRows, TrainingSet
from trainer.data.samples import DataSpec
from trainer.engine.ema import WeightAverage
from trainer.engine.loops import Learner, Totals
from trainer.engine.precision.opt_levels import resolve_opt_level
from trainer.engine.precision.precision import Precision
from trainer.engine.settings import FitSettings, FoldRows
from trainer.losses.ce import CrossEntropy
from trainer.tasks import MULTICLASS

CPU = torch.device("cpu")
CLASSES = 3
SPEC = DataSpec("made up", MULTICLASS, ("a", "b", "c"))


class Small(nn.Module):
    """Two layers over ``x`` (B, 4)."""

    def __init__(self, hidden=8, n_outputs=CLASSES):
        super().__init__()
        self.body = nn.Linear(4, hidden)
        self.head = nn.Linear(hidden, n_outputs)

    def forward(self, x):
        return self.head(self.body(x).relu())


class Bag(nn.Module):
    """Sum of the vectors of ``tokens`` (B, T)."""

    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(50, CLASSES, padding_idx=0)

    def forward(self, tokens):
        return self.table(tokens).sum(1)


class ConvNet(nn.Module):
    """Convolution, BatchNorm with and without weights, embedding and linear: every kind the casts tell apart."""

    def __init__(self, n_outputs=CLASSES):
        super().__init__()
        self.conv = nn.Conv2d(1, 6, 3)
        self.norm = nn.BatchNorm2d(6)
        self.plain_norm = nn.BatchNorm2d(6, affine=False)
        self.table = nn.Embedding(5, 6)
        self.head = nn.Linear(6, n_outputs)
        self.seen = []

    def forward(self, image, code):
        self.seen.append((image.dtype, code.dtype))
        maps_BCHW = self.plain_norm(self.norm(self.conv(image)).relu())
        return self.head(maps_BCHW.mean(dim=(2, 3)) + self.table(code))


def made(seed=0, **options):
    torch.manual_seed(seed)
    return Small(**options)


def level(opt_level="O0", **options):
    return resolve_opt_level(AmpConfig(opt_level, **options), CPU)


def cross_entropy(**options):
    return CrossEntropy(n_classes=CLASSES, class_counts=[10] * CLASSES, **options)


def dataset(n_rows=23, seed=1, weights=None):
    generator = torch.Generator().manual_seed(seed)
    x_NF = torch.randn(n_rows, 4, generator=generator)
    target = (x_NF[:, :CLASSES] + 0.3 * torch.randn(n_rows, CLASSES, generator=generator)).argmax(1)
    weights_N = torch.ones(n_rows) if weights is None else torch.as_tensor(weights, dtype=torch.float32)
    return TrainingSet(DenseRows({"x": x_NF}), target, weights_N)


def learner(model=None, *, amp=None, lr=0.1, loss=None, decay=None, optimizer=torch.optim.SGD, schedule=None):
    """A learner around ``model`` with a constant rate, or ``schedule(step) * lr``."""
    model = made() if model is None else model
    precision = Precision(model, level() if amp is None else amp)
    stepper = optimizer(precision.parameters, lr=lr)
    scheduler = LambdaLR(stepper, schedule or (lambda step: 1.0))
    average = None if decay is None else WeightAverage(precision.parameters, decay)
    return Learner(model, loss or cross_entropy(), stepper, scheduler, precision, average)


def totals():
    return Totals.start(torch.device("cpu"))


def settings(**changes):
    values = {
        "max_epochs": 3,
        "batch_size": 5,
        "accumulate_steps": 1,
        "clip_norm": None,
        "patience_epochs": None,
        "metrics": ("accuracy", "log_loss"),
        "seed": 42,
    }
    return FitSettings(**{**values, **changes})


def fold(n_rows=23, held_out=range(0, 23, 4), monitor=None):
    held = np.asarray(list(held_out))
    train = np.setdiff1d(np.arange(n_rows), held)
    return FoldRows(0, 0, train, held, None if monitor is None else np.asarray(list(monitor)))


def state_of(model):
    return {name: value.detach().clone() for name, value in model.state_dict().items()}


def same_state(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)

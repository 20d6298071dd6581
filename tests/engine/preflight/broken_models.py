"""Deliberately broken models and losses, one per mistake, and sound ones to compare."""

import torch
import torch.nn.functional as F
from torch import nn

from trainer.config.schema import AmpConfig
from trainer.data.loading.batches import Batch
from trainer.engine.precision.opt_levels import resolve_opt_level
from trainer.engine.preflight.probe import ProbedModel
from trainer.losses.bce import BinaryCrossEntropy
from trainer.losses.ce import CrossEntropy
from trainer.losses.focal import Focal
from trainer.losses.nll import NegativeLogLikelihood
from trainer.tasks import BINARY, MULTILABEL

N_ROWS, N_FEATURES, N_CLASSES, N_WORDS = 32, 6, 3, 40
LOSSES = {"ce": CrossEntropy, "nll": NegativeLogLikelihood, "bce": BinaryCrossEntropy, "focal": Focal}


def make_loss(name, task, **options):
    """The loss as a fold would build it, for labels in equal shares."""
    n_classes = 2 if task == BINARY else N_CLASSES
    counts = {"n_classes": n_classes, "class_counts": [N_ROWS // n_classes] * n_classes}
    counts |= {"task": task, "n_rows": N_ROWS} if name in ("bce", "focal") else {}
    return LOSSES[name](**options, **counts)


def make_batch(task, kind="numeric", n_rows=N_ROWS):
    """Random rows with every label in them."""
    generator = torch.Generator().manual_seed(7)
    inputs = {"numeric": torch.randn(n_rows, N_FEATURES, generator=generator)}
    if kind == "categorical":
        inputs["categorical"] = torch.randint(0, 5, (n_rows, 2), generator=generator)
    if kind == "tokens":
        tokens = torch.randint(1, N_WORDS, (n_rows, 12), generator=generator)
        lengths = torch.randint(1, 13, (n_rows, 1), generator=generator)
        inputs = {"tokens": tokens.where(torch.arange(12) < lengths, 0)}
    target = torch.arange(n_rows) % (2 if task == BINARY else N_CLASSES)
    if task == MULTILABEL:
        target = torch.randint(0, 2, (n_rows, N_CLASSES), generator=generator)
    return Batch(inputs, target, torch.ones(n_rows), torch.arange(n_rows))


def make_probe(model, loss, task, *, batch=None, amp=None, train_sizes=(100, 96), batch_size=N_ROWS):
    """A probe around a ready model and loss."""
    batch = batch or make_batch(task)
    level = resolve_opt_level(amp or AmpConfig(), torch.device("cpu"))
    return ProbedModel(model, loss, level, task, batch, batch.target, train_sizes, batch_size)


class Net(nn.Module):
    """A sound little network; the broken ones change one thing."""

    def __init__(self, n_outputs=N_CLASSES, end=None):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(N_FEATURES, 16), nn.ReLU())
        self.head = nn.Linear(16, n_outputs)
        self.end = end or nn.Identity()

    def forward(self, numeric):
        return self.end(self.head(self.body(numeric)))


def changed(forward, n_outputs=N_CLASSES, name="Net"):
    """A Net whose forward is ``forward(self, numeric)``."""
    return type(name, (Net,), {"forward": forward})(n_outputs)


def logits(self, numeric):
    return self.head(self.body(numeric))


class NestedSoftmax(nn.Module):
    def __init__(self):
        super().__init__()
        self.classifier = nn.Sequential(nn.Linear(N_FEATURES, 8), nn.ReLU(), nn.Linear(8, N_CLASSES), nn.Softmax(dim=1))

    def forward(self, numeric):
        return self.classifier(numeric)


class BatchAttention(Net):
    """Attention over rows: batch_first was forgotten."""

    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention(16, 2)

    def forward(self, numeric):
        tokens = self.body(numeric)[:, None]
        return self.head((tokens + self.attention(tokens, tokens, tokens)[0])[:, 0])


class Unused(Net):
    def __init__(self):
        super().__init__()
        self.pooler = nn.Linear(16, 16)


class WithNorm(Net):
    def __init__(self, **options):
        super().__init__()
        self.norm = nn.BatchNorm1d(16, **options)

    def forward(self, numeric):
        return self.head(self.norm(self.body(numeric)))


class Frozen(Net):
    def __init__(self):
        super().__init__()
        self.requires_grad_(False)


class Empty(Net):
    def __init__(self):
        super().__init__()
        nn.init.constant_(self.head.weight, float("nan"))


class LargeInside(Net):
    """Sound in float32; beyond float16 in the middle."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Linear(16, 16)
        nn.init.constant_(self.scale.weight, 3e4)

    def forward(self, numeric):
        return self.head(self.scale(self.body(numeric)) * 1e-6)


class MixedTypes(Net):
    def forward(self, numeric):
        return self.head(self.body(numeric) + torch.zeros(16, dtype=torch.float32))


class TextNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.EmbeddingBag(N_WORDS, N_CLASSES)

    def forward(self, tokens):
        return self.embedding(tokens)


class BroadcastingLoss(nn.Module):
    """A user's loss that forgot a dimension."""

    expects = "logits"
    n_outputs = 1

    def forward(self, logits, target):
        return (logits - target).square()

    def normaliser(self, target):
        return torch.ones(len(target))


class MeanLoss(BroadcastingLoss):
    def forward(self, logits, target):
        return F.binary_cross_entropy_with_logits(logits[:, 0], target.float())


def squeezed(self, numeric):
    return self.head(self.body(numeric)).squeeze()


def repeated(self, numeric):
    return self.head(self.body(numeric)[:, None].repeat(1, 4, 1))


def to_eval(self, numeric):
    self.body.eval()
    return logits(self, numeric)


def centred(self, numeric):
    features = self.body(numeric)
    return self.head(features - features.mean(dim=0))


def rooted(self, numeric):
    features = self.body(numeric)
    return self.head(features.sub(features).pow(2).sum(dim=1, keepdim=True).sqrt() + features)


def in_place(self, numeric):
    features = torch.sigmoid(self.body(numeric))
    features += 1
    return self.head(features)

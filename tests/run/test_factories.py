"""Models and losses of a user's own that cannot be trained are told in few lines, with the preflight or without it."""

import pytest

OWN = """
import torch
from torch import nn
from torch.nn import functional as F


class Net(nn.Module):
    def __init__(self, n_features, n_outputs, returns="logits"):
        super().__init__()
        self.head = nn.Linear(n_features, n_outputs)
        self.returns = returns

    def forward(self, numeric):
        if self.returns == "an error":
            return self.head(numeric[:, 1:])
        logits = self.head(numeric)
        if self.returns == "numbers":
            return logits.argmax(dim=1)
        if self.returns == "one hot":
            return F.one_hot(logits.argmax(dim=1), logits.shape[1]).float()
        return {"logits": logits} if self.returns == "mapping" else logits


class Bare(nn.Module):
    n_outputs = 3

    def forward(self, logits, target):
        return F.cross_entropy(logits, target, reduction="none")


class Mean(Bare):
    def forward(self, logits, target):
        return F.cross_entropy(logits, target)

    def normaliser(self, target):
        return target.new_ones(len(target))

    def to_proba(self, logits):
        return logits.softmax(dim=1)


class Broken(Mean):
    def forward(self, logits, target):
        raise KeyError("no such\\nclass")


class Counting(Mean):
    def forward(self, logits, target):
        return (logits.argmax(dim=1) == target).float()
"""
QUICK = (
    "data=iris",
    "max_epochs=1",
    "cv.n_splits=2",
    "cv.parallel=1",
    "tracker=none",
    "profile=off",
    "audit=off",
    "baseline=off",
)
NET, LOSS = "model._target_=own_code.Net", "loss._target_=own_code."
CASES = [
    ((NET, "model.returns=numbers"), "return the logits of the last layer (B, 3), no argmax, mean or max"),
    ((NET, "model.returns=numbers", "preflight=off"), "the model returns (B) but the loss needs (B, 3)"),
    ((NET, "model.returns='one hot'", "preflight=off"), "the loss is cut off from the model's parameters"),
    ((NET, "model.returns='an error'", "preflight=off"), "the model Net raised RuntimeError: mat1 and mat2 shapes"),
    ((NET, f"{LOSS}Broken", "preflight=off"), "the loss Broken raised KeyError: 'no such"),
    ((NET, "model.returns=mapping", "preflight=off"), "the model returns a dict: return the logits alone"),
    ((NET, f"{LOSS}Bare"), "own_code.Bare has no method normaliser and no to_proba"),
    ((NET, f"{LOSS}Mean", "preflight=off"), "loss: forward of Mean must return one value or row per row"),
    ((NET, f"{LOSS}Counting"), "make the loss differentiable: no argmax"),
    ((NET, f"{LOSS}Counting", "preflight=off"), "let model and loss work without argmax, round, detach()"),
]


@pytest.mark.parametrize(("arguments", "said"), CASES)
def test_what_cannot_be_trained_is_told(train, tmp_path, monkeypatch, arguments, said):
    (tmp_path / "own_code.py").write_text(OWN)
    monkeypatch.syspath_prepend(str(tmp_path))
    outcome = train(*QUICK, "plugins=[own_code]", *arguments)
    assert outcome.code == 2
    assert said in outcome.err
    assert len(outcome.err.splitlines()) <= 5


@pytest.mark.parametrize(("typed", "named"), [("own_code.py", "own_code"), ("./sub/own_code.py", "sub.own_code")])
def test_a_file_for_a_plugin_is_answered_with_its_module(train, typed, named):
    outcome = train(*QUICK, f"plugins=[{typed}]")
    assert outcome.code == 2
    assert f"name the module: plugins=[{named}]" in outcome.err


GIVE_A_PATH = "is an address: give a path on this machine (download it first)"


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("data.path=https://a.org/b.csv", GIVE_A_PATH),
        ("init.path=s3://a/b.pt", GIVE_A_PATH),
        ("paths.runs=gs://a/b", "is an address; runs are written here first: add paths.mirror="),
    ],
)
def test_an_address_is_no_path(train, option, said):
    outcome = train(*QUICK[1:], "data=csv_tabular", "data.path=x.csv", option)
    assert outcome.code == 2
    assert f"{option}: {said}" in outcome.err

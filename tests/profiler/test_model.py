import copy
import json
import random

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from trainer.errors import ConfigError
from trainer.profiler.model import ModelProfile, cost_estimate, profile_model


class Mlp(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(64, 256), nn.ReLU())
        self.head = nn.Linear(256, 10)

    def forward(self, features):
        return self.head(self.body(features))


class Everything(nn.Module):
    """Embedding, LSTM, attention, BatchNorm, dropout, a bare parameter, a frozen part."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(50, 8)
        self.recurrent = nn.LSTM(8, 16, batch_first=True)
        self.attention = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
        self.norm = nn.BatchNorm1d(16)
        self.frozen = nn.BatchNorm1d(16)
        self.frozen.requires_grad_(False)
        self.head = nn.Linear(16, 3)
        self.scale = nn.Parameter(torch.ones(3))

    def forward(self, tokens, mask=None):
        hidden = self.attention(self.recurrent(self.embed(tokens))[0]).mean(1)
        return self.head(F.dropout(self.frozen(self.norm(hidden)), 0.1, self.training)) * self.scale


def mlp_batch():
    return {"features": torch.ones(32, 64)}


def tokens():
    return {"tokens": torch.arange(20).reshape(4, 5)}


def adamw_step(inputs):
    """A training step that builds its optimizer for the first model it is given."""
    made = {}
    target = torch.zeros(len(next(iter(inputs.values()))), dtype=torch.long)

    def step(model):
        optimizer = made.setdefault("optimizer", torch.optim.AdamW(model.parameters()))
        optimizer.zero_grad()
        F.cross_entropy(model(**inputs), target).backward()
        optimizer.step()

    return step


def everything_random():
    return torch.get_rng_state().tolist(), np.random.get_state()[1].tolist(), random.getstate()  # noqa: NPY002


def test_the_model_and_the_random_state_stay_as_they_are():
    model = Everything()
    model.frozen.eval()
    before = copy.deepcopy(model.state_dict())
    modes = [module.training for module in model.modules()]
    hooks = [len(module._forward_hooks) for module in model.modules()]
    random_before = everything_random()
    step = adamw_step(tokens())

    def careless_step(copied):
        random.random()
        np.random.rand()  # noqa: NPY002
        torch.rand(1)
        step(copied)

    profile = profile_model(model, tokens(), careless_step)

    assert profile.problems == ()
    assert list(model.state_dict()) == list(before)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert [module.training for module in model.modules()] == modes
    assert [len(module._forward_hooks) for module in model.modules()] == hooks
    assert all(p.grad is None for p in model.parameters())
    assert everything_random() == random_before
    assert torch.backends.mha.get_fastpath_enabled()
    assert torch.backends.mkldnn.enabled
    assert torch.backends.cudnn.enabled


def test_counts_of_a_small_mlp_equal_the_formulas():
    profile = profile_model(Mlp(), mlp_batch(), adamw_step(mlp_batch()))
    params = 64 * 256 + 256 + 256 * 10 + 10
    macs = 32 * (64 * 256 + 256 * 10)

    assert (profile.batch_rows, profile.params, profile.thop_params) == (32, params, params)
    assert (profile.flops, profile.thop_macs) == (2 * macs, macs)
    assert profile.missed == ()
    assert (profile.param_bytes, profile.grad_bytes) == (4 * params, 4 * params)
    assert profile.optimizer_bytes == 2 * 4 * params + 4 * 4  # two moments, and a step count per tensor
    kept = 4 * (32 * 64 + 32 * 256 + 32 * 10) + 8 * 32  # both layers' inputs, log-softmax, target
    assert kept <= profile.activation_bytes <= kept + 64
    parts = profile.param_bytes + profile.grad_bytes + profile.optimizer_bytes + profile.activation_bytes
    assert profile.peak_bytes == parts + 4 * 32 * 64
    assert not profile.peak_measured
    assert profile.train_step_seconds > 0
    assert profile.eval_batch_seconds > 0


def test_what_thop_misses_is_named_and_fused_kernels_are_counted():
    profile = profile_model(Everything(), tokens(), None, top=20)
    flops = {row.name: row.flops for row in profile.modules}
    batch, length, width = 4, 5, 16

    assert flops["recurrent"] == 2 * batch * length * 4 * width * (8 + width)
    attention = 2 * batch * (4 * length * width * width + 2 * length * length * width)
    assert flops["attention.self_attn"] == attention
    assert sum(flops.values()) == profile.flops
    missed = {one.type: (one.params, one.flops) for one in profile.missed}
    assert missed["Embedding"] == (50 * 8, 0)
    assert missed["Everything"] == (3, 0)
    in_projection = 3 * width * width + 3 * width
    assert missed["MultiheadAttention"] == (in_projection, attention)
    assert profile.params == profile.thop_params + sum(params for params, _ in missed.values())
    assert profile.params_trainable == profile.params - 32
    assert profile.params_embedding == 400


def test_resnet50_by_both_counters():
    from torchvision.models import resnet50

    inputs = {"x": torch.zeros(4, 3, 256, 128)}
    profile = profile_model(resnet50(), inputs, None, steps=1, eval_batch=lambda model: None)
    assert profile.params == profile.thop_params == 25_557_032
    assert profile.flops / 2 / 1e9 == pytest.approx(10.685, abs=5e-4)
    assert profile.thop_macs / 1e9 == pytest.approx(10.801, abs=5e-4)
    older_thop = profile.thop_macs - profile.thop_batchnorm_macs // 2
    assert older_thop / 1e9 == pytest.approx(10.743, abs=5e-4)


def test_bert_from_its_configuration():
    from transformers import BertConfig, BertModel

    sizes = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 128}
    bert = BertModel(BertConfig(vocab_size=1000, max_position_embeddings=64, **sizes))
    ids = torch.arange(32).reshape(2, 16)
    profile = profile_model(bert, {"attention_mask": torch.ones_like(ids), "input_ids": ids}, None)

    assert profile.problems == ()
    embedding = (1000 + 64 + 2) * 64
    matmuls = 2 * 2 * (2 * 2 * 16 * 16 * 64)  # layers x (scores and mix), 2 FLOPs per MAC
    assert [(one.type, one.params, one.flops) for one in profile.missed] == [
        ("Embedding", embedding, 0),
        ("BertSelfAttention", 0, matmuls),
    ]
    assert profile.params == profile.thop_params + embedding == sum(p.numel() for p in bert.parameters())


def test_a_shared_embedding_counts_once():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed = nn.Embedding(30, 4)
            self.out = nn.Linear(4, 30, bias=False)
            self.out.weight = self.embed.weight

        def forward(self, tokens):
            return self.out(self.embed(tokens).mean(1))

    profile = profile_model(Tied(), tokens(), None)
    assert (profile.params, profile.params_embedding) == (120, 120)


def test_float32_masters_belong_to_the_optimizer():
    def step(model):
        masters = [p.detach().clone().requires_grad_() for p in model.parameters()]
        model(**mlp_batch()).sum().backward()
        for master in masters:
            master.grad = torch.ones_like(master)
        torch.optim.SGD(masters, lr=0.1, momentum=0.9).step()

    profile = profile_model(Mlp(), mlp_batch(), step)
    assert profile.optimizer_bytes == 2 * profile.param_bytes  # the masters and their momentum


def test_a_model_thop_cannot_profile_says_why_and_keeps_the_rest():
    model = Mlp()
    model.body.total_ops = 0  # thop registers a buffer of this name
    profile = profile_model(model, mlp_batch(), adamw_step(mlp_batch()))

    assert (profile.thop_macs, profile.thop_params, profile.missed) == (None, None, ())
    assert [problem.split(":")[0] for problem in profile.problems] == ["thop"]
    assert "total_ops" in profile.problems[0]
    assert profile.flops == 2 * 32 * (64 * 256 + 256 * 10)
    assert profile.train_step_seconds is not None


def test_a_model_that_cannot_be_copied_or_run_stops_nothing():
    not_copied = Mlp()
    not_copied.kept = (x for x in ())
    profile = profile_model(not_copied, mlp_batch(), None)
    assert profile.params == 19210
    assert profile.flops is None
    assert [problem.split(":")[0] for problem in profile.problems] == ["model"]

    wrong_width = {"features": torch.ones(2, 3)}
    profile = profile_model(Mlp(), wrong_width, adamw_step(wrong_width))
    whats = [problem.split(":")[0] for problem in profile.problems]
    assert whats == ["FLOPs", "thop", "training step", "evaluation"]
    assert "RuntimeError" in profile.problems[0]


def test_an_error_training_would_stop_with_is_raised():
    def step(model):
        raise ConfigError("the model returns (B, 2) but the loss needs (B, 1)")

    with pytest.raises(ConfigError, match="the loss needs"):
        profile_model(Mlp(), mlp_batch(), step)


def test_the_training_step_gets_one_copy_in_train_mode_and_evaluation_in_eval_mode():
    model, seen, evaluated = Mlp().eval(), [], []

    def evaluate(copied):
        evaluated.append((id(copied), copied.training, torch.is_grad_enabled()))

    profile_model(model, mlp_batch(), lambda m: seen.append((id(m), m.training)), steps=4, eval_batch=evaluate)
    assert len(seen) >= 5  # one that warms up, four that are timed
    assert len({who for who, _ in seen} | {who for who, _, _ in evaluated}) == 1
    assert seen[0][0] != id(model)
    assert all(training for _, training in seen)
    assert not any(training or grad for _, training, grad in evaluated)


def test_slow_steps_are_not_repeated(monkeypatch):
    monkeypatch.setattr("trainer.profiler.costs.TOO_MANY_SECONDS", 0.0)
    calls = []
    profile_model(Mlp(), mlp_batch(), lambda m: calls.append(1), steps=40)
    assert len(calls) == 2  # one that warms up, one that is timed


def test_dictionary_is_plain():
    profile = profile_model(Everything(), tokens(), adamw_step(tokens()), top=2)
    stored = json.loads(json.dumps(profile.to_dict()))
    assert len(stored["modules"]) == 2
    assert stored["modules"][0]["name"] == "recurrent"  # the largest share of the FLOPs
    assert stored["params"] == profile.params


def test_the_bill_adds_up():
    profile = ModelProfile(batch_rows=32, train_step_seconds=0.1, eval_batch_seconds=0.02, peak_bytes=1000)
    sequential = cost_estimate(profile, train_batches_per_fold=100, eval_batches_per_fold=50, n_folds=5)
    assert sequential["train_steps"] == 500
    assert sequential["eval_batches"] == 250
    assert sequential["seconds_per_fold"] == pytest.approx(11.0)
    assert sequential["seconds"] == pytest.approx(55.0)
    assert sequential["peak_bytes"] == 1000
    parallel = cost_estimate(profile, train_batches_per_fold=100, eval_batches_per_fold=50, n_folds=5, parallel_folds=2)
    assert parallel["seconds"] == pytest.approx(33.0)  # three rounds
    assert parallel["peak_bytes"] == 2000


def test_no_bill_without_times():
    unknown = cost_estimate(ModelProfile(batch_rows=1), train_batches_per_fold=1, eval_batches_per_fold=1, n_folds=1)
    assert (unknown["seconds"], unknown["peak_bytes"]) == (None, None)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_on_cuda_the_peak_is_measured():
    torch.cuda.init()
    state = torch.cuda.get_rng_state()
    inputs = {"features": torch.ones(32, 64, device="cuda")}
    made = {}

    def step(model):
        optimizer = made.setdefault("optimizer", torch.optim.AdamW(model.parameters()))
        optimizer.zero_grad()
        (model(**inputs) * torch.rand(10, device="cuda")).sum().backward()
        optimizer.step()

    profile = profile_model(Mlp().cuda(), inputs, step)
    assert profile.problems == ()
    assert profile.peak_measured
    held = profile.param_bytes + profile.grad_bytes + profile.optimizer_bytes
    assert held <= profile.peak_bytes < 100 * held
    assert torch.equal(torch.cuda.get_rng_state(), state)


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU])
def test_what_thop_counts_too_much_for_packed_rows_is_the_padding(kind):
    """Against the same rows one by one, each with its own length: thop is right there."""
    from torch.nn.utils.rnn import pack_padded_sequence

    class Packed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rnn = kind(4, 8, num_layers=2, batch_first=True, bidirectional=True)

        def forward(self, x, lengths):
            return self.rnn(pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False))[0].data

    model, lengths = Packed(), [7, 2, 4]
    profile = profile_model(model, {"x": torch.randn(3, 7, 4), "lengths": torch.tensor(lengths)}, None)
    alone = [profile_model(model, {"x": torch.randn(1, n, 4), "lengths": torch.tensor([n])}, None) for n in lengths]
    assert all(one.padded == () for one in alone)
    (padded,) = profile.padded
    assert (padded.type, padded.modules) == (kind.__name__, 1)
    assert profile.thop_macs - padded.macs == pytest.approx(sum(one.thop_macs for one in alone), rel=1e-6)

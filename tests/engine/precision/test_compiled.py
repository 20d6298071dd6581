import logging
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch._dynamo
import torch._inductor.config as inductor
from torch import nn
from torch._dynamo.utils import counters
from torch._inductor.utils import fresh_cache

from tests.battery import some_of
from tests.engine.engine_cases import (
    CLASSES,
    Bag,
    Small,
    dataset,
    fold,
    learner,
    level,
    made,
    same_state,
    settings,
    state_of,
)
from trainer.data.loading.batches import TokenRows, TrainingSet
from trainer.data.samples import DataSpec
from trainer.engine.fit import fit
from trainer.engine.fit_state import FitState, Selection
from trainer.engine.loops import Totals
from trainer.engine.precision.compiled import compiled_call
from trainer.engine.snapshot import capture, first_difference, restore
from trainer.errors import ConfigError
from trainer.tasks import MULTICLASS

SPEC = DataSpec("made up", MULTICLASS, tuple(map(str, range(CLASSES))))
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]


@pytest.fixture(autouse=True)
def _nothing_compiled_before():
    torch._dynamo.reset()
    counters.clear()
    yield
    torch._dynamo.reset()


class Dropping(Small):
    def forward(self, x):
        return super().forward(nn.functional.dropout(x, 0.3, self.training))


def test_a_toolkit_of_cuda_beside_no_card_is_no_news(monkeypatch, caplog):
    cpp_extension = pytest.importorskip("torch.utils.cpp_extension")
    monkeypatch.setenv("CUDA_HOME", "/usr/local")
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    logger = logging.getLogger("torch.utils.cpp_extension")
    monkeypatch.setattr(logger, "level", logging.NOTSET)
    logger.propagate = True
    cpp_extension._find_cuda_home()
    assert "No CUDA runtime is found" in caplog.text
    caplog.clear()
    compiled_call(Small(), backend="eager")
    cpp_extension._find_cuda_home()
    assert not caplog.text


def texts():
    random = np.random.default_rng(0)
    lengths = random.integers(2, 30, size=40)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    rows = TokenRows(random.integers(1, 50, offsets[-1]).astype(np.int32), offsets)
    return TrainingSet(rows, torch.arange(40) % CLASSES, torch.ones(40))


def with_call(it, backend="eager"):
    return replace(it, compiled=compiled_call(it.model, backend=backend))


def progress():
    return FitState(Totals.start(torch.device("cpu")), Selection("accuracy", None))


LEVELS = [{}, {"opt_level": "O1", "dtype": "bf16"}, {"opt_level": "O2", "dtype": "bf16"}]


@pytest.mark.parametrize("amp", some_of(LEVELS, LEVELS[1:2]))
def test_a_traced_model_trains_to_the_bits_of_the_plain_one(amp):
    """Backend ``eager`` runs torch's own kernels on what Dynamo traced: modes, dropout and casts must not differ."""
    chosen, found = settings(accumulate_steps=2), []
    for compiled in (False, True):
        torch.manual_seed(3)
        it = learner(Dropping(), amp=level(**amp), decay=0.5)
        result, weights = fit(with_call(it) if compiled else it, dataset(), fold(), chosen, SPEC, [])
        found.append({**weights, "logits": torch.from_numpy(result.logits)})
    assert counters["stats"]["unique_graphs"] == 2  # one to train, one to evaluate
    assert same_state(*found)
    assert not any("_orig_mod" in name for name in found[1])


def test_checkpoints_fit_plain_and_compiled_learners():
    it, position = with_call(learner(Dropping(), decay=0.5)), progress()
    fit(it, dataset(), fold(), settings(max_epochs=1), SPEC)
    state = capture(it, position)
    for other in (learner(Dropping(), decay=0.5), with_call(learner(Dropping(), decay=0.5))):
        there = progress()
        restore(state, other, there)
        assert first_difference(state, capture(other, there)) is None


def test_neither_lengths_nor_ragged_batches_nor_folds_compile_anew():
    data = texts()
    for number in range(2):
        torch.manual_seed(number)
        it = with_call(learner(Bag()))
        fit(it, data, fold(40), settings(batch_size=6), SPEC, [])
        if number == 0:
            first = counters["stats"]["unique_graphs"]
    assert counters["stats"]["unique_graphs"] == first == 2


def test_a_model_that_cannot_be_compiled_is_refused_in_words():
    def fails(*_):
        raise RuntimeError("no such kernel")

    it = with_call(learner(made()), fails)
    with pytest.raises(ConfigError, match=r"runtime.compile: .*no such kernel") as error:
        fit(it, dataset(), fold(), settings(), SPEC, [])
    assert "runtime.compile=false" in str(error.value)
    assert len(str(error.value).splitlines()) <= 5


def test_without_a_compiler_the_message_says_so():
    it = with_call(learner(made()), "inductor")
    absent = inductor.patch({"cpp.cxx": (None, "/nowhere/g++")})
    with absent, fresh_cache(), pytest.raises(ConfigError, match=r"No working C\+\+ compiler.*\n.*g\+\+") as error:
        fit(it, dataset(), fold(), settings(), SPEC, [])
    assert len(str(error.value).splitlines()) <= 5


@pytest.mark.battery  # g++ runs; the message without it goes most of the way
@pytest.mark.skipif(shutil.which("g++") is None, reason="no C++ compiler")
def test_compiled_code_trains_like_the_plain_model():
    found = []
    for compiled in (False, True):
        it = learner(made(), lr=0.3)
        result, weights = fit(with_call(it, "inductor") if compiled else it, dataset(), fold(), settings(), SPEC, [])
        found.append((result.logits, weights))
    np.testing.assert_allclose(found[0][0], found[1][0], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(found[0][1], found[1][1], rtol=1e-4, atol=1e-5)
    assert counters["inductor"]["fxgraph_cache_miss"] + counters["inductor"]["fxgraph_cache_hit"] > 0
    assert state_of(it.model).keys() == found[0][1].keys()

"""The recurrent text model against plain nn.LSTM / nn.GRU, text by text, and under every opt level."""

from functools import cache
from itertools import product

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from benchmarks.amp_parity import DTYPES, LEVELS, TOLERANCE, VOCABULARY, Case, sentences, train
from tests.battery import some_of
from trainer.config.build import construct
from trainer.config.schema import AmpConfig
from trainer.data.loading.batches import DenseRows, TrainingSet
from trainer.engine.precision.opt_levels import resolve_opt_level
from trainer.engine.precision.precision import Precision
from trainer.errors import ConfigError
from trainer.models.rnn import RNN

CPU = torch.device("cpu")
CELLS = ("lstm", "gru")
POOLINGS = ("last", "max", "mean")
LENGTHS = (5, 1, 9, 3)


def texts(lengths=LENGTHS, width=9):
    generator = torch.Generator().manual_seed(1)
    tokens = torch.zeros(len(lengths), width, dtype=torch.long)
    for row, length in enumerate(lengths):
        tokens[row, :length] = torch.randint(1, 30, (length,), generator=generator)
    return tokens


def small(seed=0, **given):
    torch.manual_seed(seed)
    return RNN(30, 3, **{"embedding_dim": 6, "hidden": 5, **given}).eval()


def one_by_one(model, tokens, pooling):
    """Logits of each text run alone, without padding, through nn.LSTM or nn.GRU as they are."""
    rows = []
    for row in tokens:
        states_TH, last = model.rnn(model.embedding(row[row != 0])[None])
        last_LH = (last[0] if isinstance(last, tuple) else last)[:, 0]
        directions = 2 if model.rnn.bidirectional else 1
        pooled = {
            "last": last_LH[-directions:].flatten(),
            "max": states_TH[0].max(dim=0).values,
            "mean": states_TH[0].mean(dim=0),
        }
        rows.append(model.head(pooled[pooling]))
    return torch.stack(rows)


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("cell", CELLS)
def test_equals_each_text_run_alone(cell, layers, bidirectional, pooling):
    model, tokens = small(cell=cell, layers=layers, bidirectional=bidirectional, pooling=pooling), texts()
    assert torch.allclose(model(tokens), one_by_one(model, tokens, pooling), atol=1e-6)


@pytest.mark.parametrize("cell", CELLS)
def test_last_of_both_directions_by_hand(cell):
    """From left to right the state after the last word, from right to left the one after the first."""
    model, tokens = small(cell=cell, pooling="last"), texts()
    states_TH = model.rnn(model.embedding(tokens[:1, :5]))[0][0]
    wanted = model.head(torch.cat([states_TH[-1, :5], states_TH[0, 5:]]))
    assert torch.allclose(model(tokens)[0], wanted, atol=1e-6)


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("cell", CELLS)
def test_padding_does_not_matter(cell, pooling):
    model, tokens = small(cell=cell, pooling=pooling), texts()
    alone = model(tokens[:2, :5])
    assert torch.allclose(model(F.pad(tokens, (0, 7)))[:2], alone, atol=1e-6)
    assert torch.allclose(model(tokens.flip(0)).flip(0)[:2], alone, atol=1e-6)
    assert torch.allclose(model(tokens[1:2]), alone[1:], atol=1e-6)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_another_pad_id_and_a_row_of_padding_only(pooling):
    torch.manual_seed(0)
    model = RNN(30, 3, pad_id=7, embedding_dim=6, hidden=5, pooling=pooling).eval()
    tokens = torch.tensor([[3, 4, 7, 7], [7, 7, 7, 7]])
    logits = model(tokens)
    assert bool(logits.isfinite().all())
    assert torch.allclose(logits[:1], model(tokens[:1, :2]), atol=1e-6)


@pytest.mark.parametrize("cell", CELLS)
def test_float16_on_a_cpu_is_the_float32_recurrence_of_its_weights(cell):
    """O2 and O3: the weights are float16, the recurrence is computed in float32."""
    model, tokens = small(cell=cell, layers=2), texts()
    half = small(cell=cell, layers=2).half()
    wide = small(cell=cell, layers=2)
    wide.load_state_dict(half.state_dict())
    assert half(tokens).dtype is torch.float16
    assert torch.allclose(half(tokens).float(), wide(tokens), atol=2e-3)
    assert not torch.equal(wide(tokens), model(tokens))


def recurrent_case(cell):
    return Case(
        cell,
        lambda wide: RNN(VOCABULARY, 4, cell=cell, embedding_dim=24, hidden=24, dropout=0.0),
        lambda wide: sentences_of_many_lengths(),
        lr=0.5,
        epochs=2,
        steps=32,
    )


def sentences_of_many_lengths():
    """The sentences of the benchmark, cut after their last keyword or later."""
    data = sentences()
    tokens_NT = data.rows.inputs["tokens"].clone()
    keyword_NT = tokens_NT < 50
    last_N = (keyword_NT * torch.arange(tokens_NT.shape[1])).amax(dim=1)
    tokens_NT[torch.arange(tokens_NT.shape[1]) > last_N[:, None]] = 0
    return TrainingSet(DenseRows({"tokens": tokens_NT}), data.target, data.weights_N)


@cache
def reached(cell, level, dtype):
    return train(recurrent_case(cell), level, dtype, CPU)


SHORT_FORM = {("lstm", "fp16", "O1"), ("lstm", "bf16", "O2"), ("lstm", "fp16", "O3")}


@pytest.mark.parametrize(("cell", "dtype", "level"), some_of(product(CELLS, DTYPES, LEVELS[1:]), SHORT_FORM))
def test_every_level_trains_as_o0_does(cell, dtype, level):
    reference, found = reached(cell, "O0", "fp16"), reached(cell, level, dtype)
    assert reference.loss < 0.95 * reference.first_loss  # it learns, so that there is something to compare
    assert found.loss == pytest.approx(reference.loss, rel=TOLERANCE)
    assert found.steps + found.skipped == reference.steps
    assert not torch.equal(found.weights, reference.weights)  # the level does something


@pytest.mark.parametrize("level", some_of(["O0", "O1", "O2"], ["O1"]))
def test_the_same_bits_twice(level):
    case = recurrent_case("lstm")
    assert torch.equal(train(case, level, "fp16", CPU).weights, reached("lstm", level, "fp16").weights)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("cell", CELLS)
def test_every_parameter_gets_a_gradient_and_the_state_dict_goes_round(cell, level, dtype):
    model, tokens = small(cell=cell, layers=2).train(), texts()
    precision = Precision(model, resolve_opt_level(AmpConfig(level, dtype=dtype), CPU))
    logits = precision.forward(model, {"tokens": tokens})
    precision.backward(F.cross_entropy(logits, torch.tensor([0, 1, 2, 0])))
    assert all(p.grad is not None and bool(p.grad.float().abs().sum() > 0) for p in model.parameters())
    again = small(seed=9, cell=cell, layers=2)
    again.load_state_dict({name: value.float() for name, value in model.state_dict().items()})
    with torch.no_grad():
        wanted = precision.forward(model.eval(), {"tokens": tokens})
        assert torch.allclose(again(tokens), wanted, atol=1e-6 if level == "O0" else 0.02)


def test_dropout_between_layers_is_the_one_of_nn_lstm():
    model, tokens = small(layers=2, dropout=0.5, bidirectional=False).train(), texts((9, 9))
    model.dropout.p = 0.0
    torch.manual_seed(3)
    found = model(tokens)
    torch.manual_seed(3)
    packed = nn.utils.rnn.pack_sequence(list(model.embedding(tokens)))
    states, _ = nn.utils.rnn.pad_packed_sequence(model.rnn(packed)[0], batch_first=True)
    assert torch.equal(found, model.head(states.amax(dim=1)))
    assert not torch.allclose(found, model.eval()(tokens))


@pytest.mark.parametrize("wrong", [{"cell": "rnn"}, {"pooling": "sum"}, {"hidden": 0}, {"layers": 0}])
def test_wrong_values_are_refused(wrong):
    section = {"_target_": "trainer.models.rnn.RNN", **wrong}
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        construct("model", section, vocab_size=10, n_outputs=2)

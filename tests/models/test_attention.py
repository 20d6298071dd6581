"""Attention while training, against the formula and against transformers' own."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from tests.models.transformer_cases import batch, config_of, save
from trainer.models import attention as own
from trainer.models.attention import attention, use_own_attention
from trainer.models.dropout import Dropout
from trainer.models.transformer import Transformer


class Layer(nn.Module):
    """What an attention is told of its layer."""

    is_causal = False


def projected(dtype=torch.float64, heads=3):
    """Queries, keys and values (B, H, T, D)."""
    source = torch.Generator().manual_seed(0)
    made = torch.randn(3, 2, heads, 5, 4, generator=source, dtype=torch.float64).to(dtype)
    return [part.clone().requires_grad_() for part in made.unbind(0)]


def seen(lengths=(5, 3)):
    """Which tokens are seen: those that are not padding (B, 1, T, T)."""
    return (torch.arange(5) < torch.tensor(lengths)[:, None])[:, None, None, :].expand(2, 1, 5, 5)


@pytest.mark.parametrize("mask", [None, seen()], ids=["whole texts", "padding"])
@pytest.mark.parametrize("scaling", [None, 0.3])
def test_it_is_the_formula_with_a_mask_on_the_weights(mask, scaling):
    query, key, value = projected()
    torch.manual_seed(3)
    found, _ = attention(Layer(), query, key, value, mask, dropout=0.4, scaling=scaling)
    torch.manual_seed(3)
    dropped = Dropout(0.4)(torch.ones(2, 3, 5, 5, dtype=torch.float64))
    scores = query @ key.transpose(2, 3) * (1 / math.sqrt(4) if scaling is None else scaling)
    weights = scores.exp() if mask is None else scores.exp() * mask
    expected = (weights / weights.sum(3, keepdim=True) * dropped) @ value
    torch.testing.assert_close(found, expected.transpose(1, 2), atol=1e-6, rtol=0)
    towards = torch.randn_like(found)
    gradients = [torch.autograd.grad(way, (query, key, value), towards) for way in (found, expected.transpose(1, 2))]
    torch.testing.assert_close(*gradients, atol=1e-6, rtol=0)


def test_products_that_float16_cannot_hold_are_scaled_before():
    made = 150 * torch.randn(3, 1, 2, 5, 64, generator=torch.Generator().manual_seed(0))
    query, key, value = (part.half() for part in made.unbind(0))
    assert (query.float() @ key.float().transpose(2, 3)).abs().max() > torch.finfo(torch.float16).max
    weights = (query.double() @ key.double().transpose(2, 3) / 8).softmax(3)
    found, _ = attention(Layer(), query, key, value, None, dropout=1e-9)
    torch.testing.assert_close(found.double(), (weights @ value.double()).transpose(1, 2), atol=0.1, rtol=0)


def test_over_many_masks_it_is_the_attention_without_dropout():
    query, key, value = (part.detach() for part in projected(torch.float32))
    many = torch.stack([attention(Layer(), query, key, value, seen(), dropout=0.2)[0] for _ in range(4000)])
    plain, _ = attention(Layer(), query, key, value, seen())
    assert ((many.mean(0) - plain).abs() < 5 * many.std(0) / 4000**0.5 + 1e-5).all()


@pytest.mark.parametrize(
    ("mask", "options"),
    [
        (seen(), {"dropout": 0.0}),
        (None, {"dropout": 0.4, "is_causal": True}),
        (torch.zeros(2, 1, 5, 5), {"dropout": 0.4}),
        (seen(), {"dropout": 0.4, "position_bias": torch.zeros(2, 3, 5, 5)}),
    ],
    ids=["evaluation", "no mask, but causal", "a mask of numbers", "bias by place"],
)
def test_all_else_is_transformers_own(mask, options):
    from transformers.integrations.sdpa_attention import sdpa_attention_forward

    given = Layer(), *projected(torch.float32), mask
    torch.manual_seed(3)
    found, _ = attention(*given, **options)
    torch.manual_seed(3)
    assert torch.equal(found, sdpa_attention_forward(*given, **options)[0])


def test_fewer_keys_than_queries_are_transformers_own():
    layer = Layer()
    layer.num_key_value_groups = 3
    query, key, value = projected(torch.float32)
    found, _ = attention(layer, query, key[:, :1], value[:, :1], seen(), dropout=0.4)
    assert found.shape == (2, 5, 3, 4)


@pytest.mark.parametrize("kind", ["bert", "distilbert", "roberta", "electra", "albert", "gpt2"])
def test_a_body_trains_as_with_the_attention_written_out_by_transformers(kind, tmp_path, monkeypatch):
    directory, inputs = save(kind, tmp_path), batch(pad=config_of(kind).pad_token_id or 0)
    calls, dropout = [], F.dropout

    def drawn_alike(x, p=0.5, training=True, inplace=False):
        return Dropout(p)(x) if training and p else dropout(x, p, training, inplace)

    monkeypatch.setattr(F, "dropout", drawn_alike)
    monkeypatch.setattr(own, "attention", lambda *args, **more: calls.append(1) or attention(*args, **more))
    outputs = []
    for way in ("sdpa", "eager"):
        torch.manual_seed(0)
        model = Transformer(directory, 3, pooling="mean", attention=way)
        torch.manual_seed(1)
        outputs.append(model(**inputs))
    assert len(calls) == 2 + 2  # of two layers, with the look at the body when it is loaded
    torch.testing.assert_close(*outputs, atol=1e-5, rtol=1e-5)


def test_a_body_with_a_way_of_its_own_keeps_it():
    from transformers import AutoModel

    body = AutoModel.from_config(config_of("deberta-v2"))
    use_own_attention(body)
    assert body.config._attn_implementation == "eager"


def test_evaluation_is_the_bits_of_transformers(tmp_path):
    from transformers import AutoModel

    directory, inputs = save("bert", tmp_path), batch()
    body = AutoModel.from_pretrained(directory, attn_implementation="sdpa", add_pooling_layer=False).eval()
    mine = Transformer(directory, 3).eval()
    with torch.no_grad():
        assert torch.equal(mine.body(**inputs).last_hidden_state, body(**inputs).last_hidden_state)


def test_a_saved_configuration_does_not_name_it(tmp_path):
    model = Transformer(save("bert", tmp_path), 3)
    assert own.NAME not in model.body.config.to_json_string()

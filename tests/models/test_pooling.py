"""Pooling and head against float64 written out row by row."""

import numpy as np
import pytest
import torch

from trainer.models.pooling import AttentionPooling, PooledHead, first_token, masked_mean

LENGTHS = (7, 3, 1)


@pytest.fixture
def hidden_BTD():
    return torch.randn(3, 7, 6, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def mask_BT():
    return torch.tensor([[1] * length + [0] * (7 - length) for length in LENGTHS])


def attention(width=6):
    pooling = AttentionPooling(width)
    with torch.no_grad():
        pooling.query.normal_(generator=torch.Generator().manual_seed(1))
    return pooling


def rows(hidden_BTD):
    return [hidden_BTD[row, :length].double().detach().numpy() for row, length in enumerate(LENGTHS)]


def test_first_token_is_the_first_that_is_not_padding(hidden_BTD, mask_BT):
    assert torch.equal(first_token(hidden_BTD, mask_BT), hidden_BTD[:, 0])
    padded_in_front = mask_BT.flip(1)
    expected = torch.stack([hidden_BTD[row, 7 - length] for row, length in enumerate(LENGTHS)])
    assert torch.equal(first_token(hidden_BTD, padded_in_front), expected)


def test_mean_is_over_the_tokens_that_are_not_padding(hidden_BTD, mask_BT):
    expected = np.stack([tokens.mean(axis=0) for tokens in rows(hidden_BTD)])
    np.testing.assert_allclose(masked_mean(hidden_BTD, mask_BT).numpy(), expected, atol=1e-6)


def test_attention_is_a_softmax_over_the_tokens_that_are_not_padding(hidden_BTD, mask_BT):
    pooling = attention()
    query = pooling.query.detach().double().numpy()
    expected = []
    for tokens in rows(hidden_BTD):
        weights = np.exp(tokens @ query)
        expected.append((weights / weights.sum()) @ tokens)
    np.testing.assert_allclose(pooling(hidden_BTD, mask_BT).detach().numpy(), np.stack(expected), atol=1e-6)


def test_attention_starts_at_the_mean_and_learns_from_there(hidden_BTD, mask_BT):
    pooling = AttentionPooling(6)
    pooled = pooling(hidden_BTD, mask_BT)
    torch.testing.assert_close(pooled, masked_mean(hidden_BTD, mask_BT), atol=1e-6, rtol=0)
    pooled.square().sum().backward()
    assert pooling.query.grad.abs().max() > 1e-3


@pytest.mark.parametrize("pool", [masked_mean, attention()], ids=["mean", "attention"])
def test_what_stands_in_the_padding_does_not_matter(pool, hidden_BTD, mask_BT):
    other = torch.where(mask_BT.unsqueeze(2) == 1, hidden_BTD, torch.tensor(1e4))
    torch.testing.assert_close(pool(other, mask_BT), pool(hidden_BTD, mask_BT), atol=0, rtol=0)


@pytest.mark.parametrize("pool", [masked_mean, attention()], ids=["mean", "attention"])
def test_a_row_without_tokens_is_finite(pool, hidden_BTD):
    assert pool(hidden_BTD, torch.zeros(3, 7, dtype=torch.int64)).isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("pool", [masked_mean, AttentionPooling(4)], ids=["mean", "attention"])
def test_long_texts_do_not_overflow_in_half_precision(pool, dtype):
    hidden_BTD = torch.full((2, 300, 4), 1000.0, dtype=dtype)  # the sum, 300,000, is beyond float16
    pooled = pool(hidden_BTD, torch.ones(2, 300, dtype=torch.int64))
    assert pooled.dtype == dtype
    torch.testing.assert_close(pooled.float(), torch.full((2, 4), 1000.0), atol=0, rtol=1e-2)


@pytest.mark.parametrize("pool", [masked_mean, attention()], ids=["mean", "attention"])
def test_autocast_leaves_the_mask_maths_in_float32(pool, hidden_BTD, mask_BT):
    expected = pool(hidden_BTD, mask_BT)
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(pool(hidden_BTD, mask_BT), expected, atol=0, rtol=0)


def head(samples=1, dropout=0.5):
    torch.manual_seed(0)
    return PooledHead(6, 3, dropout=dropout, samples=samples)


def test_head_scores_with_its_weights_alone():
    features_BD = torch.randn(4, 6)
    plain = head().eval()
    expected = features_BD.double() @ plain.linear.weight.double().T + plain.linear.bias.double()
    torch.testing.assert_close(plain(features_BD).double(), expected, atol=1e-6, rtol=0)


def test_dropout_samples_are_averaged_while_training():
    features_BD = torch.randn(4, 6)
    many = head(samples=5)
    torch.manual_seed(2)
    averaged = many(features_BD)
    torch.manual_seed(2)
    masks = [many.dropout(torch.ones(4, 6)) for _ in range(5)]
    weight, bias = many.linear.weight.double(), many.linear.bias.double()
    expected = sum((features_BD * mask).double() @ weight.T + bias for mask in masks) / 5
    torch.testing.assert_close(averaged.double(), expected, atol=1e-6, rtol=0)


def test_dropout_samples_change_nothing_at_evaluation():
    features_BD = torch.randn(4, 6)
    assert torch.equal(head(samples=5).eval()(features_BD), head(samples=1).eval()(features_BD))

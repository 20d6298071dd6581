"""The largest norm of an output's weights is a positive number; words are laid out once for all convolutions."""

import math

import pytest
import torch
from torch.nn import functional as F

from trainer.models.text_cnn import TextCNN


@pytest.mark.parametrize("value", [0, -1.0, math.inf, -math.inf, math.nan])
def test_a_norm_that_cannot_be_is_refused(value):
    with pytest.raises(ValueError, match=f"max_norm={value}: must be positive and finite, or null"):
        TextCNN(10, 2, embedding_dim=4, filters=2, max_norm=value)


@pytest.mark.parametrize("dtype", [None, torch.bfloat16])
def test_words_laid_out_once_give_the_bits_of_the_plain_formula(dtype):
    torch.manual_seed(0)
    model, tokens, laid_out = TextCNN(50, 3, embedding_dim=16, filters=8).eval(), torch.randint(50, (9, 12)), []
    for convolution in model.convolutions:
        convolution.register_forward_pre_hook(lambda _, inputs: laid_out.append(inputs[0].is_contiguous()))

    def plain():
        words_BET = model.embedding(F.pad(tokens, (4, 5))).transpose(1, 2)
        return model.head(torch.cat([F.relu(part(words_BET)).amax(dim=2) for part in model.convolutions], dim=1))

    found = []
    for way in (lambda: model(tokens), plain):
        with torch.autocast("cpu", dtype, enabled=dtype is not None):
            logits = way()
        found.append([logits, *torch.autograd.grad(logits.float().square().sum(), list(model.parameters()))])
    assert all(map(torch.equal, *found))
    assert laid_out == [True] * 3 + [False] * 3

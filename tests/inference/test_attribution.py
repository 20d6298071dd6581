"""Attributions against what can be reckoned by hand: linear models, and gradients without captum."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from trainer.data.target_scale import TargetScale
from trainer.errors import ConfigError
from trainer.inference.attribution import last_maps, log_odds, of_pixels, of_tokens
from trainer.tasks import BINARY, TASKS

PAD, START = 0, 1


def fold_model(model, scale=None):
    """What is asked of a fold's model."""
    precision = SimpleNamespace(forward=lambda call, inputs: call(**inputs))
    return SimpleNamespace(model=model, call=model, precision=precision, scale=scale)


class SummedWords(nn.Module):
    """Linear in the word vectors; pads its texts on the left, as some models do."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.places = nn.Embedding(9, 4)
        self.words = nn.Embedding(9, 4)
        self.head = nn.Linear(4, 3)

    def forward(self, tokens):
        padded = nn.functional.pad(tokens, (2, 0), value=PAD)
        places = self.places(torch.arange(padded.shape[1]).expand_as(padded))
        return self.head((self.words(padded) + places).sum(dim=1))


class MeanWords(SummedWords):
    """Divides by the number of tokens that are no padding, as recurrent networks stop at the last of them."""

    def forward(self, tokens):
        n_tokens = (tokens != PAD).sum(dim=1).clamp(min=1)
        return self.head(self.words(tokens).sum(dim=1) / n_tokens[:, None])


class Maps(nn.Module):
    """Two convolutions, and the mean of the maps."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.first = nn.Conv2d(3, 4, 3, stride=2, padding=1)
        self.last = nn.Sequential(nn.Conv2d(4, 5, 3, padding=1), nn.ReLU())
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(5, 2)

    def forward(self, images):
        return self.head(self.pool(self.last(self.first(images).relu())).flatten(1))


class Patches(nn.Module):
    """A stem that cuts an image into patches, which go on as a row of vectors; linear."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.stem = nn.Conv2d(3, 4, 8, stride=8)
        self.mix = nn.Linear(4, 4)
        self.head = nn.Linear(4, 1)

    def forward(self, images):
        return self.head(self.mix(self.stem(images).flatten(2).transpose(1, 2)).mean(dim=1))


def test_tokens_of_a_linear_model_have_their_exact_share():
    model, tokens = SummedWords(), torch.tensor([[START, 5, 7, 5, START]])
    label = log_odds(fold_model(model), TASKS["multilabel"], 2)  # its logit alone
    found = of_tokens(fold_model(model), {"tokens": tokens}, label, name="tokens", pad_id=PAD, kept={START})
    moved = model.words.weight[tokens[0]] - model.words.weight[PAD]
    expected = (moved @ model.head.weight[2]).detach().numpy()
    expected[[0, 4]] = 0  # special tokens stay in the text that says nothing
    assert found.weights == pytest.approx(expected, abs=1e-5)
    assert found.change == pytest.approx(expected.sum(), abs=1e-5)
    assert abs(found.missed) < 1e-5
    assert all(parameter.grad is None for parameter in model.parameters())


def test_what_both_texts_of_a_pair_say_together_is_halved_between_them():
    """A product of sums: on the straight path from zero vectors each text has half of what the two say."""

    class BothTexts(SummedWords):
        def forward(self, tokens, token_type_ids):
            words = self.words(tokens) - self.words.weight[PAD]
            first, second = (words[..., 0] * (token_type_ids == one) for one in (0, 1))
            return (first.sum(dim=1) * second.sum(dim=1))[:, None].expand(-1, 3)

    model, tokens, types = BothTexts(), torch.tensor([[START, 5, 7, START, 2, 8, START]]), [[0, 0, 0, 0, 1, 1, 1]]
    said = (model.words.weight[tokens[0], 0] - model.words.weight[PAD, 0]).detach().double()
    inputs = {"tokens": tokens, "token_type_ids": torch.tensor(types)}
    label = log_odds(fold_model(model), TASKS["multilabel"], 0)
    found = of_tokens(fold_model(model), inputs, label, name="tokens", pad_id=PAD, kept={START})
    special = tokens[0] == START  # in the text that says nothing, too
    text = torch.tensor(types[0])
    moved = torch.where(special, 0.0, said)
    middle = [float((said - moved / 2)[text == one].sum()) for one in (0, 1)]
    expected = [float(move) * middle[1 - one] for move, one in zip(moved, types[0], strict=True)]
    assert found.weights == pytest.approx(expected, abs=1e-6)
    assert found.change == pytest.approx(sum(expected), abs=1e-6)


def test_the_text_that_says_nothing_is_as_long_as_the_row():
    model, tokens = MeanWords(), torch.tensor([[5, 7, 5, 2]])
    label = log_odds(fold_model(model), TASKS["multilabel"], 0)
    found = of_tokens(fold_model(model), {"tokens": tokens}, label, name="tokens", pad_id=PAD, kept=set())
    expected = ((model.words.weight[tokens[0]] - model.words.weight[PAD]) @ model.head.weight[0]).detach().numpy() / 4
    assert found.weights == pytest.approx(expected, abs=1e-6)
    assert found.change == pytest.approx(expected.sum(), abs=1e-6)
    assert found.missed < 1e-4


def test_maps_are_weighed_as_by_hand():
    model, images = Maps().eval(), torch.rand(1, 3, 16, 12, generator=torch.Generator().manual_seed(1))
    assert last_maps(fold_model(model), images) is model.last
    found = of_pixels(fold_model(model), images, log_odds(fold_model(model), BINARY, 1))
    maps = model.last(model.first(images).relu()).detach().requires_grad_()
    logits = model.head(model.pool(maps).flatten(1))[0]
    (slopes,) = torch.autograd.grad(logits[1] - logits[0], maps)
    by_hand = (slopes.mean(dim=(2, 3), keepdim=True) * maps).sum(dim=1).relu()[0]
    assert found.weights == pytest.approx(by_hand.detach().numpy(), abs=1e-6)
    assert np.isnan(found.change)


def test_patches_of_a_linear_model_sum_to_the_number_in_its_unit():
    model, images = Patches().eval(), torch.rand(1, 3, 16, 32, generator=torch.Generator().manual_seed(1))
    scaled = fold_model(model, TargetScale(10.0, 7.0))
    assert last_maps(scaled, images) is None
    found = of_pixels(scaled, images, log_odds(scaled, TASKS["regression"], 0))
    change = 7.0 * (model(images) - model(torch.zeros_like(images))).item()
    assert found.change == pytest.approx(change, rel=1e-4)
    assert found.weights.sum() == pytest.approx(change, rel=1e-4)
    assert found.weights.shape == (6, 11)  # 3 x 3 pixels each


def test_log_odds_are_those_of_the_probabilities():
    logits = torch.tensor([[0.3, -1.2, 2.0]])
    p = logits.softmax(dim=1)[0, 2]
    model = fold_model(nn.Identity())
    assert log_odds(model, TASKS["multiclass"], 2)(logits).item() == pytest.approx((p / (1 - p)).log().item(), rel=1e-5)
    assert log_odds(model, BINARY, 0)(torch.tensor([[1.5]])).item() == -1.5
    assert log_odds(model, BINARY, 1)(torch.tensor([[1.5]])).item() == 1.5


def test_a_model_without_an_embedding_is_refused():
    class Counts(nn.Module):
        def forward(self, tokens):
            return tokens.float().sum(dim=1, keepdim=True)

    tokens = {"tokens": torch.ones(1, 3, dtype=torch.long)}
    with pytest.raises(ConfigError, match="embeds no tokens"):
        of_tokens(fold_model(Counts()), tokens, sum, name="tokens", pad_id=0, kept=set())

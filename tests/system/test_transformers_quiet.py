from types import SimpleNamespace

import pytest
import torch
from torch import nn
from transformers import AutoModel, EsmConfig, GPT2Config, RobertaConfig

from trainer.system.transformers_quiet import max_positions, quiet

SMALL = {"vocab_size": 30, "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 8}
ABOUT = {**SMALL, "max_position_embeddings": 20, "pad_token_id": 3}


@pytest.mark.parametrize("config", [RobertaConfig(**ABOUT), EsmConfig(**ABOUT)], ids=["roberta", "esm"])
def test_one_token_more_than_the_most_is_one_too_many(config) -> None:
    with torch.device("meta"):
        bare = AutoModel.from_config(config)
    model = AutoModel.from_config(config).eval()
    most = max_positions(bare, config)
    assert most == max_positions(model, config) == 16
    ids = torch.full((1, most + 1), 5)
    model(input_ids=ids[:, :most])
    with pytest.raises((IndexError, RuntimeError)):
        model(input_ids=ids)


def test_where_nothing_limits_the_length() -> None:
    assert max_positions(nn.Linear(1, 1), SimpleNamespace()) is None
    assert max_positions(nn.Linear(1, 1), SimpleNamespace(max_position_embeddings=-1)) is None


def test_quiet_lasts_as_long_as_it_is_asked_for(caplog) -> None:
    with quiet():
        GPT2Config(vocab_size=7)
    assert caplog.messages == []
    with pytest.raises(ZeroDivisionError), quiet():
        raise ZeroDivisionError
    GPT2Config(vocab_size=8)
    assert "bos_token_id" in caplog.text

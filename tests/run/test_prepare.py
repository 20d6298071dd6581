"""What is decided before the first step, in which order."""

import json

import pytest

from trainer.config.schema import RunConfig
from trainer.errors import ConfigError
from trainer.models.pretrained import TRANSFORMER
from trainer.run.prepare import prepare


def test_a_models_directory_is_looked_at_before_its_tokenizer_and_before_the_data(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "nezha"}))
    (tmp_path / "vocab.txt").write_text("[UNK]\n")
    data = {"_target_": "trainer.data.sources.csv_text.load", "path": str(tmp_path / "is not there.csv")}
    with pytest.raises(ConfigError, match=r"says model_type nezha, which transformers .* does not have"):
        prepare(RunConfig(data=data, model={"_target_": TRANSFORMER, "pretrained": str(tmp_path)}))

"""The largest norm of an output's weights is a positive number."""

import math

import pytest

from trainer.models.text_cnn import TextCNN


@pytest.mark.parametrize("value", [0, -1.0, math.inf, -math.inf, math.nan])
def test_a_norm_that_cannot_be_is_refused(value):
    with pytest.raises(ValueError, match=f"max_norm={value}: must be positive and finite, or null"):
        TextCNN(10, 2, embedding_dim=4, filters=2, max_norm=value)

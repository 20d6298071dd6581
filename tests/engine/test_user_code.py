"""An exception is the user's where their code, or torch under it, raised it; else it stays what it is."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.engine.engine_cases import level
from trainer.engine.precision.precision import Precision
from trainer.engine.user_code import error_of
from trainer.errors import ConfigError, DataError
from trainer.models.mlp import MLP


class Own(nn.Module):
    """A user's model that does what ``raising`` does."""

    def __init__(self, raising) -> None:
        super().__init__()
        self.raising, self.head = raising, nn.Linear(2, 2)

    def forward(self, numeric: Tensor) -> Tensor:
        self.raising(numeric)
        return self.head(numeric)


def fail(error):
    def raising(_):
        raise error

    return raising


def told(model):
    """Return what is said of the exception that a pass of the model ends in."""
    with pytest.raises(Exception) as caught:  # noqa: PT011
        Precision(model, level()).forward(model, {"numeric": torch.zeros(3, 2)})
    return error_of(model, "model", caught.value)


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (Own(fail(ZeroDivisionError("by hand"))), "the model Own raised ZeroDivisionError: by hand ("),
        (Own(lambda x: x @ x), "the model Own raised RuntimeError: mat1 and mat2 shapes"),
        (Own(lambda x: np.stack([x.numpy(), np.zeros(2)])), "the model Own raised ValueError: all input arrays"),
        (nn.Linear(2, 2), "the model Linear raised TypeError: "),  # called with an input it does not know
    ],
)
def test_what_a_users_model_raises_is_theirs(model, said):
    found = told(model)
    assert isinstance(found, ConfigError)
    assert str(found).startswith(said)
    assert len(str(found).splitlines()) == 2
    assert (f"{__file__}:" in str(found)) == isinstance(model, Own)


def test_what_foldwise_or_the_machine_is_to_blame_for_is_not():
    assert told(Own(fail(DataError("a row")))) is None
    assert told(Own(fail(MemoryError()))) is None
    assert told(Own(fail(torch.OutOfMemoryError("CUDA")))) is None
    assert told(MLP(n_features=3, n_outputs=2)) is None  # torch raises it, under a model of Foldwise's
    precision = Precision(Own(id), level())
    precision.cast_type = "no type"
    with pytest.raises(RuntimeError) as caught:
        precision.forward(Own(id), {"numeric": torch.zeros(3, 2)})
    assert error_of(Own(id), "model", caught.value) is None  # the engine's own line

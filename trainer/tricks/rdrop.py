"""R-Drop: two dropout masks whose predictions are pulled together.

Liang et al. 2021, "R-Drop: Regularized Dropout for Neural Networks", equations 2 and 3. Each row goes
through the model twice, with two dropout masks, which give P1 and P2. The loss of a row is
``(L(P1) + L(P2)) / 2 + alpha * (KL(P1 || P2) + KL(P2 || P1)) / 2``: half of the paper's first term, as in its published
code, so that alpha 0 is plain training. Where outputs are yes or no by themselves, KL is that of each output's two
chances, averaged over the labels; for numbers it is the squared difference (the paper's section 4.4).
"""

import torch.nn.functional as F
from torch import Tensor, nn

from trainer.config.checked import checked_number
from trainer.errors import ConfigError
from trainer.tricks.contract import Rows, Setting

DROPOUTS = (nn.modules.dropout._DropoutNd,)


class RDrop:
    """Two forward passes whose predictions are pulled together.

    Args:
        alpha: weight of the divergence.
    """

    def __init__(self, *, alpha: float = 1.0) -> None:
        self.alpha = checked_number("tricks.rdrop.alpha", alpha, low=0)
        self.by_sigmoid = self.of_numbers = False

    def attach(self, setting: Setting) -> None:
        """Refuse a model without dropout: its two passes would be one."""
        require_dropout(setting.model)
        self.by_sigmoid = setting.task.by_sigmoid(setting.n_outputs)
        self.of_numbers = not setting.task.has_classes

    def batch_loss(self, rows: Rows) -> Tensor:
        """Return the summed loss of both passes and their divergence."""
        one, other = rows.logits(), rows.logits()
        plain = (rows.loss(one) + rows.loss(other)) / 2
        return plain + self.alpha * (rows.weights_B * self.divergence(one, other)).sum()

    def divergence(self, one: Tensor, other: Tensor) -> Tensor:
        """Return the symmetric divergence of each row (B,), half of the sum of both directions."""
        if self.of_numbers:
            return (one - other).square().mean(dim=1)
        if not self.by_sigmoid:
            return _symmetric(one.log_softmax(dim=1), other.log_softmax(dim=1)).sum(dim=1)
        yes = _symmetric(F.logsigmoid(one), F.logsigmoid(other))
        no = _symmetric(F.logsigmoid(-one), F.logsigmoid(-other))
        return (yes + no).mean(dim=1)


def require_dropout(model: nn.Module) -> None:
    """Refuse a model that drops nothing out.

    Raises:
        ConfigError: says what was looked for.
    """
    layers = [module for module in model.modules() if isinstance(module, DROPOUTS)]
    inside = [module for module in model.modules() if isinstance(module, nn.RNNBase | nn.MultiheadAttention)]
    if any(module.p > 0 for module in layers) or any(float(str(module.dropout)) > 0 for module in inside):
        return
    seen = f"{len(layers)} dropout layer{'s' * (len(layers) > 1)} with p=0" if layers else "no dropout layer"
    raise ConfigError(
        f"tricks=rdrop compares two dropout masks, and {type(model).__name__} has {seen}: both passes would be one\n"
        "set model.dropout above 0, or leave rdrop out"
    )


def _symmetric(one: Tensor, other: Tensor) -> Tensor:
    """Return (p - q)(log p - log q) / 2 of log-chances: what both directions of KL add up to, halved."""
    return (one.exp() - other.exp()) * (one - other) / 2

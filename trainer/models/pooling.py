"""One vector per text from one vector per token, and the head that turns it into logits."""

import torch
from torch import Tensor, nn

from trainer.models.dropout import Dropout


def first_token(hidden_BTD: Tensor, mask_BT: Tensor) -> Tensor:
    """Return the vector (B, D) of the first token that is not padding: BERT's [CLS]."""
    return hidden_BTD[torch.arange(hidden_BTD.shape[0], device=hidden_BTD.device), mask_BT.long().argmax(dim=1)]


def last_token(hidden_BTD: Tensor, mask_BT: Tensor) -> Tensor:
    """Return the vector (B, D) of the last token that is not padding: XLNet's <cls>."""
    positions_T = torch.arange(mask_BT.shape[1], device=mask_BT.device)
    last_B = (positions_T * mask_BT.bool()).argmax(dim=1)
    return hidden_BTD[torch.arange(hidden_BTD.shape[0], device=hidden_BTD.device), last_B]


def masked_mean(hidden_BTD: Tensor, mask_BT: Tensor) -> Tensor:
    """Return the mean (B, D) over the tokens that are not padding, summed in float32."""
    return _weighted(hidden_BTD, mask_BT.float() / mask_BT.float().sum(dim=1, keepdim=True).clamp(min=1.0))


class AttentionPooling(nn.Module):
    """Mean over the tokens, weighted by the softmax of their products with a learned query.

    The query starts at zero, where all tokens weigh the same: training begins at the mean.

    Args:
        width: of a token's vector, D.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.query = nn.Parameter(torch.zeros(width))

    def forward(self, hidden_BTD: Tensor, mask_BT: Tensor) -> Tensor:
        """Return (B, D); padding has no weight."""
        scores_BT = (hidden_BTD.float() * self.query.float()).sum(dim=2)
        scores_BT = scores_BT.masked_fill(mask_BT == 0, torch.finfo(torch.float32).min)
        return _weighted(hidden_BTD, scores_BT.softmax(dim=1))


class PooledHead(nn.Module):
    """Dropout and one linear layer over a text's vector.

    Args:
        width: of a text's vector, D.
        n_outputs: logits per text.
        dropout: probability on the vector.
        samples: dropout masks whose logits are averaged while training ("Multi-Sample Dropout for Accelerated Training
            and Better Generalization", Inoue 2019).
        pooling: trained with the head, or None where the vector needs no training.
        std: of the fresh weights.
    """

    def __init__(
        self,
        width: int,
        n_outputs: int,
        *,
        dropout: float,
        samples: int = 1,
        pooling: nn.Module | None = None,
        std: float = 0.02,
    ) -> None:
        super().__init__()
        self.pooling = pooling
        self.dropout = Dropout(dropout)
        self.samples = samples
        self.linear = nn.Linear(width, n_outputs)
        nn.init.normal_(self.linear.weight, std=std)
        nn.init.zeros_(self.linear.bias)

    def forward(self, features_BD: Tensor) -> Tensor:
        """Return logits (B, n_outputs)."""
        if not self.training or self.samples == 1:
            logits: Tensor = self.linear(self.dropout(features_BD))
            return logits
        return torch.stack([self.linear(self.dropout(features_BD)) for _ in range(self.samples)]).mean(dim=0)


def _weighted(hidden_BTD: Tensor, weights_BT: Tensor) -> Tensor:
    return (hidden_BTD.float() * weights_BT.unsqueeze(2)).sum(dim=1).to(hidden_BTD.dtype)

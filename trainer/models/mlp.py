"""Multi-layer perceptron over numeric columns and embedded categories."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from trainer.models.dropout import Dropout


class MLP(nn.Module):
    """Linear, ReLU and dropout layers over a row of features.

    Args:
        n_features: numeric columns F.
        n_outputs: logits per row.
        cardinalities: number of codes of each categorical column (K of them).
        hidden: width of each hidden layer.
        dropout: probability after each hidden layer.
    """

    def __init__(
        self,
        n_features: int,
        n_outputs: int,
        *,
        cardinalities: Sequence[int] = (),
        hidden: Sequence[int] = (256, 256),
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        if min(hidden, default=1) < 1:
            raise ValueError(f"hidden={list(hidden)}: widths must be at least 1")
        self.embeddings = nn.ModuleList(nn.Embedding(size, embedding_width(size)) for size in cardinalities)
        widths = [n_features + sum(embedding_width(size) for size in cardinalities), *hidden]
        layers: list[nn.Module] = []
        for fan_in, fan_out in pairwise(widths):
            layers += [nn.Linear(fan_in, fan_out), nn.ReLU(), Dropout(dropout)]
        self.body = nn.Sequential(*layers)
        self.head = nn.Linear(widths[-1], n_outputs)

    def get_input_embeddings(self) -> nn.ModuleList:
        """Return the table of each categorical column."""
        return self.embeddings

    def forward(self, numeric: Tensor, categorical: Tensor | None = None) -> Tensor:
        """Return logits (B, n_outputs) for ``numeric`` (B, F) and ``categorical`` codes (B, K)."""
        columns = [numeric]
        if categorical is not None:
            columns += [table(categorical[:, k]) for k, table in enumerate(self.embeddings)]
        logits: Tensor = self.head(self.body(torch.cat(columns, dim=1)))
        return logits


def embedding_width(cardinality: int) -> int:
    """Return the width of a category's embedding: half its codes, at most 50 (Guo and Berkhahn 2016)."""
    return min(50, (cardinality + 1) // 2)

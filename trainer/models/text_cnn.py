"""Convolutions over word vectors (Kim 2014, "Convolutional Neural Networks for Sentence Classification")."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from trainer.models.dropout import Dropout


class TextCNN(nn.Module):
    """Kim's CNN-rand: filters of several widths, max over time, dropout, one linear layer.

    Texts are padded on both sides, as in Kim's code, so that every filter sees the first and the last words alone;
    on the right by one token more, so that each row holds a window of padding only and its logits do not depend on
    how long the other rows of its batch are.

    Args:
        vocab_size: number of tokens V.
        n_outputs: logits per text.
        pad_id: the token that fills short texts; its vector stays zero.
        embedding_dim: width of a word vector.
        widths: words seen by each group of filters.
        filters: filters per width.
        dropout: probability on the pooled features.
        max_norm: largest L2 norm of an output's weights, or None (Kim: 3).
    """

    def __init__(
        self,
        vocab_size: int,
        n_outputs: int,
        *,
        pad_id: int = 0,
        embedding_dim: int = 300,
        widths: Sequence[int] = (3, 4, 5),
        filters: int = 100,
        dropout: float = 0.5,
        max_norm: float | None = None,
    ) -> None:
        super().__init__()
        if max_norm is not None and not 0 < max_norm < math.inf:
            raise ValueError(f"max_norm={max_norm}: must be positive and finite, or null")
        self.pad_id = pad_id
        self.widest = max(widths)
        self.max_norm = max_norm
        self.embedding = nn.Embedding(vocab_size, embedding_dim, padding_idx=pad_id)
        nn.init.uniform_(self.embedding.weight, -0.25, 0.25)
        with torch.no_grad():
            self.embedding.weight[pad_id].zero_()
        self.convolutions = nn.ModuleList(nn.Conv1d(embedding_dim, filters, width) for width in widths)
        self.dropout = Dropout(dropout)
        self.head = nn.Linear(filters * len(widths), n_outputs)

    def get_input_embeddings(self) -> nn.Embedding:
        """Return the word vectors."""
        return self.embedding

    def forward(self, tokens: Tensor) -> Tensor:
        """Return logits (B, n_outputs) for ``tokens`` (B, T)."""
        tokens_BT = F.pad(tokens, (self.widest - 1, self.widest), value=self.pad_id)
        words_BET = self.embedding(tokens_BT).transpose(1, 2).contiguous()  # else each convolution copies it by itself
        pooled = [F.relu(convolution(words_BET)).amax(dim=2) for convolution in self.convolutions]
        features = self.dropout(torch.cat(pooled, dim=1))
        if self.max_norm is None:
            logits: Tensor = self.head(features)
            return logits
        return F.linear(features, self.head.weight.renorm(2, 0, self.max_norm), self.head.bias)

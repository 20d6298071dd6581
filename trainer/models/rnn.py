"""LSTM or GRU over word vectors, each text at its own length."""

from contextlib import AbstractContextManager, nullcontext
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from trainer.models.dropout import Dropout

MOST_LAYERS = 1000  # torch makes them one by one: a slip of the keyboard would take for ever
CELLS: dict[str, type[nn.LSTM] | type[nn.GRU]] = {"lstm": nn.LSTM, "gru": nn.GRU}


class RNN(nn.Module):
    """Embedding, recurrence, pooling over the text, dropout, one linear layer.

    Texts are packed: padding is never run through, so a row's logits do not depend on the other rows of its batch.
    On a CPU float16 recurrences are computed in float32 (oneDNN has none in float16); everything else is as the opt
    level says.

    Args:
        vocab_size: number of tokens V.
        n_outputs: logits per text.
        pad_id: the token that fills short texts, after their last word only; its vector stays zero.
        cell: lstm or gru.
        embedding_dim: width of a word vector.
        hidden: width of a state, per direction.
        layers: recurrences above each other.
        bidirectional: whether a second recurrence runs from the last word to the first.
        dropout: probability on word vectors, between layers and on the pooled features.
        pooling: last (the state after the last word; from right to left, after the first), max or mean over words.
    """

    def __init__(
        self,
        vocab_size: int,
        n_outputs: int,
        *,
        pad_id: int = 0,
        cell: Literal["lstm", "gru"] = "lstm",
        embedding_dim: int = 300,
        hidden: int = 128,
        layers: int = 1,
        bidirectional: bool = True,
        dropout: float = 0.5,
        pooling: Literal["last", "max", "mean"] = "max",
    ) -> None:
        super().__init__()
        if cell not in CELLS or pooling not in ("last", "max", "mean"):
            raise ValueError(f"cell={cell}, pooling={pooling}: use lstm or gru, and last, max or mean")
        if hidden < 1 or layers < 1:
            raise ValueError(f"hidden={hidden}, layers={layers}: both must be at least 1")
        if layers > MOST_LAYERS:
            raise ValueError(f"layers={layers}: at most {MOST_LAYERS}")
        self.pad_id = pad_id
        self.pooling = pooling
        self.embedding = nn.Embedding(vocab_size, embedding_dim, padding_idx=pad_id)
        self.dropout = Dropout(dropout)
        self.rnn = CELLS[cell](
            embedding_dim,
            hidden,
            num_layers=layers,
            batch_first=True,
            bidirectional=bidirectional,
            dropout=dropout if layers > 1 else 0.0,
        )
        self.head = nn.Linear(hidden * (2 if bidirectional else 1), n_outputs)

    def get_input_embeddings(self) -> nn.Embedding:
        """Return the word vectors."""
        return self.embedding

    def forward(self, tokens: Tensor) -> Tensor:
        """Return logits (B, n_outputs) for ``tokens`` (B, T)."""
        lengths_B = (tokens != self.pad_id).sum(dim=1).clamp(min=1)
        words_BTE = self.dropout(self.embedding(tokens))
        words = pack_padded_sequence(words_BTE, lengths_B.cpu(), batch_first=True, enforce_sorted=False)
        states, last_LBH = self._recur(words)
        logits: Tensor = self.head(self.dropout(self._pooled(states, last_LBH, lengths_B)))
        return logits

    def _recur(self, words: PackedSequence) -> tuple[PackedSequence, Tensor]:
        """Return the states of all words, and the last of each layer and direction in the order of the batch."""
        on_cpu = words.data.device.type == "cpu"
        if on_cpu and words.data.dtype is torch.float16:
            return self._recur_in_float32(words)
        with _no_float16_autocast() if on_cpu else nullcontext():
            states, last = self.rnn(words)
        return states, last[0] if isinstance(last, tuple) else last

    def _recur_in_float32(self, words: PackedSequence) -> tuple[PackedSequence, Tensor]:
        """Do as ``_recur`` with float16 words and weights."""
        rnn, data, half = self.rnn, words.data.float(), words.data.dtype
        weights = [weight.float() for weight in rnn.parameters()]
        layers = rnn.num_layers * (2 if rnn.bidirectional else 1)
        start = data.new_zeros(layers, int(words.batch_sizes[0]), rnn.hidden_size)
        how = (rnn.bias, rnn.num_layers, rnn.dropout, self.training, rnn.bidirectional)
        if isinstance(rnn, nn.LSTM):
            states, last, _ = torch.lstm(data, words.batch_sizes, (start, start), weights, *how)
        else:
            states, last = torch.gru(data, words.batch_sizes, start, weights, *how)
        packed = PackedSequence(states.to(half), words.batch_sizes, words.sorted_indices, words.unsorted_indices)
        return packed, last.to(half)[:, words.unsorted_indices]

    def _pooled(self, states: PackedSequence, last_LBH: Tensor, lengths_B: Tensor) -> Tensor:
        """Return features (B, H x directions)."""
        if self.pooling == "last":
            return torch.cat(list(last_LBH[-2:] if self.rnn.bidirectional else last_LBH[-1:]), dim=1)
        filling = float("-inf") if self.pooling == "max" else 0.0
        states_BTH, _ = pad_packed_sequence(states, batch_first=True, padding_value=filling)
        if self.pooling == "max":
            return states_BTH.amax(dim=1)
        return states_BTH.sum(dim=1, dtype=torch.float32).div(lengths_B[:, None]).to(states_BTH.dtype)


def _no_float16_autocast() -> AbstractContextManager[object]:
    """Return a context without the CPU's autocast where that casts to float16; bfloat16 is left alone."""
    return torch.autocast("cpu", enabled=False) if torch.get_autocast_dtype("cpu") is torch.float16 else nullcontext()

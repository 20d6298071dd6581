"""A recurrence over padded texts that gives what one over packed texts gives: ONNX has no packed ones."""

from typing import Any

import torch
from torch import Tensor, nn


class MaskedRNN(nn.Module):
    """The network of ``model=rnn`` without packing: a text's padding is computed and then left out.

    Each layer and direction runs by itself. The one from the last word to the first runs forward over texts that are
    turned around, each within its own length.

    Args:
        trained: the network, in eval mode.
    """

    def __init__(self, trained: Any) -> None:
        super().__init__()
        self.pad_id, self.pooling = trained.pad_id, trained.pooling
        self.embedding, self.head = trained.embedding, trained.head
        self.ends = _ends(trained.rnn)
        self.recurrences = nn.ModuleDict(
            {
                f"{layer}{end}": _one_direction(trained.rnn, layer, end)
                for layer in range(trained.rnn.num_layers)
                for end in self.ends
            }
        )
        self.n_layers = int(trained.rnn.num_layers)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return logits (B, n_outputs) for ``tokens`` (B, T)."""
        mask_BT = tokens != self.pad_id
        lengths_B = mask_BT.sum(dim=1).clamp(min=1)
        places_BT = torch.arange(tokens.shape[1], device=tokens.device)[None, :].expand(tokens.shape)
        back_BT = torch.where(places_BT < lengths_B[:, None], lengths_B[:, None] - 1 - places_BT, places_BT)
        inside_BT1 = (places_BT < lengths_B[:, None])[:, :, None]
        states_BTH, last = self.embedding(tokens), list[Tensor]()
        for layer in range(self.n_layers):
            outputs, last = list[Tensor](), list[Tensor]()
            for end in self.ends:
                words = _taken(states_BTH, back_BT) if end else states_BTH
                found = self._run(self.recurrences[f"{layer}{end}"], words)
                last.append(_taken(found, (lengths_B - 1)[:, None])[:, 0])
                outputs.append(_taken(found, back_BT) if end else found)
            states_BTH = torch.cat(outputs, dim=2)
        logits: Tensor = self.head(self._pooled(states_BTH, last, inside_BT1, lengths_B))
        return logits

    def _run(self, recurrence: nn.Module, words_BTE: Tensor) -> Tensor:
        start = words_BTE.new_zeros((1, words_BTE.shape[0], recurrence.hidden_size))  # type: ignore[arg-type]
        states: Tensor = recurrence(words_BTE, (start, start) if isinstance(recurrence, nn.LSTM) else start)[0]
        return states

    def _pooled(self, states_BTH: Tensor, last: list[Tensor], inside_BT1: Tensor, lengths_B: Tensor) -> Tensor:
        if self.pooling == "last":
            return torch.cat(last, dim=1)
        if self.pooling == "max":
            return states_BTH.masked_fill(~inside_BT1, float("-inf")).amax(dim=1)
        return states_BTH.masked_fill(~inside_BT1, 0.0).sum(dim=1) / lengths_B[:, None]


def _ends(rnn: Any) -> tuple[str, ...]:
    return ("", "_reverse") if rnn.bidirectional else ("",)


def _one_direction(rnn: Any, layer: int, end: str) -> nn.Module:
    """Return a recurrence of one layer and direction with the weights of a larger one."""
    weights = {
        f"{kind}_l0": getattr(rnn, f"{kind}_l{layer}{end}") for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    }
    made = type(rnn)(weights["weight_ih_l0"].shape[1], rnn.hidden_size, batch_first=True)
    made.load_state_dict(weights)
    return made.eval()  # type: ignore[no-any-return]


def _taken(states_BTH: Tensor, places_BU: Tensor) -> Tensor:
    """Return the states (B, U, H) at places of each row."""
    return states_BTH.gather(1, places_BU[:, :, None].expand(-1, -1, states_BTH.shape[2]))

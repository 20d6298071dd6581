"""Batches of rows: their order, and how each is gathered.

In memory, a batch is one gather by row numbers, not an item-by-item collate; rows that are read when needed are in
``trainer.data.loading.streamed``. The order of the batches is a pure function of (seed, repeat, fold, epoch).
"""

from collections.abc import Generator, Hashable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trainer.data.loading.batch_order import is_large, stretches
from trainer.data.loading.gathered import Gathered, Sizes, sizes_of
from trainer.data.target_scale import TargetScale
from trainer.tasks import Target


class Rows(Protocol):
    """All rows of a data set, ready for the model."""

    def take(self, rows: Tensor) -> dict[str, Tensor]:
        """Return the model's inputs for the rows (B,), keyed by the names of its ``forward`` arguments."""
        ...

    def lengths(self) -> NDArray[np.int64] | None:
        """Return the length of each row (N,) where rows differ in length, else None."""
        ...

    def to(self, device: torch.device) -> "Rows":
        """Return the rows on ``device``."""
        ...


@runtime_checkable
class StreamingRows(Protocol):
    """Rows that read ahead where the order of the batches is known (``trainer.data.loading.streamed``)."""

    def stream(
        self, order: Sequence[NDArray[np.int64]], key: tuple[int, ...] | None
    ) -> Generator[dict[str, Tensor], None, None]:
        """Yield the inputs of each batch of row numbers, in that order; ``key`` as in ``TrainingSet.batches``."""
        ...


@runtime_checkable
class ReadAhead(Protocol):
    """Rows that loader processes can read."""

    def with_workers(self, num_workers: int, timeout_seconds: float) -> "Rows":
        """Return the same rows read by ``num_workers`` processes; the batches are the same bits."""
        ...


@runtime_checkable
class ViewedRows(Protocol):
    """Rows that held-out predictions look at in several ways: test-time augmentation."""

    def views(self) -> "Sequence[Rows]":
        """Return the same rows as seen in each way, first as they are; their logits are averaged."""
        ...


class DenseRows:
    """Rows of equal shape: one tensor (N, ...) per input name.

    Args:
        inputs: by name.
        lengths_N: of what the rows were made from, where they are to be batched as that would be.
    """

    def __init__(
        self, inputs: Mapping[str, NDArray[np.generic] | Tensor], lengths_N: NDArray[np.int64] | None = None
    ) -> None:
        self.inputs = {name: torch.as_tensor(values) for name, values in inputs.items()}
        self.lengths_N = lengths_N

    def take(self, rows: Tensor) -> dict[str, Tensor]:
        """Gather the rows (B,) of every input."""
        return {name: values.index_select(0, rows) for name, values in self.inputs.items()}

    def lengths(self) -> NDArray[np.int64] | None:
        """Return ``lengths_N``."""
        return self.lengths_N

    def to(self, device: torch.device) -> "DenseRows":
        """Return the rows on ``device``."""
        return DenseRows({name: values.to(device) for name, values in self.inputs.items()}, self.lengths_N)


class TokenRows:
    """Token sequences stored end to end; a batch is padded to its own longest row.

    Args:
        tokens: (T,) all tokens.
        offsets: (N + 1,) where each row starts; the last entry is T.
        pad_id: the token that fills short rows.
        name: the model's argument for the tokens.
        types: (T,) the kind of each token (0 fills short rows), given to the model as ``token_type_ids``; or None.
        mask: whether the model is given ``attention_mask``, 1 where there is a token.
    """

    def __init__(
        self,
        tokens: NDArray[np.int32] | Tensor,
        offsets: NDArray[np.int64] | Tensor,
        pad_id: int = 0,
        *,
        name: str = "tokens",
        types: NDArray[np.integer] | Tensor | None = None,
        mask: bool = False,
    ) -> None:
        self.tokens = torch.as_tensor(tokens)
        self.offsets = torch.as_tensor(offsets)
        self.pad_id = pad_id
        self.name = name
        self.types = None if types is None else torch.as_tensor(types)
        self.mask = mask
        self._lengths_N = torch.diff(self.offsets).cpu().numpy()

    def take(self, rows: Tensor) -> dict[str, Tensor]:
        """Gather the rows (B,) of every input (B, longest), int64."""
        return self._gather(rows, int(self._lengths_N[rows.cpu().numpy()].max()))

    def stream(
        self, order: Sequence[NDArray[np.int64]], key: tuple[int, ...] | None
    ) -> Generator[dict[str, Tensor], None, None]:
        """Yield the inputs of each batch of row numbers; the device is never waited for."""
        for rows in order:
            rows_B = torch.from_numpy(rows).to(self.tokens.device, non_blocking=True)
            yield self._gather(rows_B, int(self._lengths_N[rows].max()))

    def _gather(self, rows_B: Tensor, longest: int) -> dict[str, Tensor]:
        starts_B = self.offsets[rows_B]
        lengths_B = self.offsets[rows_B + 1] - starts_B
        places_BT = torch.arange(longest, device=self.tokens.device).expand(len(rows_B), longest)
        filled_BT = places_BT < lengths_B[:, None]
        source_BT = torch.where(filled_BT, starts_B[:, None] + places_BT, 0)
        inputs = {self.name: torch.where(filled_BT, self.tokens[source_BT].long(), self.pad_id)}
        if self.mask:
            inputs["attention_mask"] = filled_BT.long()
        if self.types is not None:
            inputs["token_type_ids"] = torch.where(filled_BT, self.types[source_BT].long(), 0)
        return inputs

    def lengths(self) -> NDArray[np.int64]:
        """Return the number of tokens of each row (N,)."""
        return self._lengths_N

    def to(self, device: torch.device) -> "TokenRows":
        """Return the rows on ``device``."""
        return TokenRows(
            self.tokens.to(device),
            self.offsets.to(device),
            self.pad_id,
            name=self.name,
            types=None if self.types is None else self.types.to(device),
            mask=self.mask,
        )


@dataclass(frozen=True)
class Batch:
    """What one step sees.

    Attributes:
        inputs: the model's arguments by name, B rows each.
        target: (B,) or (B, L) int64.
        weights_B: float32 sample weights.
        rows_B: row numbers in the data set.
        share: of each row in itself; the rest is of the row before it in the batch (``trainer.engine.mixing``).
        unweighted: whether every weight is known to be 1, which saves multiplying with them.
        votes_BC: float32, the share of each class in what is trained on; None = the target is all of it.
        sizes: of the inputs, where these are known without looking at them.
    """

    inputs: Mapping[str, Tensor]
    target: Tensor
    weights_B: Tensor
    rows_B: Tensor
    share: float = 1.0
    unweighted: bool = False
    votes_BC: Tensor | None = None
    sizes: Sizes | None = None

    @property
    def kind(self) -> Hashable:
        """What decides how steps on the batch are computed: sizes, types, and what its rows are weighted with."""
        plain = self.unweighted and self.share == 1.0 and self.votes_BC is None
        return plain, self.target.dtype, self.sizes or sizes_of(self.inputs, len(self.rows_B))

    def part(self, rows: slice | Tensor) -> "Batch":
        """Return some rows of it, padded as they are."""
        return replace(
            self,
            inputs={name: value[rows] for name, value in self.inputs.items()},
            target=self.target[rows],
            weights_B=self.weights_B[rows],
            rows_B=self.rows_B[rows],
            votes_BC=None if self.votes_BC is None else self.votes_BC[rows],
            sizes=None,
        )


@dataclass(frozen=True)
class TrainingSet:
    """All rows of a run on the training device; a fold is a set of row numbers into it.

    Attributes:
        rows: the inputs.
        target: what the loss is given: (N,) or (N, L) int64, or numbers (N,), standardised as ``scale`` says.
        weights_N: float32.
        unweighted: whether every weight is 1.
        scale: of numbers that are to be predicted; None where there are classes.
        votes_NC: float32, the share of each class in what is trained on; None = the target is all of it.
    """

    rows: Rows
    target: Tensor
    weights_N: Tensor
    unweighted: bool = False
    scale: TargetScale | None = None
    votes_NC: Tensor | None = None

    def __len__(self) -> int:
        return len(self.target)

    def true_target(self, rows: NDArray[np.int64]) -> Target:
        """Return the targets of these rows as people know them."""
        target = self.target[torch.from_numpy(rows).to(self.target.device)].cpu().numpy()
        return target if self.scale is None else self.scale.restored(target)

    def batches(self, order: Sequence[NDArray[np.int64]], key: tuple[int, ...] | None) -> Generator[Batch, None, None]:
        """Yield one batch per entry of ``order``; rows that are read when needed are read ahead.

        Args:
            order: row numbers per batch; the rest of an epoch gives the same batches as the whole epoch did.
            key: (seed, repeat, fold, epoch), which seeds the augmentation of each row; None = no augmentation.

        Raises:
            DataError: a row cannot be read.
        """
        if type(self.rows) is DenseRows and self.target.device.type == "cpu":
            sizes = [values[0].nbytes for values in self.rows.inputs.values()]
            for stretch in stretches(order, sizes):
                later = self.rows.inputs if is_large(len(stretch[0]), sizes) else None
                yield from self._cut(stretch, later) if len(stretch) > 1 else map(self.batch, stretch)
            return
        if not isinstance(self.rows, StreamingRows):
            yield from map(self.batch, order)
            return
        with closing(self.rows.stream(order, key)) as stream:
            for rows, inputs in zip(order, stream, strict=True):
                yield self._labelled(inputs, self._on_device(rows))

    def _cut(self, stretch: Sequence[NDArray[np.int64]], later: Mapping[str, Tensor] | None) -> Iterator[Batch]:
        """Gather batches of as many rows each together, but inputs of tables that are gathered later; yield them."""
        rows_B, n_rows = self._on_device(np.concatenate(stretch)), len(stretch[0])
        whole = self._labelled(self.rows.take(rows_B) if later is None else {}, rows_B)

        def cut(values: Tensor) -> tuple[Tensor, ...]:
            return values.view(len(stretch), n_rows, *values.shape[1:]).unbind(0)

        sizes = sizes_of(whole.inputs if later is None else later, n_rows)
        parts = {name: cut(values) for name, values in whole.inputs.items()}
        weights = [whole.weights_B[:n_rows]] * len(stretch) if self.unweighted else cut(whole.weights_B)
        votes = [None] * len(stretch) if whole.votes_BC is None else cut(whole.votes_BC)
        rest = zip(cut(whole.target), weights, cut(whole.rows_B), votes, strict=True)
        for place, (target, weights_B, rows_B, votes_BC) in enumerate(rest):
            known = {name: values[place] for name, values in parts.items()}
            inputs = known if later is None else Gathered(later, rows_B)
            yield Batch(inputs, target, weights_B, rows_B, 1.0, self.unweighted, votes_BC, sizes)

    def batch(self, rows: NDArray[np.int64]) -> Batch:
        """Gather one batch by row numbers (B,), without augmentation."""
        rows_B = self._on_device(rows)
        return self._labelled(self.rows.take(rows_B), rows_B)

    def _on_device(self, rows: NDArray[np.int64]) -> Tensor:
        return torch.from_numpy(rows).to(self.target.device, non_blocking=True)

    def _labelled(self, inputs: Mapping[str, Tensor], rows_B: Tensor) -> Batch:
        weights_B = self.weights_N[: len(rows_B)] if self.unweighted else self.weights_N.index_select(0, rows_B)
        votes_BC = None if self.votes_NC is None else self.votes_NC.index_select(0, rows_B)
        target = self.target.index_select(0, rows_B)
        return Batch(inputs, target, weights_B, rows_B, unweighted=self.unweighted, votes_BC=votes_BC)


def row_views(rows: Rows) -> Sequence[Rows]:
    """Return the ways in which held-out predictions look at the rows."""
    return rows.views() if isinstance(rows, ViewedRows) else [rows]

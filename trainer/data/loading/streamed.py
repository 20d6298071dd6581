"""Rows that are read when a batch needs them, for data that does not fit in memory.

What a row becomes is a function of (seed, repeat, fold, epoch, row) alone: neither the number of workers nor a start
in the middle of an epoch changes a bit.
"""

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import KW_ONLY, dataclass, replace
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import default_collate

from trainer.data.loading.workers import Inputs, RowNumbers, read_in_workers
from trainer.errors import DataError, FoldwiseError, exit_as_error, first_line_of, shown
from trainer.system.seeds import seed_of

Sample = Mapping[str, Tensor | NDArray[Any]]
Collate = Callable[[list[Sample]], Inputs]
MENDING = "repair it or take it out of the data; FOLDWISE_TRACEBACK=1 shows where this was raised"
CPU = torch.device("cpu")
MOST_NAMED = 5  # rows in a message
MOST_CHARACTERS = 300  # of another library's words in a message


class RowDataset(Protocol):
    """Reads rows one by one.

    It may also have ``ids``, a text per row for messages, and ``lengths``, (N,) whole numbers by which rows of like
    length are batched together (give ``StreamedRows`` a ``collate`` that pads them).
    """

    def __len__(self) -> int:
        """Return the number of rows N."""
        ...

    def read(self, row: int, random: np.random.Generator | None) -> Sample:
        """Read one row, in whichever process.

        Args:
            row: from 0.
            random: the only randomness to use, for augmentation; None = evaluation, no augmentation.

        Returns:
            The model's arguments by name, without the batch dimension.
        """
        ...


@dataclass(frozen=True)
class StreamedRows:
    """The rows of a data set, read batch by batch.

    Attributes:
        dataset: reads a row.
        num_workers: processes that read ahead; 0 = this process reads, and nothing interrupts a read that hangs.
        timeout_seconds: longest wait for a batch of a worker.
        collate: makes a batch out of samples.
        device: of the batches.
    """

    dataset: RowDataset
    _: KW_ONLY
    num_workers: int = 0
    timeout_seconds: float = 60.0
    collate: Collate = default_collate
    device: torch.device = CPU

    def take(self, rows: Tensor) -> Inputs:
        """Read the rows (B,) in this process, without augmentation.

        Raises:
            DataError: a row cannot be read.
        """
        return self._on_device(self._reader(None)(rows.cpu().numpy()))

    def stream(self, order: Sequence[RowNumbers], key: tuple[int, ...] | None) -> Generator[Inputs, None, None]:
        """Yield the inputs of each batch of row numbers, in that order.

        Workers live from the first batch to the last, or until the generator is closed.

        Args:
            order: row numbers per batch.
            key: (seed, repeat, fold, epoch), which with the row seeds its augmentation; None = no augmentation.

        Raises:
            DataError: a row cannot be read, or its worker died or hangs; names the row.
        """
        read = self._reader(key)
        if self.num_workers == 0 or len(order) == 0:
            for rows_B in order:
                yield self._on_device(read(rows_B))
            return
        batches = read_in_workers(
            read,
            order,
            num_workers=min(self.num_workers, len(order)),
            timeout_seconds=self.timeout_seconds,
            seed=seed_of(*(key or (0,))),
            named=read.named,
        )
        with closing(batches):
            for inputs in batches:
                yield self._on_device(inputs)

    def lengths(self) -> NDArray[np.int64] | None:
        """Return the data set's ``lengths`` (N,), or None where it has none."""
        lengths = getattr(self.dataset, "lengths", None)
        return None if lengths is None else np.asarray(lengths, dtype=np.int64)

    def to(self, device: torch.device) -> "StreamedRows":
        """Return the same rows with their batches on ``device``."""
        return replace(self, device=device)

    def with_workers(self, num_workers: int, timeout_seconds: float) -> "StreamedRows":
        """Return the same rows read by ``num_workers`` processes; the batches are the same bits."""
        return replace(self, num_workers=num_workers, timeout_seconds=timeout_seconds)

    def _reader(self, key: tuple[int, ...] | None) -> "BatchReader":
        return BatchReader(self.dataset, self.collate, key)

    def _on_device(self, inputs: Inputs) -> Inputs:
        if self.device.type == "cuda":
            return {name: value.pin_memory().to(self.device, non_blocking=True) for name, value in inputs.items()}
        return {name: value.to(self.device) for name, value in inputs.items()}


@dataclass(frozen=True)
class BatchReader:
    """Reads the rows of a batch and puts them together.

    Attributes:
        dataset: reads a row.
        collate: makes a batch out of samples.
        key: seeds the augmentation together with the row; None = no augmentation.
    """

    dataset: RowDataset
    collate: Collate
    key: tuple[int, ...] | None

    def __call__(self, rows_B: RowNumbers, on_row: Callable[[int], None] = lambda row: None) -> Inputs:
        """Return the inputs of the rows (B,), having called ``on_row`` before each is read.

        Raises:
            DataError: a row cannot be read, or rows do not fit together.
        """
        with torch.inference_mode(False), torch.no_grad():
            samples = []
            for row in rows_B.tolist():
                on_row(row)
                samples.append(self._sample(row))
            return self._together(rows_B.tolist(), samples)

    def _sample(self, row: int) -> Sample:
        random = None if self.key is None else np.random.default_rng((*self.key, row))
        try:
            sample: object = self.dataset.read(row, random)
        except (Exception, SystemExit) as error:  # whatever the data set raises
            raise DataError(f"{self.named([row])} cannot be read: {_in_words(error)}") from error
        if not isinstance(sample, Mapping):
            what = f"read returned a {type(sample).__name__}, not a dict of tensors by input name"
            raise DataError(f"{self.named([row])}: {what}")
        return sample

    def _together(self, rows: list[int], samples: list[Sample]) -> Inputs:
        try:
            inputs: dict[str, Any] = self.collate(samples)
        except (Exception, SystemExit) as error:  # a collate of the user's may raise anything
            raise DataError(self._misfit(rows, samples) or f"{self.named(rows)}: {_in_words(error)}") from error
        for name, value in inputs.items():
            if not isinstance(value, Tensor):
                what = f"input '{name}' is a {type(value).__name__}, not a tensor or array"
                raise DataError(f"{self.named(rows)}: {what}")
        return inputs

    def _misfit(self, rows: list[int], samples: list[Sample]) -> str:
        """Name the first row whose inputs differ in name or shape from those of the batch's first row."""
        shapes = [{name: tuple(np.shape(value)) for name, value in sample.items()} for sample in samples]
        odd = next((place for place, shape in enumerate(shapes) if shape != shapes[0]), None)
        if odd is None:
            return ""
        first, other = (shown(str(shapes[place]), MOST_CHARACTERS) for place in (0, odd))
        return (
            f"{self.named([rows[odd]])} cannot be put into one batch with {self.named([rows[0]])}\n"
            f"shapes by input: {other} and {first}"
        )

    def named(self, rows: Sequence[int]) -> str:
        """Name rows, counted from 1, with the data set's ids where it has them."""
        listed = [self._name(row) for row in rows[:MOST_NAMED]]
        if len(rows) == 1:
            return f"row {listed[0]}"
        return f"{len(rows)} rows ({', '.join(listed)}{', ...' if len(rows) > MOST_NAMED else ''})"

    def _name(self, row: int) -> str:
        ids = getattr(self.dataset, "ids", None)
        return str(row + 1) if ids is None else f"{row + 1} (id '{shown(str(ids[row]))}')"


def _in_words(error: Exception | SystemExit) -> str:
    """Return an error as one line of its type and message; one of ours as its own lines."""
    if isinstance(error, FoldwiseError):
        return "\n".join(str(error).splitlines()[:4])
    if isinstance(error, SystemExit):
        return str(exit_as_error(error))
    return f"{type(error).__name__}: {shown(first_line_of(error), MOST_CHARACTERS)}\n{MENDING}"

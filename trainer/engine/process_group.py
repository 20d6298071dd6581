"""The processes that train one fold together: ranks of a torch.distributed process group, each on its share of a batch.

What they find is what one process finds, but for rounding: the batches are its batches, a batch is cut into shares that
cover it once, and the sum over all ranks is divided by the weight of all rows. torch's DistributedDataParallel cannot
do that: it averages over ranks, and every rank must take part in every backward pass, with a gradient for every
parameter. Here a share is empty where a batch has fewer rows than there are ranks, others have a row more or less,
layers are frozen and thawed between epochs, and gradients of a half model are summed in float32. So gradients are
summed here, in one piece, once per optimizer step.

Small facts (weights, signals, which parameters have a gradient) go over gloo, also where the gradients go over NCCL.
"""

import atexit
import gc
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar, overload

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray
from torch import Tensor, nn

from trainer.data.loading.batches import Batch, ReadAhead, TrainingSet
from trainer.errors import ConfigError, FoldBusyError, Interrupted, UnexpectedError, first_line_of, shown
from trainer.system import interrupts
from trainer.system.seeds import seed_everything, seed_of
from trainer.wording.translations import N_

Value = TypeVar("Value")
HALF = (torch.float16, torch.bfloat16)
PATIENCE = timedelta(hours=2)  # one rank waits for the others: the first looks at the data, and writes


class PeerLostError(UnexpectedError):
    """A process of the group is gone, or a collective operation failed: the others cannot go on without it."""

    exit_code = FoldBusyError.exit_code  # another try may do: what is wrong, if anything, the other's code tells
    kind = N_("stopped")  # not an error of its own: the process that is gone has said what was wrong, or was killed


@dataclass(frozen=True)
class Ranks:
    """The group as one of its processes sees it; a process alone is a group of one.

    Attributes:
        rank: of this process.
        size: processes there are.
        sync_batchnorm: BatchNorm needs every process in every pass, also one without rows.
        shard: so do weights of which each process holds a part (FSDP2); their gradients are summed with the pass.
    """

    rank: int = 0
    size: int = 1
    sync_batchnorm: bool = False
    shard: bool = False

    @property
    def pass_together(self) -> bool:
        """Whether a process without rows has to take part in every pass."""
        return self.sync_batchnorm or self.shard

    @property
    def first(self) -> bool:
        """Whether this is the process that writes."""
        return self.rank == 0

    def own(self, n_rows: int) -> slice:
        """Return which of the rows of a batch this process takes; the first has one where any has."""
        each, more = divmod(n_rows, self.size)
        start = self.rank * each + min(self.rank, more)
        return slice(start, start + each + (self.rank < more))

    def batches(
        self, data: TrainingSet, order: Sequence[NDArray[np.int64]], key: tuple[int, ...], first: int
    ) -> Generator[Batch, None, None]:
        """Return this process's share of each training batch, which may be empty.

        What a model draws at random is seeded for each batch and rank, so that a rank is resumed exactly and no two
        drop out the same.

        Args:
            data: all rows.
            order: row numbers per batch, the same for all ranks.
            key: (seed, repeat, fold, epoch).
            first: number of the first batch in the epoch, from 0.
        """
        return data.batches(order, key) if self.size == 1 else self._shares(data, order, key, first)

    def _shares(
        self, data: TrainingSet, order: Sequence[NDArray[np.int64]], key: tuple[int, ...], first: int
    ) -> Generator[Batch, None, None]:
        """Read rows of files in shares; what is padded to its longest row, or lies in memory, is gathered whole."""
        whole = not isinstance(data.rows, ReadAhead) or data.rows.lengths() is not None
        parts = [self.own(len(rows)) for rows in order]
        shares = [rows[part] if len(rows[part]) else rows[:1] for rows, part in zip(order, parts, strict=True)]
        with closing(data.batches(order if whole else shares, key)) as batches:
            for number, (part, batch) in enumerate(zip(parts, batches, strict=True), start=first):
                seed_everything(seed_of(*key, number, self.rank))
                yield batch.part(part if whole else slice(0, part.stop - part.start))

    @overload
    def total(self, value: Tensor) -> Tensor: ...

    @overload
    def total(self, value: Tensor | float) -> Tensor | float: ...

    def total(self, value: Tensor | float) -> Tensor | float:
        """Return the sum over all ranks."""
        if self.size == 1:
            return value
        summed = value.clone() if isinstance(value, Tensor) else torch.tensor(value, dtype=torch.float64)
        with _together():
            dist.all_reduce(summed)
        return summed if isinstance(value, Tensor) else float(summed)

    def sum_gradients(self, parameters: Sequence[nn.Parameter]) -> None:
        """Put the sum over all ranks in the place of each gradient; none is there where no rank has one."""
        if self.size == 1 or self.shard:
            return
        present = torch.tensor([parameter.grad is not None for parameter in parameters], dtype=torch.uint8)
        with _together():
            dist.all_reduce(present, dist.ReduceOp.MAX)
        trained = [parameter for parameter, any_has in zip(parameters, present.tolist(), strict=True) if any_has]
        for dtype in dict.fromkeys(map(_summed_in, trained)):
            self._sum([parameter for parameter in trained if _summed_in(parameter) == dtype], dtype)

    def _sum(self, parameters: Sequence[nn.Parameter], dtype: torch.dtype) -> None:
        flat = torch.cat([_gradient(parameter).reshape(-1).to(dtype) for parameter in parameters])
        with _together():
            dist.all_reduce(flat)
        for parameter, summed in zip(parameters, torch.split(flat, [p.numel() for p in parameters]), strict=True):
            parameter.grad = summed.view_as(parameter).to(parameter.dtype)

    def share_buffers(self, model: nn.Module) -> None:
        """Give every rank the first one's buffers (the statistics of BatchNorm), as DistributedDataParallel does."""
        buffers = [] if self.size == 1 else list(model.buffers())
        for kind in dict.fromkeys((buffer.dtype, buffer.device) for buffer in buffers):
            alike = [buffer for buffer in buffers if (buffer.dtype, buffer.device) == kind]
            flat = torch.cat([buffer.reshape(-1) for buffer in alike])
            with _together():
                dist.broadcast(flat, src=0)
            with torch.no_grad():
                for buffer, value in zip(alike, torch.split(flat, [buffer.numel() for buffer in alike]), strict=True):
                    buffer.copy_(value.view_as(buffer))

    def check(self) -> None:
        """Stop here if any rank has been sent a signal: all stop after the same step.

        Raises:
            Interrupted: one has.
        """
        if self.size == 1:
            interrupts.check()
        elif number := self.largest(interrupts.received() or 0):
            raise Interrupted(number)

    def largest(self, value: int) -> int:
        """Return the largest of the ranks' numbers."""
        if self.size == 1:
            return value
        number = torch.tensor(value)
        with _together():
            dist.all_reduce(number, dist.ReduceOp.MAX)
        return int(number)

    def interleaved(self, own: Sequence[Value]) -> list[Value]:
        """Return what all ranks have, where the first took the items 0, size, ..., the second 1, size + 1, ..."""
        if self.size == 1:
            return list(own)
        everyones: list[Sequence[Value]] = [()] * self.size
        with _together():
            dist.all_gather_object(everyones, own)
        return [everyones[n % self.size][n // self.size] for n in range(sum(map(len, everyones)))]

    def told(self, value: Value) -> Value:
        """Return what the first rank gives."""
        if self.size == 1:
            return value
        box: list[Any] = [value]
        with _together():
            dist.broadcast_object_list(box, src=0)
        first: Value = box[0]
        return first

    def wait(self) -> None:
        """Wait until every rank is here."""
        self.largest(0)


ALONE = Ranks()


def join(device: torch.device) -> Ranks:
    """Join the group that the environment tells of (RANK, WORLD_SIZE, ... of torchrun), until the process ends.

    Raises:
        PeerLostError: the others are not there.
    """
    with _together():
        dist.init_process_group("cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo", timeout=PATIENCE)
    atexit.register(_leave)
    return Ranks(dist.get_rank(), dist.get_world_size())


def _leave() -> None:
    gc.collect()  # torch 2.13 aborts at exit now and then where something still holds the group
    dist.destroy_process_group()


@contextmanager
def _together() -> Iterator[None]:
    """Say of a collective operation that fails that the others are gone.

    Raises:
        PeerLostError: it has failed.
    """
    try:
        yield
    except (RuntimeError, ValueError) as error:
        said = shown(first_line_of(error), 160)
        raise PeerLostError(f"another process of this fold is gone, and none goes on alone ({said})") from error


def _summed_in(parameter: nn.Parameter) -> torch.dtype:
    return torch.float32 if parameter.dtype in HALF else parameter.dtype


def _gradient(parameter: nn.Parameter) -> Tensor:
    if parameter.grad is None:
        return torch.zeros_like(parameter)
    if parameter.grad.is_sparse:
        raise ConfigError("sparse gradients cannot be summed over processes: build nn.Embedding without sparse=True")
    return parameter.grad

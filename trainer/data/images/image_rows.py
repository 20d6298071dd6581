"""Images as batches: gathered from memory or read from the files, augmented by a row's own seed, normalised last."""

from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import KW_ONLY, dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trainer.data.images.decoded import PreparedImages
from trainer.data.images.decoding import quiet
from trainer.data.images.transforms import augmented
from trainer.data.images.views import VIEWS
from trainer.data.loading.streamed import CPU, StreamedRows
from trainer.errors import DataError

if TYPE_CHECKING:
    from trainer.data.images.transforms import Pipeline

DEVICE_SHARE = 0.25  # of a GPU's free memory that pixels may take


@dataclass(frozen=True)
class PixelReader:
    """One image at a time, uint8: out of memory or out of its file, then augmented (a ``RowDataset``).

    Attributes:
        prepared: all images.
        train: transforms of a training row.
    """

    prepared: PreparedImages
    train: "Pipeline" = ()

    def __len__(self) -> int:
        return len(self.prepared)

    @property
    def ids(self) -> tuple[str, ...]:
        """The file names, for messages."""
        return self.prepared.images.names

    def read(self, row: int, random: np.random.Generator | None) -> dict[str, Tensor]:
        """Return ``images`` (C, H, W) uint8 of a row.

        Raises:
            DataError: its file cannot be decoded any more, or a transform changed its size.
        """
        prepared = self.prepared
        if prepared.pixels_NCHW is None:
            with quiet():
                image = torch.from_numpy(prepared.shape.read(prepared.images, row)[0])
        else:
            image = prepared.pixels_NCHW[row]
        if random is None or not self.train:
            return {"images": image}
        image = augmented(image, self.train, random)
        if tuple(image.shape) != prepared.shape.dimensions or image.dtype != torch.uint8:
            raise DataError(
                f"data.preprocess.train makes {tuple(image.shape)} {image.dtype} of {prepared.shape.dimensions}: "
                "every image must keep its shape"
            )
        return {"images": image.contiguous()}


@dataclass(frozen=True)
class ImageRows:
    """All images of a data set, normalised with what one fold learnt.

    Attributes:
        reader: reads and augments one image.
        mean_C: per channel, of pixels in 0..1.
        std_C: likewise.
        view_names: of ``VIEWS``, for test-time augmentation.
        view: how each batch is turned; None = not at all.
        num_workers: processes that read ahead.
        timeout_seconds: longest wait for a batch of a worker.
        device: of the batches.
        on_device: all pixels on the device, or None where they stay in memory or in their files.
    """

    reader: PixelReader
    mean_C: tuple[float, ...]
    std_C: tuple[float, ...]
    _: KW_ONLY
    view_names: tuple[str, ...] = ()
    view: str | None = None
    num_workers: int = 0
    timeout_seconds: float = 60.0
    device: torch.device = CPU
    on_device: Tensor | None = None

    def take(self, rows: Tensor) -> dict[str, Tensor]:
        """Return ``images`` (B, C, H, W) float32 of the rows (B,), without augmentation.

        Raises:
            DataError: a file cannot be decoded.
        """
        pixels = self.reader.prepared.pixels_NCHW if self.on_device is None else self.on_device
        if pixels is None:
            return self._normalised(self._streamed().take(rows)["images"])
        gathered = pixels.index_select(0, rows.to(pixels.device))
        if self.device.type == "cuda" and self.on_device is None:
            gathered = gathered.pin_memory()
        return self._normalised(gathered.to(self.device, non_blocking=True))

    def stream(
        self, order: Sequence[NDArray[np.int64]], key: tuple[int, ...] | None
    ) -> Generator[dict[str, Tensor], None, None]:
        """Yield the inputs of each batch of row numbers, in that order.

        Args:
            order: row numbers per batch.
            key: (seed, repeat, fold, epoch), which with the row seeds its augmentation; None = no augmentation.

        Raises:
            DataError: a file cannot be decoded, or a worker died or hangs; names the row.
        """
        in_memory = self.reader.prepared.pixels_NCHW is not None
        if in_memory and (key is None or not self.reader.train):
            for rows_B in order:
                yield self.take(torch.from_numpy(rows_B))
            return
        with closing(self._streamed().stream(order, key)) as stream:
            for inputs in stream:
                yield self._normalised(inputs["images"])

    @property
    def augments(self) -> bool:
        """Whether training rows are another image in each epoch."""
        return bool(self.reader.train)

    @property
    def reads_ahead(self) -> bool:
        """Whether there is anything for loader processes to do: files to decode, or images to augment."""
        return self.augments or self.reader.prepared.pixels_NCHW is None

    def views(self) -> "list[ImageRows]":
        """Return these rows, and the same ones turned in each way of ``view_names``: predictions are averaged."""
        return [replace(self, view=name, view_names=()) for name in (None, *self.view_names)]

    def lengths(self) -> None:
        """Images of one size have no lengths."""
        return

    def to(self, device: torch.device) -> "ImageRows":
        """Return the same rows with their batches on ``device``; the pixels go there too where they fit well."""
        pixels = self.reader.prepared.pixels_NCHW
        fits = pixels is not None and device.type == "cuda" and _fits_on(device, pixels)
        return replace(self, device=device, on_device=pixels.to(device) if fits and pixels is not None else None)

    def with_workers(self, num_workers: int, timeout_seconds: float) -> "ImageRows":
        """Return the same rows read and augmented by ``num_workers`` processes; the batches are the same bits."""
        return replace(self, num_workers=num_workers, timeout_seconds=timeout_seconds)

    def _streamed(self) -> StreamedRows:
        return StreamedRows(
            self.reader, num_workers=self.num_workers, timeout_seconds=self.timeout_seconds, device=self.device
        )

    def _normalised(self, pixels_BCHW: Tensor) -> dict[str, Tensor]:
        """Return (pixels / 255 - mean) / std in float32, turned as ``view`` says."""
        scale_C11, shift_C11 = self._scale_and_shift
        images = pixels_BCHW.float().mul_(scale_C11).add_(shift_C11)
        return {"images": images if self.view is None else VIEWS[self.view](images).contiguous()}

    @cached_property
    def _scale_and_shift(self) -> tuple[Tensor, Tensor]:
        """What turns pixels in 0..255 into normalised ones, (C, 1, 1) each."""
        mean_C, std_C = (torch.tensor(values, dtype=torch.float64) for values in (self.mean_C, self.std_C))
        with torch.inference_mode(False):
            scale_C, shift_C = (values.float().to(self.device) for values in (1 / (255 * std_C), -mean_C / std_C))
            return scale_C[:, None, None], shift_C[:, None, None]


def _fits_on(device: torch.device, pixels: Tensor) -> bool:
    free, _ = torch.cuda.mem_get_info(device)
    return pixels.numel() <= DEVICE_SHARE * free

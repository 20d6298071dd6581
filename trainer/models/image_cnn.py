"""A small convolutional network for small images, trained from scratch."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from trainer.models.dropout import Dropout


class ImageCNN(nn.Module):
    """Blocks of two 3 x 3 convolutions with BatchNorm and ReLU, each halving the image; then one linear layer.

    The linear layer is given the mean and the largest value of every channel, so images may have any size; it is
    meant for 28 to 64 pixels on a side.

    Args:
        in_channels: C of the images.
        n_outputs: logits per image.
        widths: channels of each block.
        dropout: probability in front of the linear layer.
    """

    def __init__(
        self, in_channels: int, n_outputs: int, *, widths: Sequence[int] = (32, 64), dropout: float = 0.1
    ) -> None:
        super().__init__()
        if not widths or min(widths) < 1:
            raise ValueError(f"widths={list(widths)}: give at least one width, each at least 1")
        self.blocks = nn.Sequential(*(_block(before, width) for before, width in pairwise((in_channels, *widths))))
        self.dropout = Dropout(dropout)
        self.head = nn.Linear(2 * widths[-1], n_outputs)

    def forward(self, images: Tensor | None = None, features: Tensor | None = None) -> Tensor:
        """Return logits (B, n_outputs) for ``images`` (B, C, H, W), or for ``features`` (B, D) that ``encode`` gave."""
        if features is None:
            assert images is not None, "images or features"
            features = self.encode(images)
        logits: Tensor = self.head(self.dropout(features))
        return logits

    def encode(self, images: Tensor) -> Tensor:
        """Return mean and largest value of each channel of the last block (B, D)."""
        maps_BCHW = self.blocks(images.contiguous(memory_format=torch.channels_last))  # faster on a CPU
        return torch.cat([maps_BCHW.mean(dim=(2, 3)), maps_BCHW.amax(dim=(2, 3))], dim=1)

    def layers(self) -> list[nn.Module]:
        """Return the blocks from input to output."""
        return list(self.blocks)


def _block(n_in: int, n_out: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(n_in, n_out, 3, padding=1, bias=False),
        nn.BatchNorm2d(n_out),
        nn.ReLU(),
        nn.MaxPool2d(2, ceil_mode=True),  # between the two: the second costs a quarter at half the size
        nn.Conv2d(n_out, n_out, 3, padding=1, bias=False),
        nn.BatchNorm2d(n_out),
        nn.ReLU(),
    )

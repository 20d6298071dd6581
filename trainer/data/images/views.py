"""Ways of turning a batch of images, for test-time augmentation; on torch alone."""

from collections.abc import Callable, Mapping

from torch import Tensor

VIEWS: Mapping[str, Callable[[Tensor], Tensor]] = {  # of (B, C, H, W)
    "hflip": lambda images: images.flip(-1),
    "vflip": lambda images: images.flip(-2),
    "rot180": lambda images: images.flip(-1, -2),
    "rot90": lambda images: images.rot90(1, (-2, -1)),
    "rot270": lambda images: images.rot90(3, (-2, -1)),
}
TURNING = ("rot90", "rot270")  # height becomes width

"""The weights of all folds in one file, as foldwise convert writes them, and proved by reading them again."""

from pathlib import Path

from torch import nn

from trainer.inference.export.steps.torch_model import PICKLED
from trainer.inference.export.steps.torch_model import SAFETENSORS as SAFETENSORS_FILE
from trainer.inference.export.wanted import SAFETENSORS
from trainer.weights.file_formats import prove, weight_bytes


def write_weights(network: nn.Module, folder: Path, *, form: str, legacy: bool) -> None:
    """Write model.safetensors or model.pth.

    Args:
        network: in float32.
        folder: to write into.
        form: ``safetensors`` or ``torch``.
        legacy: pickled as before torch 1.6; the first bytes are checked, and that no type is newer than that.

    Raises:
        CheckpointError: what was written is not what was to be.
    """
    inner = SAFETENSORS if form == SAFETENSORS else "legacy" if legacy else "zip"
    path = folder / (SAFETENSORS_FILE if form == SAFETENSORS else PICKLED)
    tensors = network.state_dict()
    data = weight_bytes(tensors, inner)
    prove(data, tensors, inner, path)
    path.write_bytes(data)

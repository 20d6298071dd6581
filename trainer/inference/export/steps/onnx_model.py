"""The graph model.onnx, run by onnxruntime."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from trainer.inference.export.steps.deciding import Runs

FILE = "model.onnx"


def open_model(folder: Path, facts: Mapping[str, Any]) -> Runs:
    """Return what maps inputs of B rows to what each fold says of them (K, B, C).

    Args:
        folder: with the graph.
        facts: of model.json.
    """
    import onnxruntime

    session = onnxruntime.InferenceSession(str(folder / FILE), providers=["CPUExecutionProvider"])

    def run(inputs: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
        found: NDArray[Any] = session.run(["proba_by_fold"], dict(inputs))[0]
        return found

    return run

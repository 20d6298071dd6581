"""The graph model.onnx, run by onnxruntime."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from trainer.inference.export.steps.deciding import Runs

FILE = "model.onnx"


def cores() -> int:
    """Return how many cores this process may use; onnxruntime counts those of the machine."""
    said = os.environ.get("OMP_NUM_THREADS", "")
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(int(said), allowed) if said.isdecimal() and int(said) else allowed


def open_model(folder: Path, facts: Mapping[str, Any]) -> Runs:
    """Return what maps inputs of B rows to what each fold says of them (K, B, C).

    Args:
        folder: with the graph.
        facts: of model.json.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = cores()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # idle threads would burn a core
    session = onnxruntime.InferenceSession(str(folder / FILE), options, providers=["CPUExecutionProvider"])

    def run(inputs: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
        found: NDArray[Any] = session.run(["proba_by_fold"], dict(inputs))[0]
        return found

    return run

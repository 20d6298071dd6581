#!/usr/bin/env bash
# onnxconverter-common 1.16.0: float16.convert_float_to_float16 of a model whose weights float16 can hold.
# Guess: each weight becomes the nearest float16, whose range is 6e-8 to 65504.
# Seen: what is larger than 10,000 becomes 10,000 and what is smaller than 1e-7 becomes 1e-7, up or down, by the defaults of
#       min_positive_val and max_finite_val: 20,000 is halved, 1e-9 a hundred times as large. A Python warning per tensor
#       tells of it; the model is written.
# Instead: min_positive_val=6e-8, max_finite_val=65504, warnings as errors, and outputs compared.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check numpy==2.3.5 onnx==1.23.2 onnxconverter-common==1.16.0
"$folder/venv/bin/python" -W ignore - <<'PY'
import numpy as np
from onnx import TensorProto, helper, numpy_helper
from onnxconverter_common import float16

weights = np.array([[20_000.0], [-30_000.0], [0.5], [1e-9]], np.float32)


def converted(**limits):
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "linear",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["rows", 1])],
        [numpy_helper.from_array(weights, "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    return numpy_helper.to_array(float16.convert_float_to_float16(model, **limits).graph.initializer[0]).ravel()


seen, wide = converted(), converted(min_positive_val=6e-8, max_finite_val=65504.0)
print(f"weights {weights.ravel()}: {seen} as it comes, {wide} with the limits of float16")
assert seen[:3].tolist() == [10_000.0, -10_000.0, 0.5] and 0 < seen[3] < 2e-7, "the behaviour has changed"
assert wide[:3].tolist() == weights[:3, 0].astype(np.float16).tolist(), "wider limits no longer help"
PY
echo "as described"

#!/usr/bin/env bash
# openvino 2026.4.1: save_model of a converted torch model in float32.
# Guess: the file computes what the model computed when it was converted and tried in the same process.
# Seen: compress_to_fp16=True is the default: the file holds half of each weight's bytes, and 1e-6 as a weight comes back
#       as 1.013e-6, 1e-9 as 0. What was compared before saving is not what is served after it.
# Instead: save_model(model, path, compress_to_fp16=False), and compare what was loaded from the file.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.14.1 numpy==2.3.5 openvino==2026.4.1
cd "$folder"
venv/bin/python -W ignore - 2>/dev/null <<'PY'
from pathlib import Path

import numpy as np
import openvino
import torch

layer = torch.nn.Linear(3, 1, bias=False).eval()
layer.weight.data = torch.tensor([[0.1, 1e-6, 1e-9]])
rows = torch.eye(3)
core = openvino.Core()


def outputs(model):
    exact = {"INFERENCE_PRECISION_HINT": "f32"}  # or a processor with bfloat16 computes in it
    return core.compile_model(model, "CPU", exact)(rows.numpy())[0].ravel()


converted = openvino.convert_model(layer, example_input=rows)
openvino.save_model(converted, "default.xml")
openvino.save_model(converted, "whole.xml", compress_to_fp16=False)
sizes = [Path(f"{name}.bin").stat().st_size for name in ("default", "whole")]
seen = [outputs(model) for model in (converted, "default.xml", "whole.xml")]
print(f"bytes of weights {sizes}; converted {seen[0]}, saved {seen[1]}, saved whole {seen[2]}")
wanted = layer(rows).detach().numpy().ravel()
assert np.allclose(seen[0], wanted, rtol=1e-6) and np.allclose(seen[2], wanted, rtol=1e-6)
assert seen[1][2] == 0 and abs(seen[1][1] / 1e-6 - 1) > 0.01 and sizes[0] < sizes[1], "the behaviour has changed"
PY
echo "as described"

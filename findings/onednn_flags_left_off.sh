#!/usr/bin/env bash
# torch 2.13.0 (CPU; 2.14.1 does the same): `with torch.backends.mkldnn.flags(enabled=False):` warns on every machine
# without an Intel GPU ("TF32 acceleration on top of oneDNN ..."), although nothing asked for TF32.
# Guess: where warnings are errors (pytest's filterwarnings=error), the block is not entered and nothing has changed.
# Seen: the warning is raised after `enabled` was set, and nothing puts it back: oneDNN stays switched off for the rest
# of the process, and later results of that process differ in their last bits from those of a fresh one.
# Instead: set torch.backends.mkldnn.enabled by hand, and put it back in `finally`.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.3.5
"$folder/venv/bin/python" -W error - <<'PY'
import torch

onednn = torch.backends.mkldnn
before = onednn.enabled
try:
    with onednn.flags(enabled=False):
        raised = "nothing"
except UserWarning as warning:
    raised = str(warning).split(" is available")[0]
print(f"torch {torch.__version__}: enabled before: {before}, raised: {raised!r}, enabled after: {onednn.enabled}")
assert before is True and raised.startswith("TF32 acceleration") and onednn.enabled is False, "the behaviour has changed"
PY
echo "as described"

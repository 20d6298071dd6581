#!/usr/bin/env bash
# tensorboard 2.21.0: EventAccumulator, with which scripts read event files back, on a run of 12,000 steps.
# Guess: Scalars("loss") has 12,000 values; the limits of the page are the page's.
# Seen: 10,000 scalars, drawn at random (the last is always among them), 10 of 30 values of the newer
#       kind (written with new_style=True, by TensorFlow and by Keras), 1 of 30 histograms. No word of it. A best epoch
#       or a mean taken from them is that of the values that were drawn.
# Instead: EventAccumulator(path, size_guidance={"scalars": 0, "tensors": 0, "histograms": 0}): 0 keeps all.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.3.5 tensorboard==2.21.0
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PY'
import numpy as np
import tensorboard
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch.utils.tensorboard import SummaryWriter

with SummaryWriter("events") as writer:
    for step in range(12_000):
        writer.add_scalar("loss", step, step)
    for step in range(30):
        writer.add_scalar("newer", step, step, new_style=True)
        writer.add_histogram("weights", np.arange(10.0), step)


def counts(**options):
    read = EventAccumulator("events", **options)
    read.Reload()
    return [len(read.Scalars("loss")), len(read.Tensors("newer")), len(read.Histograms("weights"))]


kept, all_of_them = counts(), counts(size_guidance={"scalars": 0, "tensors": 0, "histograms": 0})
print(f"tensorboard {tensorboard.__version__}: scalars, tensors, histograms: {kept} of {all_of_them}")
assert (kept, all_of_them) == ([10_000, 10, 1], [12_000, 30, 30]), "the behaviour has changed"
PY
echo "as described"

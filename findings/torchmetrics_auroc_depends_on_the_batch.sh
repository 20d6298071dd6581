#!/usr/bin/env bash
# torchmetrics 1.9.0: area under ROC of logits, updated batch by batch, as a validation loop does.
# Guess: a sigmoid changes no order, and updates only collect rows: the same area for every batch size.
# Seen: 0.7519 with batches of 400 and 50, 0.7461 with 8, 0.7298 with 2, 0.7071 with 1 (scikit-learn: 0.7519). Each
#       update looks whether its own values lie in 0..1; a small batch of logits may, and is kept as it is, next to
#       batches that went through the sigmoid. No warning: the last, ragged batch is enough to change the area.
# Instead: give probabilities, sigmoid or softmax written out, to a metric of torchmetrics.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.3.5 torchmetrics==1.9.0 scikit-learn==1.9.1
"$folder/venv/bin/python" -W ignore - <<'PY'
import numpy as np
import torch
import torchmetrics
from sklearn.metrics import roc_auc_score
from torchmetrics.classification import BinaryAUROC

random = np.random.default_rng(0)
target = random.integers(0, 2, 400)
logits = (random.normal(0.4, 0.6, 400) + 0.5 * target).astype("float32")


def area(size, values):
    metric = BinaryAUROC()
    for first in range(0, 400, size):
        metric.update(torch.tensor(values[first : first + size]), torch.tensor(target[first : first + size]))
    return round(float(metric.compute()), 4)


of_logits = [area(size, logits) for size in (400, 50, 8, 2, 1)]
of_probabilities = {area(size, 1 / (1 + np.exp(-logits))) for size in (400, 50, 8, 2, 1)}
right = round(roc_auc_score(target, logits), 4)
print(f"torchmetrics {torchmetrics.__version__}: batches of 400, 50, 8, 2, 1: {of_logits}; scikit-learn {right}")
assert of_logits == [0.7519, 0.7519, 0.7461, 0.7298, 0.7071], "the behaviour has changed"
assert of_probabilities == {right}, "the behaviour has changed"
PY
echo "as described"

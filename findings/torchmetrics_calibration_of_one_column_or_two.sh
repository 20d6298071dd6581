#!/usr/bin/env bash
# torchmetrics 1.9.0: the expected calibration error of two classes, whose probabilities stand in one column or in two.
# Guess: one figure; a second column of 1 - p tells nothing new.
# Seen: 0.1 and 0.0 for the same 20 rows. BinaryCalibrationError compares the probability of class 1 with how often it
#       is class 1, MulticlassCalibrationError that of the class which is predicted with how often it is right: where
#       0.1 is too low and 0.9 too low by as much, the second sees 0.9 said and 0.9 right. So a model with two outputs
#       looks better calibrated than the same one with a sigmoid, and calibration_curve of scikit-learn sides with the
#       first.
# Instead: say which of the two is meant; compare models of two classes by their column of the positive class.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.14.1 numpy==2.3.5 torchmetrics==1.9.0 \
	scikit-learn==1.8.0
"$folder/venv/bin/python" -W ignore - <<'PY'
import numpy as np
import torch
import torchmetrics
from sklearn.calibration import calibration_curve
from torchmetrics.classification import BinaryCalibrationError, MulticlassCalibrationError

said = torch.tensor([0.1] * 10 + [0.9] * 10)
target = torch.tensor([1] * 2 + [0] * 8 + [1] * 10)  # 2 of 10 where 0.1 was said, 10 of 10 where 0.9 was
one = float(BinaryCalibrationError(n_bins=10)(said, target))
two = float(MulticlassCalibrationError(num_classes=2, n_bins=10)(torch.stack([1 - said, said], 1), target))
seen, meant = calibration_curve(target.numpy(), said.numpy(), n_bins=10)
curve = float(np.abs(seen - meant).mean())
print(f"torchmetrics {torchmetrics.__version__}: one column {one:.4f}, two {two:.4f}; scikit-learn's curve {curve:.4f}")
assert (round(one, 4), round(two, 4), round(curve, 4)) == (0.1, 0.0, 0.1), "the behaviour has changed"
PY
echo "as described"

#!/usr/bin/env bash
# torchmetrics 1.9.0: accuracy of several classes, by the two ways that its documentation shows.
# Guess: Accuracy(task="multiclass", num_classes=3) makes a MulticlassAccuracy(num_classes=3): one number for both.
# Seen: 0.8 and 0.3333 for the same rows (8 of 10 right, all of one class): the first is the share of right rows
#       (average="micro"), the second the mean recall of the classes (average="macro"), which others call balanced
#       accuracy. Code that moves from one to the other has another metric of the same name. And the mean
#       area under ROC of rows that lack a class counts that class as 0, where the mean F1 leaves it out.
# Instead: write average= wherever a metric of torchmetrics is made; look at average="none" where folds may lack a class.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.3.5 torchmetrics==1.9.0
"$folder/venv/bin/python" -W ignore - <<'PY'
import torch
import torchmetrics
from torchmetrics import Accuracy
from torchmetrics.classification import MulticlassAccuracy, MulticlassAUROC, MulticlassF1Score

target, predicted = torch.tensor([0] * 8 + [1, 2]), torch.zeros(10, dtype=torch.long)
by_task = float(Accuracy(task="multiclass", num_classes=3)(predicted, target))
by_class = float(MulticlassAccuracy(num_classes=3)(predicted, target))
print(f"torchmetrics {torchmetrics.__version__}: Accuracy {by_task:.4f}, MulticlassAccuracy {by_class:.4f}")
assert (round(by_task, 4), round(by_class, 4)) == (0.8, 0.3333), "the behaviour has changed"

right = torch.tensor([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.2, 0.7, 0.1]])  # of two classes, the third is absent
area = float(MulticlassAUROC(num_classes=3)(right, torch.tensor([0, 1, 1])))
f1 = float(MulticlassF1Score(num_classes=3)(right, torch.tensor([0, 1, 1])))
print(f"every row right, a class absent: MulticlassAUROC {area:.4f}, MulticlassF1Score {f1:.4f}")
assert (round(area, 4), f1) == (0.6667, 1.0), "the behaviour has changed"
PY
echo "as described"

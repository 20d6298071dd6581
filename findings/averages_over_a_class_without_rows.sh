#!/usr/bin/env bash
# pytorch-ignite 0.5.5, torcheval 0.0.7: averages over classes where a small fold or batch lacks one; perfect predictions.
# Guess: a class without rows has no recall and is left out, as scikit-learn does: 1.0.
# Seen: ignite's macro recall counts it as 0.0 (0.667 for three classes). torcheval's macro recall raises an error about
#       sizes of tensors, its macro F1 leaves the class out (1.0), and its AUROC counts it as 0.5 without a word (0.833).
# Instead: collect the rows of the whole fold and let scikit-learn say what cannot be computed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.14.1 numpy==2.3.5 pytorch-ignite==0.5.5 torcheval==0.0.7 scikit-learn==1.9.1
"$folder/venv/bin/python" -W ignore - 2>/dev/null <<'PY'
import torch
from ignite.metrics import Recall
from sklearn.metrics import recall_score
from torcheval.metrics.functional import multiclass_auroc, multiclass_f1_score, multiclass_recall

proba = torch.tensor([[0.7, 0.2, 0.1], [0.2, 0.7, 0.1], [0.6, 0.3, 0.1], [0.1, 0.8, 0.1]])
target = torch.tensor([0, 1, 0, 1])
ignite = Recall(average="macro")
ignite.update((proba, target))
try:
    recall = float(multiclass_recall(proba, target, num_classes=3, average="macro"))
except RuntimeError as error:
    recall = "size of tensor" in str(error) and "an error about sizes"
f1 = float(multiclass_f1_score(proba, target, num_classes=3, average="macro"))
auroc = round(float(multiclass_auroc(proba, target, num_classes=3)), 3)
sklearn = recall_score(target, proba.argmax(1), average="macro")
seen = round(ignite.compute(), 3), recall, f1, auroc
print(f"scikit-learn's recall {sklearn}; ignite's recall, torcheval's recall, F1 and AUROC: {seen}")
assert sklearn == 1.0
assert seen == (0.667, "an error about sizes", 1.0, 0.833), "the behaviour has changed"
PY
echo "as described"

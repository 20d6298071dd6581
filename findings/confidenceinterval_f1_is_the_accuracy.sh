#!/usr/bin/env bash
# confidenceinterval 1.0.5: f1_score, precision_score and recall_score of two classes, with intervals.
# Guess: named and called as scikit-learn's, they are its values for the positive class, with an interval around them.
# Seen: the default is average="micro", which for two classes is the accuracy: all three are 0.71 (scikit-learn 0.739,
#       0.745, 0.732), with the accuracy's interval. On rare positives F1 looks excellent: 0.9 where it is 0.0.
# Instead: average="binary" (with method="wilson" for precision and recall, which else fail), and a look at whether the value is scikit-learn's.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check numpy==2.3.5 scikit-learn==1.9.1 confidenceinterval==1.0.5
"$folder/venv/bin/python" -W ignore - <<'PY'
import confidenceinterval as ci
import numpy as np
from sklearn import metrics

random = np.random.default_rng(0)
target = random.integers(0, 2, 100)
predicted = np.where(random.random(100) < 0.8, target, 1 - target)
names = ("f1_score", "precision_score", "recall_score")
seen = [round(float(getattr(ci, name)(target, predicted)[0]), 3) for name in names]
wanted = [round(float(getattr(metrics, name)(target, predicted)), 3) for name in names]
binary = [
    round(float(getattr(ci, name)(target, predicted, average="binary", method=method)[0]), 3)
    for name, method in zip(names, ("takahashi", "wilson", "wilson"))
]
accuracy = round(float(metrics.accuracy_score(target, predicted)), 3)
rare = np.arange(100) < 10
never = np.zeros(100, bool)
rare_f1 = round(float(ci.f1_score(rare.astype(int), never.astype(int))[0]), 3)
print(f"{names}: {seen}, scikit-learn {wanted}, average='binary' {binary}, accuracy {accuracy}; no positive found: {rare_f1}")
assert seen == [accuracy] * 3 and rare_f1 == 0.9, "the behaviour has changed"
assert binary == wanted != seen, "average='binary' no longer helps"
PY
echo "as described"

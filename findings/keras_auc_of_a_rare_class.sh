#!/usr/bin/env bash
# keras 3.15.1: keras.metrics.AUC of a rare class, whose predicted probabilities are small, as they should be.
# Guess: 200 thresholds are enough for two digits: about scikit-learn's 0.911.
# Seen: 0.764 (scikit-learn 0.911) for 20,000 rows, 1 % positive, mean prediction 0.0016. The thresholds are spread
#       evenly over 0..1, 0.005 apart, and most rows lie below the first one, in one bin. Early stopping by it picks
#       the model whose probabilities are large, not the one that ranks well. With the same ranks spread over 0..1:
#       0.911.
# Instead: scikit-learn's roc_auc_score on all rows of the fold; more thresholds only move the same wall.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.3.5 keras==3.15.1 scikit-learn==1.9.1
KERAS_BACKEND=torch "$folder/venv/bin/python" -W ignore - <<'PY'
import keras
import numpy as np
from sklearn.metrics import roc_auc_score

random = np.random.default_rng(0)
target = (random.random(20_000) < 0.01).astype(int)
logits = random.normal(0, 1, 20_000) + 2 * target - 7
proba = 1 / (1 + np.exp(-logits))


def area(values):
    metric = keras.metrics.AUC()
    metric.update_state(target, values)
    return round(float(metric.result()), 3)


ranks = proba.argsort().argsort() / len(proba)
seen, spread, right = area(proba), area(ranks), round(roc_auc_score(target, proba), 3)
print(f"keras {keras.__version__}: {seen}, of the ranks {spread}; scikit-learn {right}; mean prediction {proba.mean():.4f}")
assert (seen, spread, right) == (0.764, 0.911, 0.911), "the behaviour has changed"
PY
echo "as described"

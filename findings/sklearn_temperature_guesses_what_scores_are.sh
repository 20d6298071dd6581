#!/usr/bin/env bash
# scikit-learn 1.9.1: CalibratedClassifierCV(method="temperature") on decision_function values.
# Guess: decision values are logits, whatever numbers they are; moving one of 3,000 by 0.001 moves the temperature a little.
# Seen: where all rows lie in [0, 1] and sum to 1 they are taken for probabilities and their logarithm is scaled; one
# cell that does not fit, in any row, and all of them are taken for logits. The temperature is another, without a word.
# Instead: hand over logits whose rows do not sum to 1 (subtract the largest), or the logarithm of probabilities.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check scikit-learn==1.9.1
"$folder/venv/bin/python" - <<'PY'
import numpy as np
import sklearn
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator


class Scores(ClassifierMixin, BaseEstimator):
    """Its inputs are its decision values."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def decision_function(self, X):
        return X

    def predict(self, X):
        return X.argmax(axis=1)


rng = np.random.default_rng(0)
y = rng.integers(0, 3, 1000)
scores = rng.random((1000, 3)) + np.eye(3)[y] * 0.3
scores /= scores.sum(axis=1, keepdims=True)
moved = scores.copy()
moved[0, 0] += 0.001
said = []
for X in (scores, moved):
    model = CalibratedClassifierCV(FrozenEstimator(Scores().fit(X, y)), method="temperature").fit(X, y)
    said.append(model.predict_proba(X)[1:])
gap = np.abs(said[0] - said[1]).max()
print(f"scikit-learn {sklearn.__version__}: one of 3000 decision values moved by 0.001")
print(f"probabilities of the other rows differ by up to {gap:.3f}: first row {said[0][0].round(3)}, then {said[1][0].round(3)}")
assert gap > 0.05, "the behaviour has changed"
PY
echo "as described"

#!/usr/bin/env bash
# catboost 1.2.10: accuracy of three classes, as (predicted == target).mean().
# Guess: predict returns (N,) class labels, as every classifier of scikit-learn's form does, and as catboost does for
#       two classes.
# Seen: (N,) for two classes, (N, 1) for three. The comparison with the targets (N,) is an (N, N) table, whose mean is
#       near a third however good the model is: 0.99 is printed as 0.33. scikit-learn's accuracy_score flattens it.
# Instead: predict(...).ravel(), or accuracy_score.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check catboost==1.2.10 scikit-learn==1.9.1
"$folder/venv/bin/python" -W ignore - <<'PY'
import catboost
from sklearn.datasets import load_iris
from sklearn.metrics import accuracy_score

rows, target = load_iris(return_X_y=True)


def fitted(rows, target):
    model = catboost.CatBoostClassifier(iterations=30, verbose=0, allow_writing_files=False, random_seed=0)
    return model.fit(rows, target).predict(rows)


two, three = fitted(rows[:100], target[:100]), fitted(rows, target)
by_hand, right = float((three == target).mean()), accuracy_score(target, three)
print(f"catboost {catboost.__version__}: shapes {two.shape} and {three.shape}; by hand {by_hand:.2f}, scikit-learn {right:.2f}")
assert (two.shape, three.shape) == ((100,), (150, 1)), "the behaviour has changed"
assert round(by_hand, 2) == 0.33 and right > 0.95, "the behaviour has changed"
PY
echo "as described"

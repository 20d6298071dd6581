#!/usr/bin/env bash
# mlxtend 0.25.0: paired_ttest_kfold_cv of a logistic regression and a stump on iris, whose rows come class by class.
# Guess: folds of a classifier are stratified, as those of scikit-learn's cross_val_score are for the same arguments.
# Seen: rows are cut into folds as they stand, without a shuffle. With cv=3 each fold holds out a class that was never
#       trained on: both models have accuracy 0.0 in all folds and the test is (nan, nan), though the one is
#       right on 97 % of the rows and the other on 66 %.
# Instead: shuffle=True with random_state, or fold scores from StratifiedKFold and the corrected test on them.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check numpy==2.3.5 scikit-learn==1.9.1 mlxtend==0.25.0
"$folder/venv/bin/python" -W ignore - <<'PY'
import math

from mlxtend.evaluate import paired_ttest_kfold_cv
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.tree import DecisionTreeClassifier

X, y = load_iris(return_X_y=True)
model, stump = LogisticRegression(max_iter=1000), DecisionTreeClassifier(max_depth=1)
sorted_t, sorted_p = paired_ttest_kfold_cv(model, stump, X, y, cv=3)
shuffled_t, _ = paired_ttest_kfold_cv(model, stump, X, y, cv=3, shuffle=True, random_seed=0)
means = [round(float(cross_val_score(each, X, y, cv=3).mean()), 2) for each in (model, stump)]
print(f"mlxtend: t {sorted_t}, p {sorted_p}; shuffled: t {shuffled_t:.1f}; accuracies by cross_val_score {means}")
assert math.isnan(sorted_t) and math.isnan(sorted_p), "the behaviour has changed"
assert 3 < shuffled_t < 30 and means == [0.97, 0.66], "the comparison has changed"
PY
echo "as described"

#!/usr/bin/env bash
# scikit-learn 1.9.1: quadratic weighted kappa of grades 0 to 4, in a fold that has no 2 and no 3.
# Guess: a mistake between 1 and 4 counts 3 squared, in every fold.
# Seen: it counts 1: cohen_kappa_score numbers the labels that these rows have, so 0, 1, 4 become 0, 1, 2. The kappa of
#       the same rows is 0.6000, and 0.5833 with labels=range(5): folds with and without a grade are scored by
#       different rules, and their mean is a mean of two metrics. A grade that is only predicted changes it too.
# Instead: write labels= out, wherever the order of the classes counts.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check scikit-learn==1.9.1 numpy==2.3.5
"$folder/venv/bin/python" -W ignore - <<'PY'
import sklearn
from sklearn.metrics import cohen_kappa_score

target, predicted = [0, 0, 1, 1, 4, 4, 4, 4], [0, 1, 1, 0, 4, 1, 4, 1]
alone = cohen_kappa_score(target, predicted, weights="quadratic")
of_all = cohen_kappa_score(target, predicted, weights="quadratic", labels=range(5))
renamed = cohen_kappa_score([min(grade, 2) for grade in target], [min(grade, 2) for grade in predicted], weights="quadratic")
print(f"scikit-learn {sklearn.__version__}: {alone:.4f}, with labels=range(5) {of_all:.4f}, with 4 called 2 {renamed:.4f}")
assert (round(alone, 4), round(of_all, 4)) == (0.6, 0.5833), "the behaviour has changed"
assert alone == renamed, "the behaviour has changed"
PY
echo "as described"

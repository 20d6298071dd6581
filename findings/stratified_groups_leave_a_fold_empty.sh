#!/usr/bin/env bash
# scikit-learn 1.9.1: StratifiedGroupKFold(5) on 54 rows of five groups, both classes with more rows than folds.
# Guess: with as many groups as folds each fold holds out one group, as GroupKFold does; or an error, or a warning.
# Seen: two groups are held out together, and one fold holds out *no row*: sizes 20, 11, 3, 0, 20, without a word (warnings
#       are errors here). A fold is chosen by how even the classes become, and an empty one is not preferred. Rows of
#       that fold are missing nowhere, so that counting the rows that were held out does not find it.
# Instead: look at len(test) of every fold; use fewer folds than groups, or GroupKFold.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check scikit-learn==1.9.1
"$folder/venv/bin/python" -W error - <<'PY'
import numpy as np
import sklearn
from sklearn.model_selection import GroupKFold, StratifiedGroupKFold

rows_of = {"a": (11, 0), "b": (18, 2), "c": (0, 9), "d": (0, 3), "e": (11, 0)}  # of class 0, of class 1
labels = np.concatenate([[0] * zeros + [1] * ones for zeros, ones in rows_of.values()])
groups = np.repeat(list(rows_of), [sum(counts) for counts in rows_of.values()])


def held_out(splitter):
    tests = [test for _, test in splitter.split(labels, labels, groups)]
    assert sorted(np.concatenate(tests)) == list(range(len(labels)))
    return [(len(test), "".join(np.unique(groups[test]))) for test in tests]


stratified, plain = held_out(StratifiedGroupKFold(5)), held_out(GroupKFold(5))
print(f"scikit-learn {sklearn.__version__}: {len(labels)} rows, {len(set(groups))} groups, classes {np.bincount(labels)}")
print(f"rows and groups held out: StratifiedGroupKFold {stratified}, GroupKFold {plain}")
assert sorted(size for size, _ in stratified) == [0, 3, 11, 20, 20], "the behaviour has changed"
assert all(len(names) == 1 for _, names in plain), "the behaviour has changed"
PY
echo "as described"

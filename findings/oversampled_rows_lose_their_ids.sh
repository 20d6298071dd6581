#!/usr/bin/env bash
# imbalanced-learn 0.14.2: RandomOverSampler and RandomUnderSampler on a DataFrame whose index names the rows.
# Guess: both keep the index, so that the repeated rows can be told from their ids.
# Seen: under-sampling keeps it; over-sampling numbers the rows anew from 0, in X and y. Joining scores, groups or folds
#       by index afterwards matches other rows without an error where ids are numbers: of 20 rows here all.
# Instead: sample_indices_ gives the places of the rows: frame.index[sampler.sample_indices_].
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check numpy==2.3.5 pandas==2.3.3 scikit-learn==1.8.0 imbalanced-learn==0.14.2
"$folder/venv/bin/python" -W ignore - <<'PY'
import numpy as np
import pandas as pd
from imblearn.over_sampling import RandomOverSampler
from imblearn.under_sampling import RandomUnderSampler

ids = np.random.default_rng(0).permutation(20)
frame = pd.DataFrame({"value": ids * 10.0}, index=ids)
target = pd.Series([0] * 15 + [1] * 5, index=ids)
kept = {}
for kind in (RandomOverSampler, RandomUnderSampler):
    sampler = kind(random_state=0)
    drawn, _ = sampler.fit_resample(frame, target)
    kept[kind.__name__] = bool((drawn["value"] == drawn.index * 10.0).all())
    by_place = frame.index[sampler.sample_indices_]
    assert (drawn["value"].to_numpy() == by_place.to_numpy() * 10.0).all(), "sample_indices_ no longer helps"
    if kind is RandomOverSampler:
        wrong = int((drawn["value"][:20] != drawn.index[:20] * 10.0).sum())
        numbered = drawn.index.tolist() == list(range(30))
print(f"index kept: {kept}; over-sampled rows are numbered from 0: {numbered}, {wrong} of the first 20 under another row's id")
assert kept == {"RandomOverSampler": False, "RandomUnderSampler": True} and numbered, "the behaviour has changed"
PY
echo "as described"

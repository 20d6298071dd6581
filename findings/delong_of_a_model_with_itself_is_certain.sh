#!/usr/bin/env bash
# MLstatkit 0.1.91: Delong_test of two models that rank every row alike, such as a model and its rescaled copy.
# Guess: p = 1, or an error or NaN, as DeLong's variance of the difference is 0 and nothing differs.
# Seen: z = 0 and p = 0.0, "certain to differ": it falls back to a bootstrap that doubles the smaller of the shares of
#       differences at most 0 (all) and above 0 (none). With one row of 200 ranked otherwise it is 0.48.
# Instead: look at whether the AUCs differ before the p, or at info["method"], which says "bootstrap" then.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check numpy==2.3.5 scipy==1.16.3 scikit-learn==1.9.1 MLstatkit==0.1.91
"$folder/venv/bin/python" -W ignore - <<'PY'
import numpy as np
from MLstatkit import Delong_test

random = np.random.default_rng(0)
target = random.integers(0, 2, 200)
scores = random.random(200)
nearly = scores.copy()
nearly[0] = 1 - nearly[0]
found = {
    name: Delong_test(target, scores, other, random_state=0)
    for name, other in (("itself", scores), ("half of it", scores / 2), ("all but one row", nearly))
}
for name, (z, p, *_, info) in found.items():
    print(f"{name}: z {z:.3g}, p {p:.3g}, {info['method']}")
    certain = name != "all but one row"
    assert (p == 0.0 and z == 0.0 and info["method"] == "bootstrap") if certain else p > 0.2, "the behaviour has changed"
PY
echo "as described"

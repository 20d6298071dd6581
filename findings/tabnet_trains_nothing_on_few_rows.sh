#!/usr/bin/env bash
# pytorch-tabnet 4.1.0: TabNetClassifier().fit(X, y) as it comes, on 500 rows.
# Guess: batch_size=1024 is more than there are rows, so each epoch is one batch of 500.
# Seen: drop_last=True is the default too, so an epoch has no batch at all. The loss is 0.0 in every epoch, fit() returns
#       as after a training and no line tells of it; no parameter has moved, and 60 epochs on a label that is the sign of
#       one column are right on 49 % of the rows. With batch_size=128 98 % or more. Cross validation of a small table is hit first.
# Instead: batch_size and virtual_batch_size below the rows of a fold, and a look at how many steps were taken.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.14.1 numpy==2.3.5 pandas==3.1.1 pytorch-tabnet==4.1.0
"$folder/venv/bin/python" -W ignore - <<'PY'
import numpy as np
from pytorch_tabnet.tab_model import TabNetClassifier

X = np.random.default_rng(0).standard_normal((500, 8)).astype("float32")
y = (X[:, 0] > 0).astype(int)


def fitted(**sizes):
    model = TabNetClassifier(seed=0, verbose=0)
    model.fit(X, y, max_epochs=60, **sizes)
    return model.history["loss"], float((model.predict(X) == y).mean())


loss, right = fitted()
small_loss, small_right = fitted(batch_size=128, virtual_batch_size=64)
print(f"as it comes: losses {set(loss)}, right on {right:.2f}; batch_size=128: last loss {small_loss[-1]:.3f}, right on {small_right:.2f}")
assert set(loss) == {0.0} and right < 0.6, "the behaviour has changed"
assert small_loss[-1] > 0 and small_right > 0.95, "training in smaller batches no longer helps"
PY
echo "as described"

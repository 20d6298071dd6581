#!/usr/bin/env bash
# datasets 5.2.0: a column of 64-bit floats, read through `with_format("numpy")`.
# Guess: an array of float64 with the numbers of the file, as the column's declared type (and to_pandas) has them.
# Seen: float32: 16777217 comes out as 16777216 and 0.1 as 0.10000000149. Whole numbers stay int64, so that only columns
#       that hold a fraction or a gap are rounded: ids and amounts with one missing cell, times in seconds. No warning.
# Instead: with_format("numpy", dtype="float64"), or to_pandas().
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check datasets==5.2.0
cd "$folder"
HF_HUB_OFFLINE=1 venv/bin/python - <<'PY'
import datasets
from datasets import Dataset

data = Dataset.from_dict({"amount": [16777217.0, 0.1], "id": [16777217, 3]})
read = data.with_format("numpy")[:]
asked = data.with_format("numpy", dtype="float64")[:]["amount"]
print(f"datasets {datasets.__version__}: declared {data.features['amount'].dtype}, read {read['amount'].dtype}")
print(f"{data.to_pandas()['amount'].tolist()} -> {read['amount'].tolist()}; ids {read['id'].dtype}")
assert data.features["amount"].dtype == "float64" and read["amount"].dtype == "float32", "the behaviour has changed"
assert read["amount"][0] == 16777216 and read["id"].tolist() == [16777217, 3], "the behaviour has changed"
assert asked.tolist() == data.to_pandas()["amount"].tolist() == [16777217.0, 0.1], "the behaviour has changed"
PY
echo "as described"

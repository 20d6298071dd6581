#!/usr/bin/env bash
# datasets 5.2.0: `class_encode_column` on a column of whole numbers, 0 to 11.
# Guess: the numbers stay what they are; ClassLabel only gets their names, "0" to "11".
# Seen: they are renumbered in the order of their spelling: 2 becomes 4, 10 becomes 2, 11 becomes 3. The class names are
#       right, the stored numbers are not those of the file: a head trained with other code, a list of class names by
#       index, or a second file that was not encoded no longer fit. Up to ten classes (0 to 9) nothing is changed.
# Instead: cast_column("label", ClassLabel(names=[str(number) for number in range(12)])) keeps the numbers.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check datasets==5.2.0
cd "$folder"
HF_HUB_OFFLINE=1 HF_DATASETS_DISABLE_PROGRESS_BARS=1 venv/bin/python - <<'PY'
import datasets
from datasets import ClassLabel, Dataset


def encoded(labels):
    data = Dataset.from_dict({"label": labels}).class_encode_column("label")
    return list(data["label"]), data.features["label"].names


datasets.disable_progress_bars()
twelve, ten = list(range(12)), list(range(10))
numbers, names = encoded(twelve)
print(f"datasets {datasets.__version__}: {twelve} -> {numbers}, names {names}")
cast = Dataset.from_dict({"label": twelve}).cast_column("label", ClassLabel(names=[str(label) for label in twelve]))
assert numbers == [0, 1, 4, 5, 6, 7, 8, 9, 10, 11, 2, 3], "the behaviour has changed"
assert [int(names[number]) for number in numbers] == twelve and encoded(ten)[0] == ten, "the behaviour has changed"
assert list(cast["label"]) == twelve, "the behaviour has changed"
PY
echo "as described"

#!/usr/bin/env bash
# datasets 5.2.0: load_dataset("imagefolder") on one folder per class, of which one is called driving-test.
# Guess: one split "train" of all images, with four labels.
# Seen: one split "test" of the three images of that folder, without any label; the other nine images are gone, without
#       a word. A folder whose name has test, train, validation, dev, eval, ... between -, _, . or spaces is taken for
#       a split. The same images with that folder called exam: 12 rows, four labels.
# Instead: name the files (data_files={"train": "**"}) or look at num_rows and features before training.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check datasets==5.2.0 pillow==13.0.0
cd "$folder"
HF_HUB_OFFLINE=1 HF_HOME="$folder/home" "$folder/venv/bin/python" -W ignore - 2> /dev/null <<'PY'
from pathlib import Path

import datasets
from PIL import Image


def loaded(fourth, **options):
    root = Path(f"images-{fourth}-{len(options)}")
    for label in ("school", "road", "sign", fourth):
        for number in range(3):
            path = root / label / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (4, 4), (number, 0, 0)).save(path)
    found = datasets.load_dataset("imagefolder", data_dir=str(root), **options)
    return {split: (rows.num_rows, sorted(rows.features)) for split, rows in found.items()}


seen, other = loaded("driving-test"), loaded("exam")
named = loaded("driving-test", data_files={"train": "**"})
print(f"datasets {datasets.__version__}: driving-test {seen}, exam {other}, with data_files {named}")
assert seen == {"test": (3, ["image"])}, "the behaviour has changed"
assert other == named == {"train": (12, ["image", "label"])}, "the behaviour has changed"
PY
echo "as described"

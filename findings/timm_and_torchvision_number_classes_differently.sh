#!/usr/bin/env bash
# timm 1.0.31 and torchvision 0.29.1: the same folder of images, one sub-folder per class, called 1, 2, 10.
# Guess: both sort the names of the folders, so class 1 of one is class 1 of the other.
# Seen: torchvision has 1, 10, 2 (sorted as text), timm has 1, 2, 10 (sorted as people count). Weights trained with
#       one and scored with the other exchange classes 2 and 10: nothing fails, the accuracy is lower.
# Instead: keep the names of the classes with the weights, and map by name.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.14.1 torchvision==0.29.1 timm==1.0.31 pillow==13.0.0
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PY'
from pathlib import Path

import timm
import torchvision
from PIL import Image
from timm.data import create_dataset

for name in ("1", "2", "10"):
    Path("images", name).mkdir(parents=True)
    Image.new("RGB", (4, 4)).save(f"images/{name}/a.png")
by_torchvision = torchvision.datasets.ImageFolder("images").class_to_idx
by_timm = create_dataset("", root="images").reader.class_to_idx
print(f"torchvision {torchvision.__version__} {by_torchvision}, timm {timm.__version__} {by_timm}")
assert by_torchvision == {"1": 0, "10": 1, "2": 2}, "the behaviour has changed"
assert by_timm == {"1": 0, "2": 1, "10": 2}, "the behaviour has changed"
PY
echo "as described"

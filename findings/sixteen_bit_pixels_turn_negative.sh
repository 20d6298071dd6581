#!/usr/bin/env bash
# torchvision 0.29.1 and Pillow 13.0.0: a grayscale PNG of 16 bits (X-rays, microscopy, depth), as a transform reads it.
# Guess: to_tensor divides by 65535 as it divides eight bits by 255; or it refuses.
# Seen: to_tensor gives int16 without dividing: 40000 becomes -25536, 65535 becomes -1, so the brightest pixels are
#       the darkest. convert("L") and convert("RGB"), which most loaders call first, cut at 255: every pixel above it
#       is white. Only ToImage with ToDtype(float32, scale=True) gives 0.61 and 1.0.
# Instead: ToImage and ToDtype(scale=True) of torchvision.transforms.v2, or numpy and a division, before any convert.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.14.1 torchvision==0.29.1 numpy==2.3.5 pillow==13.0.0
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PY'
import numpy as np
import PIL
import torch
import torchvision
from PIL import Image
from torchvision.transforms import functional, v2

pixels = np.array([[0, 255, 256, 1000], [32767, 32768, 40000, 65535]], dtype="uint16")
Image.fromarray(pixels).save("gray.png")
image = Image.open("gray.png")
tensor = functional.to_tensor(image)
print(f"torchvision {torchvision.__version__}, Pillow {PIL.__version__}, mode {image.mode}")
print("to_tensor     ", tensor.dtype, tensor.flatten().tolist())
gray, rgb = (np.asarray(image.convert(mode)) for mode in ("L", "RGB"))
print("convert('L')  ", gray.flatten().tolist())
scaled = v2.Compose([v2.ToImage(), v2.ToDtype(torch.float32, scale=True)])(image).flatten()
print("ToDtype(scale)", [round(value, 4) for value in scaled.tolist()])
assert image.mode == "I;16", "the behaviour has changed"
assert (tensor.dtype, tensor.flatten().tolist()[4:]) == (torch.int16, [32767, -32768, -25536, -1]), "the behaviour has changed"
assert gray.flatten().tolist() == [0] + [255] * 7, "the behaviour has changed"
assert (rgb == gray[..., None]).all(), "the behaviour has changed"
assert np.allclose(scaled.numpy(), pixels.flatten() / 65535, atol=1e-6), "the behaviour has changed"
PY
echo "as described"

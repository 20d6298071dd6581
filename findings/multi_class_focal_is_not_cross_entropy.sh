#!/usr/bin/env bash
# kornia 0.9.0, monai 1.6.1, segmentation-models-pytorch 0.6.0: focal loss of several classes, with gamma=0.
# Guess: with gamma=0 and no alpha each is the cross entropy of torch, and alpha=0.25 takes a quarter of it.
# Seen: none is. kornia and monai average over rows *and* classes: a third of the cross entropy for three classes, so that
#       the same learning rate does another thing. segmentation-models-pytorch (and monai without use_softmax) takes a
#       sigmoid of each class, whatever "multiclass" says. kornia's alpha=0.25 weighs class 0 with 0.75: it is taken for
#       the background; all others have 0.25.
# Instead: compare a focal loss with torch's cross_entropy at gamma=0, row by row, before training with it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.14.1 torchvision==0.29.1 numpy==2.3.5 \
    kornia==0.9.0 monai==1.6.1 segmentation-models-pytorch==0.6.0
"$folder/venv/bin/python" -W ignore - <<'PY'
import kornia
import monai
import segmentation_models_pytorch as smp
import torch
from torch.nn import functional as F

logits = torch.tensor([[2.0, 0.0, -1.0], [0.0, 1.0, 0.0], [0.5, 0.2, 0.9]])
target = torch.tensor([0, 1, 2])
rows = F.cross_entropy(logits, target, reduction="none")
sigmoids = F.binary_cross_entropy_with_logits(logits, F.one_hot(target, 3).float())

in_kornia = kornia.losses.focal_loss(logits, target, alpha=None, gamma=0.0, reduction="mean")
in_monai = monai.losses.FocalLoss(to_onehot_y=True, use_softmax=True, gamma=0.0)(logits, target[:, None])
in_smp = smp.losses.FocalLoss("multiclass", gamma=0.0)(logits, target)
weighted = kornia.losses.focal_loss(logits, target, alpha=0.25, gamma=0.0, reduction="none").sum(1) / rows

print(f"kornia {kornia.__version__}, monai {monai.__version__}, segmentation-models-pytorch {smp.__version__}")
print(f"cross entropy {rows.mean():.4f}, kornia {in_kornia:.4f}, monai with softmax {in_monai:.4f}")
print(f"mean of three sigmoids {sigmoids:.4f}, segmentation-models-pytorch {in_smp:.4f}")
print(f"kornia, alpha=0.25: weights of class 0, 1, 2: {[round(weight, 4) for weight in weighted.tolist()]}")
torch.testing.assert_close(in_kornia, rows.mean() / 3)
torch.testing.assert_close(in_monai, rows.mean() / 3)
torch.testing.assert_close(in_smp, sigmoids)
torch.testing.assert_close(weighted, torch.tensor([0.75, 0.25, 0.25]))
PY
echo "as described"

#!/usr/bin/env bash
# skorch 1.4.0 and transformers 5.23.0: which epoch is called the best.
# Guess: skorch's EpochScoring("roc_auc") knows that more is better: the name is one of scikit-learn's scorers, of which
#        more is always better. HF's metric_for_best_model asks for a direction, or knows those of common names.
# Seen: EpochScoring has lower_is_better=True whatever is scored: of an area that grows from epoch to epoch the first,
#       worst one is the best, and Checkpoint(monitor="auc_best") keeps it. TrainingArguments guess: less is better
#       where the name ends in "loss", else more: "log_loss" is right, while "brier", "ece", "nll", "mae" and
#       "perplexity" make load_best_model_at_end load the worst. Nothing is said by either.
# Instead: always write lower_is_better= and greater_is_better=.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.14.1 numpy==2.3.5 skorch==1.4.0 \
	scikit-learn==1.8.0 transformers==5.23.0 accelerate==1.15.0
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'PY'
import numpy as np
import skorch
import torch
import transformers
from skorch import NeuralNetClassifier
from skorch.callbacks import EpochScoring
from torch import nn
from transformers import TrainingArguments

torch.manual_seed(0)
rows = np.random.default_rng(0).normal(size=(200, 5)).astype(np.float32)
scored = EpochScoring("roc_auc", name="auc")
model = nn.Sequential(nn.Linear(5, 2), nn.Softmax(1))
labels = (rows[:, 0] > 0).astype(np.int64)
net = NeuralNetClassifier(model, max_epochs=6, lr=0.3, verbose=0, callbacks=[scored]).fit(rows, labels)
area, best = net.history[:, "auc"], net.history[:, "auc_best"]
print(f"skorch {skorch.__version__}:", [f"{value:.3f}{' best' * is_best}" for value, is_best in zip(area, best)])
assert area[-1] > area[0], "the example no longer learns"
assert best == [True] + [False] * 5, "the behaviour of skorch has changed"

settings = dict(load_best_model_at_end=True, eval_strategy="epoch", save_strategy="epoch", report_to=[], use_cpu=True)
names = ("log_loss", "brier", "ece", "nll", "mae", "perplexity")
greater = {
    name: TrainingArguments("out", metric_for_best_model=name, **settings).greater_is_better for name in names
}
print(f"transformers {transformers.__version__}: greater_is_better", greater)
assert greater == {name: name != "log_loss" for name in names}, "the behaviour of transformers has changed"
PY
echo "as described"

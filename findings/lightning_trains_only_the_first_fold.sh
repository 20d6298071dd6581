#!/usr/bin/env bash
# pytorch-lightning 2.6.6: one Trainer(max_epochs=2) whose fit() is called for the model of each fold.
# Guess: each call trains its model for two epochs, or refuses because the Trainer was used before.
# Seen: the first model gets all its steps, every later one none. The Trainer keeps its count of epochs (with max_steps its
#       count of steps), finds it reached, and ends with status "finished" and exit code 0; a log line at level INFO, the
#       same as after a real training, is all that is said. The scores of folds 1, 2, ... are those of fresh weights.
# Instead: a new Trainer for each fold, and a look at how many steps each fold took.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.3.5 pytorch-lightning==2.6.6
cd "$folder"
venv/bin/python -W ignore - <<'PY'
import pytorch_lightning as lightning
import torch
from torch.utils.data import DataLoader, TensorDataset

QUIET = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "enable_model_summary": False}


class Model(lightning.LightningModule):
    def __init__(self):
        super().__init__()
        self.layer, self.steps = torch.nn.Linear(3, 2), 0

    def training_step(self, batch, index):
        self.steps += 1
        return torch.nn.functional.cross_entropy(self.layer(batch[0]), batch[1])

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.1)


def steps_of_three_folds(**limits):
    trainer = lightning.Trainer(accelerator="cpu", **QUIET, **limits)
    rows = DataLoader(TensorDataset(torch.zeros(32, 3), torch.zeros(32, dtype=torch.long)), batch_size=8)
    models = [Model() for _ in range(3)]
    for model in models:
        trainer.fit(model, rows)
        assert trainer.state.status == "finished"
    return [model.steps for model in models]


print(f"pytorch-lightning {lightning.__version__}")
epochs, steps = steps_of_three_folds(max_epochs=2), steps_of_three_folds(max_steps=5)
print(f"steps of folds 0, 1, 2 with one Trainer: max_epochs=2: {epochs}, max_steps=5: {steps}")
assert (epochs, steps) == ([8, 0, 0], [5, 0, 0]), "the behaviour has changed"
PY
echo "as described"

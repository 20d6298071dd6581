"""Lightning's Trainer in a loop over the folds, loggers and checkpoints off."""

import logging
import sys
import warnings
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.speed.workloads import LR, SEED, WORKLOADS, folds, load, prepare, say


def main(name: str, folder: Path) -> None:
    import lightning

    warnings.simplefilter("ignore")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)

    class Classifier(lightning.LightningModule):
        def __init__(self, model, names):
            super().__init__()
            self.model, self.names = model, names

        def training_step(self, batch, _):
            *inputs, y = batch
            return F.cross_entropy(self.model(**dict(zip(self.names, inputs, strict=True))), y)

        def predict_step(self, batch, _):
            return self.model(**dict(zip(self.names, batch, strict=True))).argmax(1)

        def configure_optimizers(self):
            return torch.optim.AdamW(self.parameters(), lr=LR)

    work = WORKLOADS[name]
    raw, target = load(name, folder)
    accuracies = []
    for train, held in folds(target):
        torch.manual_seed(SEED)
        prepared = prepare(name, raw, train, folder)
        tensors = list(prepared.inputs.values())
        rows = TensorDataset(*(tensor[train] for tensor in tensors), torch.from_numpy(target)[train])
        module = Classifier(prepared.model(), list(prepared.inputs))
        trainer = lightning.Trainer(
            max_epochs=work.epochs,
            accelerator="cpu",
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        trainer.fit(module, DataLoader(rows, batch_size=work.batch_size, shuffle=True))
        held_rows = DataLoader(TensorDataset(*(tensor[held] for tensor in tensors)), batch_size=work.batch_size)
        predicted = torch.cat(trainer.predict(module, held_rows)).numpy()
        accuracies.append(float((predicted == target[held]).mean()))
    say(float(np.mean(accuracies)))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))

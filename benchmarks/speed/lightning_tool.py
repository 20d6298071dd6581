"""Lightning's Trainer in a loop over the folds, loggers and checkpoints off."""

import logging
import warnings

import lightning
import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.speed.workloads import LR, Fold, cross_validate


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


def train_and_predict(fold: Fold) -> NDArray[np.int64]:
    size = fold.work.batch_size
    module = Classifier(fold.prepared.model(), list(fold.prepared.inputs))
    trainer = lightning.Trainer(
        max_epochs=fold.work.epochs,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    rows = TensorDataset(*fold.inputs(fold.train).values(), fold.labels[fold.train])
    trainer.fit(module, DataLoader(rows, batch_size=size, shuffle=True))
    held = DataLoader(TensorDataset(*fold.inputs(fold.held).values()), batch_size=size)
    return torch.cat(trainer.predict(module, held)).numpy()


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    cross_validate(train_and_predict)

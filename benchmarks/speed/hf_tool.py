"""transformers' Trainer in a loop over the folds."""

import tempfile
import warnings

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional as F
from transformers import Trainer, TrainingArguments
from transformers.utils import logging

from benchmarks.speed.workloads import LR, SEED, Fold, cross_validate


class WithLoss(nn.Module):
    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, labels=None, num_items_in_batch=None, **inputs):
        logits = self.model(**inputs)
        return {"logits": logits} if labels is None else {"loss": F.cross_entropy(logits, labels), "logits": logits}


class Rows(torch.utils.data.Dataset):
    def __init__(self, inputs, labels):
        self.inputs, self.labels = inputs, labels

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, row):
        return {**{name: tensor[row] for name, tensor in self.inputs.items()}, "labels": self.labels[row]}


def collate(rows):
    batch = {name: torch.stack([row[name] for row in rows]) for name in rows[0]}
    if "attention_mask" in batch:  # as its padding collator does: to the longest row of the batch
        longest = int(batch["attention_mask"].sum(dim=1).max())
        batch = {name: value if name == "labels" else value[:, :longest] for name, value in batch.items()}
    return batch


def train_and_predict(fold: Fold) -> NDArray[np.int64]:
    with tempfile.TemporaryDirectory() as output:
        arguments = TrainingArguments(
            output_dir=output,
            num_train_epochs=fold.work.epochs,
            per_device_train_batch_size=fold.work.batch_size,
            per_device_eval_batch_size=4 * fold.work.batch_size,
            learning_rate=LR,
            weight_decay=0.01,
            lr_scheduler_type="constant",
            max_grad_norm=0.0,
            save_strategy="no",
            logging_strategy="no",
            report_to=[],
            disable_tqdm=True,
            use_cpu=True,
            seed=SEED,
            remove_unused_columns=False,
            dataloader_pin_memory=False,
        )
        rows, scored = (Rows(fold.inputs(part), fold.labels[part]) for part in (fold.train, fold.held))
        trainer = Trainer(WithLoss(fold.prepared.model()), arguments, data_collator=collate, train_dataset=rows)
        trainer.train()
        logits = trainer.predict(scored).predictions
    return np.asarray(logits).argmax(1)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    logging.set_verbosity_error()
    cross_validate(train_and_predict)

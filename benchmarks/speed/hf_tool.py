"""transformers' Trainer in a loop over the folds; rows are grouped by length where they have one."""

import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from benchmarks.speed.workloads import LR, SEED, WORKLOADS, folds, load, prepare, say


class WithLoss(nn.Module):
    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, labels=None, **inputs):
        logits = self.model(**inputs)
        return {"logits": logits} if labels is None else {"loss": F.cross_entropy(logits, labels), "logits": logits}


class Rows(torch.utils.data.Dataset):
    def __init__(self, inputs, labels, lengths_N):
        self.inputs, self.labels, self.lengths_N = inputs, labels, lengths_N

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


def main(name: str, folder: Path) -> None:
    from transformers import Trainer, TrainingArguments
    from transformers.utils import logging

    warnings.simplefilter("ignore")
    logging.set_verbosity_error()
    work = WORKLOADS[name]
    raw, target = load(name, folder)
    accuracies = []
    for train, held in folds(target):
        prepared = prepare(name, raw, train, folder)
        torch.manual_seed(SEED)
        labels = torch.from_numpy(target)
        with tempfile.TemporaryDirectory() as output:
            arguments = TrainingArguments(
                output_dir=output,
                num_train_epochs=work.epochs,
                per_device_train_batch_size=work.batch_size,
                per_device_eval_batch_size=4 * work.batch_size,
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
            rows, scored = (
                Rows({key: value[part] for key, value in prepared.inputs.items()}, labels[part], prepared.lengths_N)
                for part in (train, held)
            )
            trainer = Trainer(WithLoss(prepared.model()), arguments, data_collator=collate, train_dataset=rows)
            trainer.train()
            logits = trainer.predict(scored).predictions
        accuracies.append(float((np.asarray(logits).argmax(1) == target[held]).mean()))
    say(float(np.mean(accuracies)))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))

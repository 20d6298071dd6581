"""Labels that are replaced at random while training (DisturbLabel).

Xie et al. 2016, "DisturbLabel: Regularizing CNN on the Loss Layer", algorithm 1: in each step each row's label is drawn
anew from all classes by chance ``rate``, so that it is a wrong one by chance ``rate * (C - 1) / C``. Held-out rows keep
theirs.
"""

from dataclasses import replace

import torch

from trainer.config.checked import checked_number
from trainer.data.loading.batches import Batch
from trainer.errors import ConfigError
from trainer.tricks.contract import Setting


class LabelNoise:
    """Draws some labels of each batch anew.

    Args:
        rate: chance that a row's label is drawn anew, below 1.
    """

    def __init__(self, *, rate: float = 0.1) -> None:
        self.rate = checked_number("tricks.label_noise.rate", rate, low=0, below=1)
        self.n_classes = 2

    def attach(self, setting: Setting) -> None:
        """Refuse rows that are not of one class each.

        Raises:
            ConfigError: numbers, or several labels a row.
        """
        if not setting.task.one_class_each:
            raise ConfigError(
                f"tricks=label_noise draws a row's class anew, and this is a {setting.task} task\nleave label_noise out"
            )
        self.n_classes = setting.n_classes

    def changed(self, batch: Batch) -> Batch:
        """Return the batch with some labels drawn anew.

        Raises:
            ConfigError: the rows have votes in place of a class.
        """
        if batch.votes_BC is not None:
            raise ConfigError("tricks=label_noise draws a row's class anew, and data.votes gives votes: leave one out")
        drawn = torch.rand(batch.target.shape, device=batch.target.device) < self.rate
        labels = torch.randint_like(batch.target, self.n_classes)
        return replace(batch, target=torch.where(drawn, labels, batch.target))

"""What a loss is, what the framework hands it, and which task it may be paired with."""

from typing import ClassVar, Literal, Protocol

from torch import Tensor

from trainer.tasks import Task
from trainer.wording.translations import _

Expects = Literal["logits", "log_probs"]


class Loss(Protocol):
    """An ``nn.Module`` with these members; there is no base class to inherit from.

    The constructor takes keyword-only arguments: its options from the YAML file, and by name whichever of
    these its signature has, counted in the fold's training rows:

    - ``task``: what there is to predict, an object that answers (``trainer.tasks``);
    - ``n_classes``: C, multi-label: the number of labels L;
    - ``class_counts``: rows per class (C,), multi-label: positives per label (L,);
    - ``n_rows``: rows in all.

    Attributes:
        tasks: names of the tasks the loss makes sense for.
        instead: for the other tasks, the loss to use instead.
        expects: what it wants from the model.
        n_outputs: columns the model must return.

    It may also have ``counts_rows``, true where ``normaliser`` is always ones: it is then not asked in every step.
    """

    tasks: ClassVar[tuple[str, ...]]
    instead: ClassVar[dict[str, str]]
    expects: Expects
    n_outputs: int

    def __call__(self, logits: Tensor, target: Tensor) -> Tensor:
        """Loss per sample.

        Args:
            logits: (B, n_outputs), any floating type.
            target: (B,) class index, multi-label (B, L) of 0/1.

        Returns:
            (B,) in float32, or float64 where the logits are.
        """
        ...

    def normaliser(self, target: Tensor) -> Tensor:
        """Weights (B,) whose sum divides the sum of the losses: the mean over any batches."""
        ...

    def to_proba(self, logits: Tensor) -> Tensor:
        """Probabilities (B, C), binary (B, 2), multi-label (B, L)."""
        ...


def refuse_pairing(loss_class: type, task: Task) -> str | None:
    """Return what is wrong with using the loss for the task and what to use instead, or None.

    A class without ``tasks`` (a user's own) is taken at its word.
    """
    tasks: tuple[str, ...] | None = getattr(loss_class, "tasks", None)
    if tasks is None or task.name in tasks:
        return None
    name = loss_class.__module__.rpartition(".")[2]
    instead = getattr(loss_class, "instead", {}).get(task.name)
    if instead:
        said = _("loss={loss} does not fit a {task} task: use loss={instead}")
        return said.format(loss=name, task=task, instead=instead)
    said = _("loss={loss} does not fit a {task} task: it is for {tasks}")
    return said.format(loss=name, task=task, tasks=", ".join(tasks))

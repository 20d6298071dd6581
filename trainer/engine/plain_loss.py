"""Plain cross-entropy and its gradient without autograd, whose calls take longer than they do on a few rows."""

import torch
from torch import Tensor
from torch.nn import functional as F

from trainer.data.loading.batches import Batch


def is_plain(loss: object, batch: Batch) -> bool:
    """Return whether a loss is cross-entropy without any weights, the same whatever fold it is of.

    Of batches of a kind it is so for all or none.
    """
    return (
        bool(getattr(loss, "is_plain_cross_entropy", False))  # asked, not imported: a run is not of this loss's code
        and batch.unweighted
        and batch.share == 1.0
        and batch.votes_BC is None
        and not batch.target.is_floating_point()
    )


def plain_loss(logits_BC: Tensor, target_B: Tensor, scale: float) -> tuple[Tensor, Tensor]:
    """Return the cross-entropy of the rows (B,), and the gradient (B, C) of ``scale`` times their sum.

    The kernels are those of ``F.cross_entropy`` and its backward pass.
    """
    log_probs_BC = logits_BC.log_softmax(dim=1)
    loss_B = F.nll_loss(log_probs_BC, target_B, reduction="none")
    towards_BC = torch.zeros_like(log_probs_BC).scatter_(1, target_B.unsqueeze(1), -scale)
    gradient_BC = torch._log_softmax_backward_data(towards_BC, log_probs_BC, 1, log_probs_BC.dtype)
    return loss_B, gradient_BC

"""Attention of transformers while training with dropout on a CPU.

torch's own kernel takes no dropout there: it goes through general steps, which copy queries, keys and values and draw
64 bits for each weight. The same written out, with masks of our own, takes about 0.6 of the time in bfloat16 and 0.85
in float32. Everything else is transformers' ``sdpa``.
"""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from trainer.models.dropout import Dropout

NAME = "foldwise"  # in transformers' list of attentions
BESIDES = ("position_bias", "softcap", "cache")  # what a few architectures add: left to transformers


def use_own_attention(module: Any) -> None:
    """Let a body of transformers compute its attention here; one that has its own way keeps it."""
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.masking_utils import sdpa_mask

    AttentionInterface.register(NAME, attention)
    AttentionMaskInterface.register(NAME, sdpa_mask)
    module.set_attn_implementation(NAME)


def attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    is_causal: bool | None = None,
    **more: Any,
) -> tuple[Tensor, None]:
    """Return what each token takes in (B, T, H, D), as transformers' attentions do.

    Args:
        module: the layer.
        query: (B, H, T, D), as are key and value.
        key: of each token.
        value: of each token.
        attention_mask: true where a token sees another (B, 1, T, T), or None: all see all, or those before them.
        dropout: probability, 0 in evaluation.
        scaling: of the products; None = by the width D.
        is_causal: whether a token sees only those before it where there is no mask; None = as the layer says.
        more: what some architectures add.
    """
    from transformers.integrations.sdpa_attention import sdpa_attention_forward

    causal = getattr(module, "is_causal", True) if is_causal is None else is_causal
    seen = not causal if attention_mask is None else attention_mask.dtype is torch.bool
    plain = seen and query.shape == key.shape and all(more.get(name) is None for name in BESIDES)
    if not dropout or not plain or query.device.type != "cpu" or torch.compiler.is_compiling():
        given = {"dropout": dropout, "scaling": scaling, "is_causal": is_causal, **more}
        return sdpa_attention_forward(module, query, key, value, attention_mask, **given)
    scale = 1 / math.sqrt(query.shape[-1]) if scaling is None else scaling
    scores_BHTT = torch.matmul(query * scale, key.transpose(2, 3))  # scaled before: float16 ends at 65,504
    if attention_mask is not None:
        scores_BHTT = scores_BHTT.masked_fill(~attention_mask, torch.finfo(scores_BHTT.dtype).min)
    weights_BHTT = Dropout(dropout)(F.softmax(scores_BHTT, dim=-1, dtype=torch.float32).to(query.dtype))
    return torch.matmul(weights_BHTT, value).transpose(1, 2).contiguous(), None

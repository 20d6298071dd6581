"""The folds of a model as one network, from raw inputs to what each fold says; on torch alone.

What a fold was fitted with comes as plain values, as model.json has it.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from trainer.data.images.views import VIEWS

Proba = Callable[[Tensor], Tensor]
PROBA: dict[str, Proba] = {  # from logits (B, n_outputs)
    "softmax": lambda logits: logits.softmax(dim=1),
    "sigmoid": lambda logits: logits.sigmoid(),
    "sigmoid of two": lambda logits: torch.cat([-logits, logits], dim=1).sigmoid(),
    "numbers": lambda logits: logits,
}


class TableInputs(nn.Module):
    """Columns as read to the inputs of a fold's model.

    Args:
        fitted: ``medians``, ``means``, ``scales``, places that are ``flagged`` where missing, and by column of
            categories the fold's ``codes`` of those that the file model.json lists.
    """

    def __init__(self, fitted: Mapping[str, Any]) -> None:
        super().__init__()
        self.flagged = list(fitted["flagged"])
        for name in ("medians", "means", "scales"):
            self.register_buffer(name, torch.tensor(fitted[name], dtype=torch.float64), persistent=False)
        for place, codes in enumerate(fitted["codes"]):
            self.register_buffer(f"codes_{place}", torch.tensor(codes, dtype=torch.int64), persistent=False)

    def forward(self, numeric: Tensor | None = None, categorical: Tensor | None = None) -> dict[str, Tensor]:
        """Return ``numeric`` (B, F + flags) float32 and, where there are any, ``categorical`` codes (B, K)."""
        inputs: dict[str, Tensor] = {}
        if numeric is not None:
            missing_BF = numeric.isnan()
            filled_BF = torch.where(missing_BF, self.get_buffer("medians"), numeric)
            scaled_BF = ((filled_BF - self.get_buffer("means")) / self.get_buffer("scales")).float()
            inputs["numeric"] = torch.cat([scaled_BF, missing_BF[:, self.flagged].float()], dim=1)
        if categorical is not None:
            coded = [self.get_buffer(f"codes_{k}")[categorical[:, k]] for k in range(categorical.shape[1])]
            inputs["categorical"] = torch.stack(coded, dim=1)
            inputs.setdefault("numeric", categorical.new_zeros((categorical.shape[0], 0), dtype=torch.float32))
        return inputs


class WordInputs(nn.Module):
    """Words by the numbers of tokenizer.json to those of a fold's own vocabulary.

    Args:
        fitted: the fold's ``codes`` of all words: 0 of padding, 1 of what it does not know.
    """

    def __init__(self, fitted: Mapping[str, Any]) -> None:
        super().__init__()
        self.register_buffer("codes", torch.tensor(fitted["codes"], dtype=torch.int64), persistent=False)

    def forward(self, tokens: Tensor) -> dict[str, Tensor]:
        """Return ``tokens`` (B, T)."""
        return {"tokens": self.get_buffer("codes")[tokens]}


class TokenInputs(nn.Module):
    """Tokens of a pretrained tokenizer, which all folds share.

    Args:
        fitted: nothing of it is needed.
    """

    def __init__(self, fitted: Mapping[str, Any]) -> None:
        super().__init__()

    def forward(self, **raw: Tensor) -> dict[str, Tensor]:
        """Return what was given."""
        return raw


class ImageInputs(nn.Module):
    """Pixels of 8 bits to normalised ones.

    Args:
        fitted: ``mean`` and ``std`` per channel, of pixels in 0..1.
    """

    def __init__(self, fitted: Mapping[str, Any]) -> None:
        super().__init__()
        mean_C, std_C = (torch.tensor(fitted[name], dtype=torch.float64) for name in ("mean", "std"))
        for name, values_C in (("scale", 1 / (255 * std_C)), ("shift", -mean_C / std_C)):
            self.register_buffer(name, values_C.float()[:, None, None], persistent=False)

    def forward(self, pixels: Tensor) -> dict[str, Tensor]:
        """Return ``images`` (B, C, H, W)."""
        return {"images": pixels.float() * self.get_buffer("scale") + self.get_buffer("shift")}


INPUTS: dict[str, Callable[[Mapping[str, Any]], nn.Module]] = {
    "table": TableInputs,
    "words": WordInputs,
    "tokens": TokenInputs,
    "images": ImageInputs,
}


class Fold(nn.Module):
    """One fold: inputs, model, probabilities.

    Args:
        inputs: makes the model's inputs.
        model: in float32, whatever it was trained in.
        to_proba: from its logits.
        scale: ``mean`` and ``sd`` of a target that was standardised, or None.
        views: of images: the logits of the image and of each of these are averaged.
    """

    def __init__(
        self,
        inputs: nn.Module,
        model: nn.Module,
        *,
        to_proba: Proba,
        scale: Mapping[str, float] | None,
        views: Sequence[str] = (),
    ) -> None:
        super().__init__()
        self.inputs, self.model, self.to_proba, self.scale = inputs, model, to_proba, scale
        self.views = tuple(views)

    def forward(self, **raw: Tensor) -> Tensor:
        """Return (B, C) float32 probabilities, or numbers (B, 1) float64."""
        inputs = self.inputs(**raw)
        if not self.views:
            return self._as_said(self.model(**inputs))
        images = inputs["images"]
        turned = [images, *(VIEWS[view](images).contiguous() for view in self.views)]
        return self._as_said(torch.stack([self.model(images=one) for one in turned]).mean(dim=0))

    def of_features(self, features_BD: Tensor) -> Tensor:
        """Return the same of what the backbone makes of the inputs."""
        return self._as_said(self.model(features=features_BD))

    def _as_said(self, logits: Tensor) -> Tensor:
        proba = self.to_proba(logits)
        return proba if self.scale is None else proba.double() * self.scale["sd"] + self.scale["mean"]


class Ensemble(nn.Module):
    """All folds.

    Args:
        folds: K of them.
        one_backbone: whether all have the same weights below their heads, which are then run once.
    """

    def __init__(self, folds: Sequence[nn.Module], *, one_backbone: bool = False) -> None:
        super().__init__()
        self.folds, self.one_backbone = nn.ModuleList(folds), one_backbone

    def forward(self, **raw: Tensor) -> tuple[Tensor, Tensor]:
        """Return the mean (B, C), and what each fold says (K, B, C)."""
        if self.one_backbone:
            first: Any = self.folds[0]
            features_BD = first.model.encode(**first.inputs(**raw))
            proba_KBC = torch.stack([fold.of_features(features_BD) for fold in self.folds])  # type: ignore[operator]
        else:
            proba_KBC = torch.stack([fold(**raw) for fold in self.folds])
        return proba_KBC.mean(dim=0), proba_KBC

"""One fold, ready to be trained."""

from dataclasses import dataclass
from typing import Any

from trainer.data.loading.batches import TrainingSet
from trainer.engine.settings import FoldRows


@dataclass(frozen=True)
class Fold:
    """A fold that is ready to be trained.

    Attributes:
        rows: of the fold.
        fitted: the preprocessing, fitted on the training rows.
        data: all rows, preprocessed, on the training device.
        notes: what a person should know, printed at start.
        reads_ahead: whether rows are read from files as they are needed, which loader processes can do.
    """

    rows: FoldRows
    fitted: Any
    data: TrainingSet
    notes: tuple[str, ...] = ()
    reads_ahead: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return what was fitted on the training rows as plain values: the preprocessing, and the scale of numbers."""
        scale = self.data.scale
        return {**self.fitted.to_json(), **({} if scale is None else {"target": scale.to_json()})}

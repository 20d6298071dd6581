"""The ``budget`` section: how long a start of a run may take."""

from dataclasses import dataclass
from typing import Annotated

from trainer.config.bounds import between

YEAR_HOURS = 8760


@dataclass
class BudgetConfig:
    """How long one start of a run may take."""

    hours: Annotated[
        float | None,
        between(0, YEAR_HOURS, "(]"),
        "of this start: folds that cannot finish are not begun, what is there is merged, exit code 75; null = no limit",
    ] = None

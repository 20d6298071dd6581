"""What makes a command line of the tests quick: it is composed once, and its figures are made but not rendered.

Hydra's main composes a command line twice; here once, unless it sets an option of Hydra.
"""

import os
from collections.abc import Sequence
from typing import Any

from hydra._internal.hydra import Hydra

from tests.places import ONE_WHITE_PIXEL

ask = Hydra.get_mode


def mode(hydra: Hydra, config_name: str | None, overrides: Sequence[str]) -> Any:
    """Stand for ``Hydra.get_mode``: it composes for ``hydra.mode`` alone, which is None where nobody sets it."""
    return ask(hydra, config_name, overrides) if any("hydra" in item for item in overrides) else None


def quicken() -> None:
    """Make every command line of this process quick; its figures are rendered with ``FOLDWISE_TEST_FIGURES`` set."""
    from trainer.report import plots

    Hydra.get_mode = mode
    if not os.environ.get("FOLDWISE_TEST_FIGURES"):
        plots.png_bytes = lambda figure: ONE_WHITE_PIXEL

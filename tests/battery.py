"""Which cases of a test the ordinary command runs, and which the battery alone."""

from collections.abc import Container, Iterable
from typing import Any

import pytest


def some_of(cases: Iterable[Any], short_form: Container[Any]) -> list[Any]:
    """Return the cases for ``parametrize``: those of the short form as they are, the others for ``make battery``."""
    return [case if case in short_form else _for_the_battery(case) for case in cases]


def _for_the_battery(case: Any) -> Any:
    return pytest.param(*(case if isinstance(case, tuple) else (case,)), marks=pytest.mark.battery)

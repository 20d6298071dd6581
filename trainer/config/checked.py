"""Options of parts that are checked where the part is made: its YAML file only gives their defaults."""

import math
from typing import Any

from trainer.errors import ConfigError


def checked_number(option: str, value: Any, *, low: float, below: float = math.inf) -> float:
    """Return ``value`` as a float when it is a number with ``low <= value < below``.

    Raises:
        ConfigError: naming the option and its range.
    """
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if is_number and low <= value < below:
        return float(value)
    wanted = f"at least {low:g}" if below == math.inf else f"at least {low:g} and below {below:g}"
    raise ConfigError(f"{option}={value} is not a number {wanted}")

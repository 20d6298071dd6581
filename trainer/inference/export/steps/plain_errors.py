"""What modules that predict.py shares with the framework raise, where the framework is not there."""


class ConfigError(ValueError):
    """A setting that cannot be."""


class DataError(ValueError):
    """Rows that cannot be read."""


def shown(text: str, limit: int = 80) -> str:
    """Shorten foreign text for one line of a message."""
    flat = "".join(char if char.isprintable() else "?" for char in " ".join(text.split()))
    return flat if len(flat) <= limit else flat[: limit - 3] + "..."

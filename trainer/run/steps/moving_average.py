"""What a moving average of the weights can be worth in a fold's few steps, said at the start and in the report."""

MOST_OF_FIRST = 0.05  # of the average: what the first weights may still be of it
ENOUGH = 0.01


def average_notes(decay: float | None, n_steps: int) -> list[str]:
    """Return one line where a fold is too short for its moving average, which then is mostly the weights it began with.

    Args:
        decay: ``fit.ema_decay``, or None.
        n_steps: optimizer steps of a fold.

    Example:
        >>> average_notes(0.999, 10_000), average_notes(None, 475)
        ([], [])
        >>> average_notes(0.999, 475)[0][:65]
        'fit.ema_decay=0.999: after the 475 steps of a fold the weights of'
    """
    if decay is None or n_steps < 2:
        return []
    first = decay ** (n_steps - 1)
    if first <= MOST_OF_FIRST:
        return []
    fitting = ENOUGH ** (1 / (n_steps - 1))
    return [
        f"fit.ema_decay={decay:g}: after the {n_steps} steps of a fold the weights of the first step are still "
        f"{first:.0%} of the average that is scored: fit.ema_decay={fitting:.2g} leaves {ENOUGH:.0%} of them"
    ]

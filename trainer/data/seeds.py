"""Seeds made of seeds."""

import numpy as np


def seed_of(*numbers: int) -> int:
    """Return one seed made of several numbers, such as seed, repeat and fold."""
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])

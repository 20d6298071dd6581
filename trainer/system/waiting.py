"""How threads wait for each other between two operations: asleep, so that whoever has work gets the core.

Awake, as libgomp and OpenBLAS have them wait when nothing is said, a step with two threads takes many times as long
where other work keeps the cores busy, and NumPy twice the processor time (docs/why/speed.md). What is computed is the
same.
"""

import os

SAID_BY = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")  # of any OpenMP, libgomp, and Intel's and LLVM's
OPENBLAS = "OPENBLAS_THREAD_TIMEOUT"  # a power of two: so many cycles they stay awake; when nothing is said, 2^26
SHORTEST = "4"


def wait_asleep() -> None:
    """Have threads wait asleep, unless the environment says how: in this process and in those that it starts.

    Each OpenMP (torch's and scikit-learn's are two) and OpenBLAS (NumPy's and SciPy's) reads the environment when it is
    loaded: this comes before. In a process where one is loaded already it goes on as it began.
    """
    os.environ.setdefault(OPENBLAS, SHORTEST)
    if not any(name in os.environ for name in SAID_BY):
        os.environ["OMP_WAIT_POLICY"] = "passive"


def waits_awake() -> bool:
    """Return whether the environment keeps threads awake while they wait."""
    return os.environ.get("OMP_WAIT_POLICY", "").strip().lower() != "passive"

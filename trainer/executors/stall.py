"""Whether a process that trains a fold still does anything: it reports, or it computes, itself or through its own.

A process waits for ever, and uses no processor meanwhile, where it waits for a thread that a fork has not taken along,
or for a lock that such a thread held.
"""

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

STALL_SECONDS = 300.0
ACTIVE_SHARE = 0.01  # of one processor: less is no computing but the lock's heartbeat
LOOK_SECONDS = 0.2  # between two looks at a process
LONGEST_LOOK_SECONDS = 1.0  # a longer gap between two looks means that this process itself was stopped (Ctrl-Z)
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Activity:
    """What is known of one process.

    Attributes:
        pid: of it.
        idle_seconds: since it reported or computed.
    """

    pid: int
    idle_seconds: float = 0.0
    _looked_at: float = 0.0
    _computed_seconds: float | None = None  # when it was looked at first since it last reported

    def reported(self) -> None:
        """Note that it has said something: there is no need to look at it for a moment."""
        self.idle_seconds, self._looked_at, self._computed_seconds = 0.0, monotonic(), None

    def is_stalled(self, limit_seconds: float) -> bool:
        """Look at it; return whether it has done nothing for too long."""
        now = monotonic()
        if now - self._looked_at < LOOK_SECONDS:
            return False
        computed = computed_seconds(self.pid)
        self.idle_seconds += min(now - self._looked_at, LONGEST_LOOK_SECONDS)
        self._looked_at = now
        if self._computed_seconds is None or computed - self._computed_seconds >= ACTIVE_SHARE * limit_seconds:
            self.idle_seconds, self._computed_seconds = 0.0, computed
        return self.idle_seconds > limit_seconds


def computed_seconds(pid: int) -> float:
    """Return the processor time of a process, its children and theirs, ended ones included; 0.0 where it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    own = sum(map(int, fields[11:15])) / TICKS  # fields 14 to 17 of proc(5)
    children: list[str] = []
    with suppress(OSError):  # a kernel without these lists
        children = [child for task in Path(f"/proc/{pid}/task").iterdir() for child in _children(task)]
    return own + sum(computed_seconds(int(child)) for child in children)


def _children(task: Path) -> list[str]:
    return (task / "children").read_text().split()

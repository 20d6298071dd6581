"""What this process may use of the machine: a container or a job often gets less than there is."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

PROC = Path("/proc")
CGROUPS = Path("/sys/fs/cgroup")
MEMORY_FILES = (  # of a control group, versions 2 and 1: its limit, what it uses, and in its statistics what is cache
    ("", "memory.max", "memory.current", "inactive_file"),
    ("memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
)
KILL_FILES = (("", "memory.events"), ("memory", "memory.oom_control"))  # likewise: processes killed for memory
NO_LIMIT = 1 << 60  # version 1 writes a number of this size where there is none


def usable_cores() -> int:
    """Return the processor cores this process may use, by its affinity and its container's quota."""
    from joblib import cpu_count

    return int(cpu_count())


def available_bytes() -> int:
    """Return how much memory this process can still take: what the machine has free, or less where there is a limit.

    Cached files count as free, as they do in the kernel's MemAvailable: they give way to whoever needs the memory.
    """
    try:
        free = 1024 * _field(PROC / "meminfo", "MemAvailable:")
    except (OSError, StopIteration):  # not Linux
        free = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return max(0, min([free, *_left_in_groups()]))


def own_bytes() -> int:
    """Return the memory of this process that no other shares, or 0 where that cannot be known."""
    try:
        return 1024 * _field(PROC / "self" / "status", "RssAnon:")
    except (OSError, StopIteration):
        return 0


def killed_for_memory() -> int:
    """Return how many processes of this one's control group the kernel has killed for memory so far, or 0.

    Where the group keeps no count, it is that of the whole machine.
    """
    for mount, file in KILL_FILES:
        for group in _groups(mount):
            with suppress(OSError, ValueError, StopIteration):
                return _field(group / file, "oom_kill")
    with suppress(OSError, ValueError, StopIteration):
        return _field(PROC / "vmstat", "oom_kill")
    return 0


def memory_limit_bytes() -> int | None:
    """Return what the control groups of this process may take, or None where they have no limit."""
    found = []
    for mount, limit, *_ in MEMORY_FILES:
        for group in _groups(mount):
            with suppress(OSError, ValueError):  # no such file, or "max"
                found.append(int((group / limit).read_text()))
    return min((limit for limit in found if limit < NO_LIMIT), default=None)


def _left_in_groups() -> Iterator[int]:
    """Yield what is left in each control group that this process is in and that has a limit."""
    for mount, limit, used, cache in MEMORY_FILES:
        for group in _groups(mount):
            try:
                left = int((group / limit).read_text()) - int((group / used).read_text())
                yield left + _field(group / "memory.stat", cache)
            except (OSError, ValueError, StopIteration):  # no such file, or "max"
                continue


def _groups(mount: str) -> list[Path]:
    """Return this process's own control group and all around it; a container sees its own at the mount itself."""
    try:
        lines = (PROC / "self" / "cgroup").read_text().splitlines()
    except OSError:
        return []
    paths = [path for _, controllers, path in (line.split(":", 2) for line in lines) if mount in controllers.split(",")]
    own = [CGROUPS / mount / path.lstrip("/") for path in paths]
    root = CGROUPS / mount
    return [group for group in (own[0], *own[0].parents) if group.is_relative_to(root)] if own else [root]


def _field(path: Path, name: str) -> int:
    """Return the number after ``name`` in a file with one name and number per line."""
    fields = (line.split() for line in path.read_text().splitlines())
    return next(int(found[1]) for found in fields if found[0] == name)

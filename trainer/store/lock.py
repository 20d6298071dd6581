"""One writer per fold: a lock file that says who holds it, kept alive by a heartbeat.

Whoever takes a lock over writes its own and then sweeps away what is half written; whoever writes a file of the fold
looks at the lock when all is on the disk but the name. So a process that stood still, or was cut off, and comes back
changes nothing: it finds the other's lock, or its half-written file gone.

A lock is left over when its process is gone (seen on the same machine) or its heartbeat has stopped (seen from
any machine that shares the directory). Ages are measured in the file system's own time: clocks may differ.
"""

import json
import os
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path

from trainer.errors import CheckpointError, FoldBusyError, ForeignFileError, StorageError
from trainer.store.own_files import LOCK as NAME
from trainer.store.own_files import sweep_fold
from trainer.system.files import directory_lock, make_directory, remove, storage_error, write_bytes
from trainer.system.folders import opened, read_file
from trainer.wording.translations import N_, _

HEARTBEAT_SECONDS = 5.0
SILENT_SECONDS = 60.0  # a heartbeat older than this has stopped


@dataclass(frozen=True)
class Holder:
    """Who writes a fold.

    Attributes:
        host: name of the machine.
        pid: of the process.
        started: start of the process in clock ticks since boot ("" where the system does not say).
        machine: boot and process namespace; pids can be looked up only where they are equal.
        token: of this one lock.
        since: when it was taken, by its machine's clock ("" where an older version took it).
        attempt: 1, or one more than that of the lock it took over.
    """

    host: str
    pid: int
    started: str
    machine: str
    token: str
    since: str = ""
    attempt: int = 1


@dataclass(frozen=True)
class Running:
    """A fold that another process is writing.

    Attributes:
        host: its machine.
        pid: its process.
        heartbeat_seconds: since its last sign of life.
    """

    host: str
    pid: int
    heartbeat_seconds: float

    def __str__(self) -> str:
        return f"running on {self.host} (pid {self.pid}), heartbeat {self.heartbeat_seconds:.0f} s ago"

    def described(self) -> str:
        """Return the same in the language of the user, for a message."""
        said = _("running on {host} (pid {pid}), heartbeat {seconds} s ago")
        return said.format(host=self.host, pid=self.pid, seconds=f"{self.heartbeat_seconds:.0f}")


class FoldLostError(CheckpointError):
    """Another process has taken the fold over from this one."""


class FoldLock:
    """The lock of one fold directory, held for the length of a ``with`` block.

    Args:
        directory: of the fold; created.

    Raises:
        FoldBusyError: (on entry) another process holds it.
    """

    def __init__(self, directory: Path) -> None:
        self.path = directory / NAME
        self.holder = _myself()
        self._stop = threading.Event()
        self._heart = threading.Thread(target=self._beat, name="foldwise-heartbeat", daemon=True)

    def __enter__(self) -> "FoldLock":
        folder = self.path.parent
        make_directory(folder, folder.parent)
        try:
            self._take()
        except StorageError:  # another has swept it away, while this process stood still, or the disk is full
            self._take()
        except OSError as error:
            raise storage_error(error, folder, 0, N_("lock")) from error
        self._heart.start()
        return self

    def _take(self) -> None:
        folder, run = self.path.parent, self.path.parent.parent
        with directory_lock(folder, run):
            running = running_elsewhere(folder)
            if running is not None:
                raise FoldBusyError(_("{folder} is {running}").format(folder=folder, running=running.described()))
            before = read_holder(self.path)
            self.holder = replace(self.holder, attempt=1 if before is None else before.attempt + 1)
            write_bytes(self.path, json.dumps(asdict(self.holder)).encode(), root=run, what=N_("lock"))
            sweep_fold(folder, older_than_seconds=0)  # whoever stood still while writing finds its file gone

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._heart.join()
        if self.is_ours():
            remove(self.path, self.path.parent.parent)

    def is_ours(self) -> bool:
        """Return whether nobody has taken the lock over (after this process stood still for too long)."""
        return read_holder(self.path) == self.holder

    def require_ours(self) -> None:
        """Stop writing a fold that another process has taken over.

        Raises:
            FoldLostError: one has.
        """
        now = read_holder(self.path)
        if now == self.holder:
            return
        folder = self.path.parent
        by = "another process, which is done with it"
        if now is not None:
            attempt = f" (attempt {now.attempt}, this is {self.holder.attempt})" if now.attempt > 1 else ""
            by = f"{now.host}:{now.pid}" + (f" since {now.since}" if now.since else "") + attempt
        raise FoldLostError(
            f"fold {folder.name.removeprefix('fold_')} of {folder.parent} was taken over by {by}\n"
            f"this process gave no sign of life for more than {SILENT_SECONDS:.0f} seconds (was it stopped, or the "
            "machine asleep?): stopped here, the fold is the other's"
        )

    @contextmanager
    def explaining(self) -> Iterator[None]:
        """Say of what fails in the block that the fold was taken over, where it was: the other sweeps files away.

        Raises:
            FoldLostError: it was.
        """
        try:
            yield
        except (StorageError, CheckpointError, OSError):
            self.require_ours()
            raise

    def _beat(self) -> None:
        while not self._stop.wait(HEARTBEAT_SECONDS):
            try:
                with opened(self.path.parent, self.path.parent.parent) as folder:
                    os.utime(NAME, dir_fd=folder, follow_symlinks=False)
            except (OSError, ForeignFileError):  # gone or unreachable: the next save says so
                continue


def running_elsewhere(directory: Path) -> Running | None:
    """Return who writes the fold, or None: nobody, this process, or a process that is gone."""
    path = directory / NAME
    holder = read_holder(path)
    if holder is None or _same_process(holder):
        return None
    silent_seconds = _age_seconds(path)
    if silent_seconds is None or silent_seconds > SILENT_SECONDS or _is_gone(holder):
        return None
    return Running(holder.host, holder.pid, silent_seconds)


def read_holder(path: Path) -> Holder | None:
    """Read a lock file; None where there is none (or an unreadable one: it is written in one piece)."""
    try:
        values = json.loads(read_file(path, path.parent.parent))
        known = {field.name for field in fields(Holder)}
        return Holder(**{name: value for name, value in values.items() if name in known})
    except (OSError, ValueError, TypeError, AttributeError):
        return None


def _myself() -> Holder:
    pid = os.getpid()
    since = datetime.now(UTC).astimezone().isoformat(" ", "seconds")
    return Holder(socket.gethostname(), pid, _started(pid), _machine(), secrets.token_hex(8), since)


def _same_process(holder: Holder) -> bool:
    return (holder.machine, holder.pid, holder.started) == (_machine(), os.getpid(), _started(os.getpid()))


def _is_gone(holder: Holder) -> bool:
    return holder.machine == _machine() and not _is_alive(holder)


def _is_alive(holder: Holder) -> bool:
    if holder.started:
        return _started(holder.pid) == holder.started
    try:
        os.kill(holder.pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _started(pid: int) -> str:
    try:
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if words[0] in "ZX" else words[19]  # field 22 of proc(5); zombies write no more


def _machine() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"  # noqa: PTH115 not a path
    except OSError:
        return socket.gethostname()


def _age_seconds(path: Path) -> float | None:
    """Return how long ago ``path`` was touched, by the clock of its file system."""
    probe = f"{NAME}.probe.{os.getpid()}-{secrets.token_hex(4)}"  # pids repeat in containers
    try:
        with opened(path.parent, path.parent.parent) as folder:
            touched = os.stat(NAME, dir_fd=folder, follow_symlinks=False).st_mtime
            now = time.time()  # where we cannot write, the machine's clock has to do
            with suppress(OSError):
                os.close(os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, dir_fd=folder))
                now = os.stat(probe, dir_fd=folder).st_mtime
                os.unlink(probe, dir_fd=folder)
    except FileNotFoundError:
        return None
    return max(0.0, now - touched)

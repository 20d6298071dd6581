"""What runs the folds of a run on other machines: it is handed commands and asked what became of them.

An engine (Slurm, Ray) knows whether a job waits, runs or is gone. How far a fold is, and whether it is done, is read
from the run directory alone: engines call a job complete whose fold has failed, and failed one that will be requeued.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

State = Literal["waiting", "running", "gone", "unknown"]


@dataclass(frozen=True)
class FoldJob:
    """One fold to be trained somewhere.

    Attributes:
        fold: its number, or ``all``.
        command: program and arguments; run where the command to train was typed, under the same path.
        run: absolute path of the run directory, which every machine sees.
        folder: the command is run in.
        memory_bytes: about what it takes, where that was measured.
        records: where an engine keeps files of its own; None = with the run. Jobs of several runs share one.
    """

    fold: int | str
    command: tuple[str, ...]
    run: Path
    folder: Path
    memory_bytes: int | None = None
    records: Path | None = None


@dataclass(frozen=True)
class JobState:
    """What an engine says of a job.

    Attributes:
        state: ``unknown`` where the engine does not answer.
        reason: in the engine's words: why it waits, or where it runs.
        final: the engine itself has tried again as often as it may.
    """

    state: State
    reason: str = ""
    final: bool = False


class Executor(Protocol):
    """An engine.

    Attributes:
        address: where it is found again by other commands; None where they need none.
    """

    address: str | None

    def submit(self, jobs: Sequence[FoldJob]) -> list[str]:
        """Hand jobs over; return what the engine calls each.

        Raises:
            ExecutorError: the engine is not there, or refuses them.
        """
        ...

    def states(self, ids: Sequence[str]) -> Mapping[str, JobState]:
        """Return the state of each job."""
        ...

    def cancel(self, ids: Sequence[str]) -> None:
        """End jobs that wait or run; one that is gone already is no error."""
        ...

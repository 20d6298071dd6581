"""When a fold in training is saved, and how it is taken up again."""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from trainer.config.schema import CheckpointConfig
from trainer.engine.fit_state import FitState
from trainer.engine.loops import WHAT_HELPS, Learner
from trainer.engine.snapshot import all_weights_finite, capture, first_difference, restore
from trainer.errors import CheckpointError, NonFiniteError
from trainer.store import checkpoints
from trainer.store.checkpoints import Position
from trainer.store.identity import Identity, other_processes, require_same_conditions


class Checkpointer:
    """Saves a fold while it trains and, when the fold is started again, goes on from the newest good checkpoint.

    The state is copied between two steps and written by a thread, so that the next step does not wait for the disk;
    a save waits for the one before it.

    Args:
        directory: of the fold, which this process has locked.
        identity: of the run; a checkpoint of another identity is refused.
        settings: when to save.
        force: take up a checkpoint of another identity all the same.
        still_ours: raises where another process has taken the fold over.
        print_line: prints one line.
        writes: False = of several processes that train the fold, not the one that saves it.
    """

    def __init__(
        self,
        directory: Path,
        *,
        identity: Identity,
        settings: CheckpointConfig,
        force: bool,
        still_ours: Callable[[], None],
        print_line: Callable[[str], None],
        writes: bool = True,
    ) -> None:
        self.directory, self.identity, self.settings, self.force = directory, identity, settings, force
        self.still_ours, self.print_line, self.writes = still_ours, print_line, writes
        self.saved: Position | None = None  # the newest checkpoint, by this process or before it
        self._looked_at = False
        self._saved_at = time.perf_counter()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="foldwise-save")
        self._writing: Future[None] | None = None

    def __enter__(self) -> "Checkpointer":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def restore(self, learner: Learner, progress: FitState) -> Position | None:
        """Go on from the newest good checkpoint; None where there is none.

        Raises:
            CheckpointError: none is good, or it is of another run.
        """
        if self.writes:
            checkpoints.sweep_unfinished(self.directory)
        loaded = checkpoints.load(self.directory) if self.writes else None
        position = learner.ranks.told(None if loaded is None else loaded.position)
        if not self.writes and position is not None:
            loaded = checkpoints.load(self.directory)
        if loaded is None:
            return None
        for note in loaded.notes:
            self.print_line(f"warning: {note}; passed over, going on at step {loaded.position.step}")
        what = f"{self.directory} was stopped"
        require_same_conditions(loaded.state["identity"], self.identity, what=what, force=self.force)
        if note := other_processes(loaded.state["identity"], self.identity):
            self.print_line(f"{self.directory}: {note}")
        restore(loaded.state["captured"], learner, progress, adapt=self.force)
        wrong = None if self.force else first_difference(loaded.state["captured"], capture(learner, progress))
        if wrong is not None:
            raise CheckpointError(
                f"{self.directory}: {wrong} could not be put back as it was saved\n"
                "a part of yours restores its state inexactly; force_resume=true goes on all the same"
            )
        self.saved = loaded.position
        return loaded.position

    def step_done(self, learner: Learner, progress: FitState, position: Position) -> None:
        """Save if it is due.

        Raises:
            StorageError: a save failed.
            NonFiniteError: the weights are not finite.
        """
        if not (self.writes or learner.ranks.shard):
            return
        if self._writing is not None and self._writing.done():
            self.wait()
        if not self._looked_at:  # what cannot be saved is said at once, not when the work would be lost
            capture(learner, progress)
            self._looked_at = True
        every, minutes = self.settings.every_n_steps, self.settings.every_minutes
        late = minutes is not None and time.perf_counter() - self._saved_at >= minutes * 60
        late = learner.ranks.told(late) if learner.ranks.shard else late
        if late or (every is not None and position.step % every == 0):
            self.save(learner, progress, position)

    def epoch_done(self, learner: Learner, progress: FitState, position: Position) -> None:
        """Save if the epoch that ended is one after which to save."""
        every = self.settings.every_n_epochs
        if every is not None and (position.epoch - 1) % every == 0:
            self.save(learner, progress, position)

    def training_done(self, learner: Learner, progress: FitState, position: Position) -> None:
        """Save the state from which the fold could be trained longer, if it is to be kept."""
        if self.settings.keep_final:
            self.save(learner, progress, position)

    def save(self, learner: Learner, progress: FitState, position: Position) -> None:
        """Save unless this very step is saved already."""
        if not (self.writes or learner.ranks.shard):  # all have a part of what is saved
            return
        if self.saved is not None and self.saved.step == position.step:
            return
        self.wait()
        self.still_ours()
        captured = capture(learner, progress)
        if not all_weights_finite(captured):
            raise NonFiniteError(f"the weights are not finite after step {position.step}: not saved\n{WHAT_HELPS}")
        self.saved, self._saved_at = position, time.perf_counter()
        if not self.writes:
            return
        state = {"captured": captured, "identity": self.identity}
        self._writing = self._thread.submit(checkpoints.save, self.directory, position, state, self.still_ours)
        if not self.settings.background:
            self.wait()

    def wait(self) -> None:
        """Wait for the save that is being written.

        Raises:
            StorageError: it failed.
        """
        writing, self._writing = self._writing, None
        if writing is not None:
            writing.result()

    def close(self) -> None:
        """Wait for the last save and end the thread."""
        try:
            self.wait()
        finally:
            self._thread.shutdown()

"""TensorBoard: curves of every fold laid over each other, one line of hparams and the report's pictures per run."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.results import CVResult, EpochRecord, FoldResult
from trainer.store.own_files import PLOT_FILE, PLOTS
from trainer.system.files import storage_error
from trainer.system.folders import plain_files, read_file
from trainer.tasks import Target, Task
from trainer.trackers.event_file import EventFile
from trainer.trackers.summaries import picture, points, precision_recall, settings
from trainer.wording.translations import N_

_PR_CLASSES = 20  # interactive precision-recall curves per fold; those of more are in the report's picture


class TensorBoardTracker:
    """Write event files: ``log_dir/fold_<i>`` per fold; everything is drawn over optimizer steps.

    Nothing is drawn while folds train: the pictures are those of the report.

    Args:
        directory: of the run; what ``tensorboard --logdir`` is given, or a parent of it.
    """

    def __init__(self, directory: Path) -> None:
        self._log_dir = directory
        self._file: EventFile | None = None

    def fold_started(self, fold: int | str, total_steps: int, steps_before: int) -> None:
        """Open the fold's own event file; what an earlier process wrote beyond ``steps_before`` is dropped."""
        with self._stored():
            self._open(self._log_dir / f"fold_{fold}", steps_before + 1)

    def step(self, step: int, loss: float, lr: float) -> None:
        """Write loss and learning rate of one optimizer step."""
        self._add(points({"step/loss": loss, "step/lr": lr}), step)

    def epoch(self, record: EpochRecord) -> None:
        """Write what an epoch recorded."""
        scalars = {
            "epoch/number": record.epoch,
            "epoch/train_loss": record.train_loss,
            "epoch/lr": record.lr,
            "epoch/seconds": record.seconds,
            "amp/loss_scale": record.loss_scale,
            "amp/skipped_steps": record.skipped_steps,
        }
        scalars |= {f"monitor/{name}": value for name, value in record.monitor.items()}
        self._add(points(scalars), record.step)

    def fold_finished(self, result: FoldResult, target_V: Target, classes: Sequence[str], task: Task) -> None:
        """Write the held-out metrics and the precision-recall curves of the fold.

        Args:
            result: of the fold.
            target_V: (V,) class indices of the held-out rows, or (V, L).
            classes: label text per class index.
            task: what was to be predicted.
        """
        if len(target_V):
            step = result.epochs[result.best_epoch - 1].step
            self._add(points({f"held_out/{name}": value for name, value in result.metrics.items()}), step)
            if classes:
                self._add(precision_recall(_curves(target_V, result.proba, classes, task)), step)
        self._close()

    def finished(self, result: CVResult, hparams: dict[str, Any]) -> None:
        """Write the run's hparams with mean and out-of-fold value of every metric, and the report's pictures.

        Args:
            result: of the whole cross validation.
            hparams: by name; what is neither number, text nor truth value is written as text.
        """
        values = {f"mean/{name}": summary.mean for name, summary in result.metrics.items()}
        values |= {f"oof/{name}": summary.oof for name, summary in result.metrics.items()}
        plain = {k: v if isinstance(v, bool | int | float | str) else str(v) for k, v in hparams.items()}
        shown = points(values)
        with self._stored():
            self._open(self._log_dir)
        self._add(settings(plain, [point.tag for point in shown.value]), 0)
        self._add(shown, 0)
        for path in self._pictures():
            self._add(picture(f"report/{path.stem}", read_file(path, self._log_dir)), 0)
        self._close()

    def _pictures(self) -> list[Path]:
        folder = self._log_dir / PLOTS
        return [folder / name for name in plain_files(folder, self._log_dir) if PLOT_FILE.fullmatch(name)]

    def _open(self, folder: Path, purge_step: int | None = None) -> None:
        self._close()
        self._file = EventFile(folder, self._log_dir, purge_step)

    def _add(self, summary: Any, step: int) -> None:
        assert self._file is not None
        with self._stored():
            self._file.add(summary, step)

    def _close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.close()

    @contextmanager
    def _stored(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise storage_error(error, Path(error.filename or self._log_dir), 0, N_("events of the tracker")) from error


def _curves(
    target: Target, proba: NDArray[np.float32], classes: Sequence[str], task: Task
) -> Iterator[tuple[str, NDArray[np.int64], NDArray[np.float64]]]:
    """Yield tag, 0/1 truth and scores per curve; binary has the one of the positive class."""
    truth_VK, scores_VK = task.one_against_rest(target, proba.astype(np.float64))
    names = classes[-1:] if truth_VK.shape[1] == 1 else classes
    for k, name in enumerate(names[:_PR_CLASSES]):
        yield f"pr/{name}", truth_VK[:, k], scores_VK[:, k]

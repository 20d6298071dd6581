"""TensorBoard: curves of every fold laid over each other, pictures per fold, one line of hparams per run."""

import math
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.report.plots import confusion_matrix, pixels, precision_recall, predicted_against_true
from trainer.results import CVResult, EpochRecord, FoldResult
from trainer.system.files import make_directory, storage_error
from trainer.tasks import Target, Task
from trainer.wording.translations import N_

_hook_before = threading.excepthook
_PR_CLASSES = 20  # interactive precision-recall curves per fold; more are drawn in a picture too


class TensorBoardTracker:
    """Write event files: ``log_dir/fold_<i>`` per fold; everything is drawn over optimizer steps.

    Args:
        directory: of the run; what ``tensorboard --logdir`` is given, or a parent of it.
    """

    def __init__(self, directory: Path) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._open = SummaryWriter
        self._log_dir = directory
        self._writer: Any = None
        threading.excepthook = _hook

    def fold_started(self, fold: int | str, total_steps: int, steps_before: int) -> None:
        """Open the fold's own event file; what an earlier process wrote beyond ``steps_before`` is dropped."""
        with self._stored():
            self._close()
            folder = self._log_dir / f"fold_{fold}"
            make_directory(folder, self._log_dir)  # no link: the writer would follow it
            self._writer = self._open(str(folder), purge_step=steps_before + 1)

    def step(self, step: int, loss: float, lr: float) -> None:
        """Write loss and learning rate of one optimizer step."""
        with self._stored():
            self._add("step/loss", loss, step)
            self._add("step/lr", lr, step)

    def epoch(self, record: EpochRecord) -> None:
        """Write what an epoch recorded."""
        with self._stored():
            scalars = {
                "epoch/number": record.epoch,
                "epoch/train_loss": record.train_loss,
                "epoch/lr": record.lr,
                "epoch/seconds": record.seconds,
                "amp/loss_scale": record.loss_scale,
                "amp/skipped_steps": record.skipped_steps,
            }
            scalars |= {f"monitor/{name}": value for name, value in record.monitor.items()}
            for tag, value in scalars.items():
                self._add(tag, value, record.step)

    def fold_finished(self, result: FoldResult, target_V: Target, classes: Sequence[str], task: Task) -> None:
        """Write the held-out metrics, the confusion matrix and the precision-recall curves of the fold.

        Args:
            result: of the fold.
            target_V: (V,) class indices of the held-out rows, or (V, L).
            classes: label text per class index.
            task: what was to be predicted.
        """
        with self._stored():
            if not len(target_V):
                self._close()
                return
            step = result.epochs[result.best_epoch - 1].step
            for name, value in result.metrics.items():
                self._add(f"held_out/{name}", value, step)
            pictures = {"confusion_matrix": confusion_matrix} if classes else {"residuals": predicted_against_true}
            if len(classes) > _PR_CLASSES:
                pictures["precision_recall"] = precision_recall
            for tag, draw in pictures.items():
                picture_HW3 = pixels(draw(target_V, result.proba, classes, task))
                self._writer.add_image(f"held_out/{tag}", picture_HW3, step, dataformats="HWC")
            for tag, truth_V, scores_V in _curves(target_V, result.proba, classes, task) if classes else ():
                self._writer.add_pr_curve(tag, truth_V, scores_V, step)
            self._close()

    def finished(self, result: CVResult, hparams: dict[str, Any]) -> None:
        """Write the run's hparams with mean and out-of-fold value of every metric.

        Args:
            result: of the whole cross validation.
            hparams: by name; what is neither number, text nor truth value is written as text.
        """
        with self._stored():
            self._close()
            values = {f"mean/{name}": summary.mean for name, summary in result.metrics.items()}
            values |= {f"oof/{name}": summary.oof for name, summary in result.metrics.items()}
            plain = {k: v if isinstance(v, bool | int | float | str) else str(v) for k, v in hparams.items()}
            self._writer = self._open(str(self._log_dir))
            defined = {name: value for name, value in values.items() if math.isfinite(value)}
            self._writer.add_hparams(plain, defined, run_name=".")
            self._close()

    def _add(self, tag: str, value: float, step: int) -> None:
        """Write a point of a curve; what is not defined there, or infinite, has none."""
        if math.isfinite(value):
            self._writer.add_scalar(tag, value, step)

    def _close(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()

    @contextmanager
    def _stored(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self._writer = None
            raise storage_error(error, Path(error.filename or self._log_dir), 0, N_("events of the tracker")) from error


def _hook(failure: threading.ExceptHookArgs) -> None:
    """Print no traceback for an event file that cannot be written: the writer's next call raises the same error."""
    if type(failure.thread).__name__ != "_AsyncWriterThread" or not isinstance(failure.exc_value, OSError):
        _hook_before(failure)


def _curves(
    target: Target, proba: NDArray[np.float32], classes: Sequence[str], task: Task
) -> Iterator[tuple[str, NDArray[np.int64], NDArray[np.float64]]]:
    """Yield tag, 0/1 truth and scores per curve; binary has the one of the positive class."""
    truth_VK, scores_VK = task.one_against_rest(target, proba.astype(np.float64))
    names = classes[-1:] if truth_VK.shape[1] == 1 else classes
    for k, name in enumerate(names[:_PR_CLASSES]):
        yield f"pr/{name}", truth_VK[:, k], scores_VK[:, k]

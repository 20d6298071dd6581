"""What a run decides by: calibration, thresholds or costs, and sets that cover, as decision.json keeps them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.errors import CheckpointError
from trainer.inference.calibration import Calibration, calibrated, calibration_from
from trainer.inference.conformal import Conformal
from trainer.inference.log_scores import as_proba, log_scores
from trainer.inference.thresholds import as_thresholds, decide
from trainer.run.copies import RunCopy
from trainer.run.decided import FOLDS_SHA256, folds_sha256
from trainer.store.own_files import DECISION
from trainer.system.files import unsealed
from trainer.system.folders import is_there
from trainer.tasks import TASKS, Target, Task

Floats = NDArray[np.float64]
ANOTHER_FOLDS = "sets and intervals need every fold of the first repeat: there are none for these"


@dataclass(frozen=True)
class Decision:
    """How predictions of a run become labels.

    Attributes:
        task: what is predicted.
        metric: what the thresholds are for; None = there are none.
        calibration: of the probabilities, or None.
        offsets: (C,) added to log probabilities (labels: log odds) before deciding; empty = none.
        cost: (true, predicted): the class of least expected cost is predicted; empty = none.
        conformal: for sets or intervals, or None.
    """

    task: Task
    metric: str | None = None
    calibration: Calibration | None = None
    offsets: tuple[float, ...] = ()
    cost: tuple[tuple[float, ...], ...] = ()
    conformal: Conformal | None = None

    def apply(self, proba_NC: NDArray[Any], scores_NC: Floats | None = None) -> tuple[Target, Floats]:
        """Return the predicted labels and the probabilities, calibrated where that was fitted.

        Args:
            proba_NC: as the run predicts them, of numbers the numbers.
            scores_NC: the same as ``log_scores``, where logits give them more exactly.
        """
        proba64 = self.task.as_float64(proba_NC)
        if not self.task.has_classes:
            return self.task.predicted(proba64), proba64
        scores = log_scores(self.task, proba64) if scores_NC is None else scores_NC
        proba = proba64 if scores_NC is None else as_proba(self.task, scores)
        if self.calibration is not None:
            proba = calibrated(self.calibration, self.task, scores)
            scores = log_scores(self.task, proba)
        return self._labels(proba, scores), proba

    def _labels(self, proba_NC: Floats, scores_NC: Floats) -> Target:
        if self.cost:
            return np.asarray((proba_NC @ np.asarray(self.cost)).argmin(axis=1), dtype=np.int64)
        if self.offsets:
            return decide(self.task, scores_NC, np.asarray(self.offsets))
        return self.task.predicted(proba_NC)

    @property
    def thresholds(self) -> tuple[float, ...]:
        """The offsets as thresholds (``as_thresholds``); empty where there are none."""
        return tuple(as_thresholds(self.task, np.asarray(self.offsets)).tolist()) if self.offsets else ()

    def to_plain(self) -> dict[str, Any]:
        """Return it as JSON knows it."""
        return {
            "task": self.task.name,
            "metric": self.metric,
            "calibration": None if self.calibration is None else self.calibration.to_plain(),
            "offsets": list(self.offsets),
            "thresholds": list(self.thresholds),
            "cost": [list(row) for row in self.cost],
            "conformal": None
            if self.conformal is None
            else {"coverage": self.conformal.coverage, "scores": [list(one) for one in self.conformal.scores]},
        }


def load_decision(run: RunCopy) -> Decision | None:
    """Return what a run decides by; None where nothing was decided, so that the likeliest class is predicted.

    Raises:
        CheckpointError: decision.json is damaged, or of folds that were trained again since.
    """
    path = run.directory / DECISION
    if not is_there(path, run.directory):
        return None
    facts = unsealed(path, run.directory)
    try:
        found = _decision_from(facts)
        known = facts[FOLDS_SHA256]
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path} is damaged, or of another version: {type(error).__name__}") from error
    if known != folds_sha256(run):
        raise CheckpointError(
            f"{path} was fitted on other folds than are there now\nfit it again with foldwise decide {run.directory}"
        )
    return found


def decision_for(run: RunCopy, names: Sequence[int | str]) -> tuple[Decision | None, tuple[str, ...]]:
    """Return what a run decides by where these folds predict, and what to say about it.

    Raises:
        CheckpointError: decision.json is damaged, or of other folds.
    """
    decision = load_decision(run)
    if decision is None:
        return None, ()
    said = f"decided by {run.directory / DECISION} (--raw predicts without it)"
    if decision.conformal is None or set(range(len(decision.conformal.scores))) <= set(names):
        return decision, (said,)
    return replace(decision, conformal=None), (said, ANOTHER_FOLDS)


def _decision_from(facts: dict[str, Any]) -> Decision:
    calibration, conformal = facts["calibration"], facts["conformal"]
    return Decision(
        TASKS[facts["task"]],
        facts["metric"],
        None if calibration is None else calibration_from(calibration),
        tuple(facts["offsets"]),
        tuple(map(tuple, facts["cost"])),
        None if conformal is None else Conformal(conformal["coverage"], tuple(map(tuple, conformal["scores"]))),
    )

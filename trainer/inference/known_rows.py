"""Rows that the run was trained on: folds predict them too well, and whoever reads the scores must know."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.data.row_hashes import Sketch, row_hashes, sketch_from
from trainer.data.row_statistics import take
from trainer.data.samples import Inputs, count_rows
from trainer.inference.ids import IdCheck, hashed
from trainer.inference.predictor import Predictor
from trainer.store.own_files import TRAINING_ROWS
from trainer.store.run_files import read_run_rows
from trainer.system.files import unsealed
from trainer.system.folders import is_there
from trainer.tasks import Target

FEW_ROWS = 20  # whose labels may be those of other rows by chance
ALL_OF, SOME_OF_BLOCK = 100_000, 1024  # rows whose content is compared: so many, then so many of each block
SURE = 4.0  # standard deviations above what there is by chance
ADVICE = "their predictions, and scores, are too good; those of the folds that held them out are in oof.parquet"


def _kept_sketch(directory: Path) -> Sketch | None:
    """Return the hashes of the run's rows; None where it keeps none, being older or of rows of another kind.

    Raises:
        CheckpointError: they are damaged.
    """
    if not is_there(directory / TRAINING_ROWS, directory):
        return None
    kept = unsealed(directory / TRAINING_ROWS, directory).get("sketch")
    return None if kept is None else sketch_from(kept)


class KnownRows:
    """Tells whether rows are those of the run: by their ids, their file, what they hold, or all labels in a row.

    Args:
        predictor: of the run.
        data: file, folder or frame with the rows.
    """

    def __init__(self, predictor: Predictor, data: Any) -> None:
        self.run = predictor.run
        self.data = data
        self.labels, self.n_labels = hashlib.sha256(), 0
        self.sketch = _kept_sketch(self.run.directory)
        self.n_rows = self.n_compared = self.n_same = 0

    def add(self, labels: tuple[Target, NDArray[np.bool_]] | None, inputs: Inputs) -> None:
        """Look at the labels of a block, and at what its rows hold."""
        n_rows = count_rows(inputs)
        part = inputs if self.n_rows < ALL_OF else take(inputs, np.arange(min(n_rows, SOME_OF_BLOCK)))
        hashes_B = None if self.sketch is None or part is None else row_hashes(part)
        self.n_rows += n_rows
        if self.sketch is not None and hashes_B is not None:
            n_compared, n_same = self.sketch.known(hashes_B)
            self.n_compared += n_compared
            self.n_same += n_same
        if labels is not None:
            target, known_B = labels
            self.labels.update(np.ascontiguousarray(target[known_B]).tobytes())
            self.n_labels += int(known_B.sum())

    def notes(self, check: IdCheck) -> list[str]:
        """Return the warning, or nothing.

        Args:
            check: has seen the ids.
        """
        if check.hashes and self.run.spec.reading.get("id"):
            hashes_N = hashed(read_run_rows(self.run.directory, self.run.spec.task)[0])
            n_same = sum(int(np.isin(of_block, hashes_N).sum()) for of_block in check.hashes)
            are = "1 id is of a row" if n_same == 1 else f"{n_same} ids are of rows"
            said = f"{are} that the run was trained on"
            if n_same and self._holds_other_rows():
                return [f"warning: {said}, but no row here holds what one there does: if they are the same, {ADVICE}"]
            return [f"warning: {said}: {ADVICE}"] if n_same else self._same_content()
        if self._is_same_file():
            return [f"warning: {self.data} is the file that the run was trained on: {ADVICE}"]
        if found := self._same_content():
            return found
        if self._has_same_labels():
            said = "the labels are, row by row, those of the rows that the run was trained on"
            return [f"warning: {said}: if they are these rows, {ADVICE}"]
        return []

    def _holds_other_rows(self) -> bool:
        return self.sketch is not None and self.n_compared > 0 and self.n_same == 0

    def _same_content(self) -> list[str]:
        """Return the warning where more rows hold the same as one of the run than do by chance, or nothing."""
        if self.sketch is None or not self.n_same:
            return []
        by_chance = self.sketch.share_again
        expected, spread = self.n_compared * by_chance, (self.n_compared * by_chance * (1 - by_chance)) ** 0.5
        if self.n_same <= expected + SURE * spread:
            return []
        if self.n_compared == self.n_rows:
            which = f"{self.n_same} of {self.n_rows} rows"
        else:
            which = f"about {100 * self.n_same / self.n_compared:.0f} % of the rows"
        hold = "holds" if self.n_compared == self.n_rows and self.n_same == 1 else "hold"
        return [f"warning: {which} {hold} what a row holds that the run was trained on: {ADVICE}"]

    def _is_same_file(self) -> bool:
        before = self.run.config.data.get("path")
        if not isinstance(self.data, str | Path) or not isinstance(before, str):
            return False
        return Path(self.data).exists() and Path(before).exists() and Path(self.data).samefile(before)

    def _has_same_labels(self) -> bool:
        if self.n_labels < FEW_ROWS:
            return False
        target = read_run_rows(self.run.directory, self.run.spec.task)[1]
        if len(target) != self.n_labels or len(np.unique(target, axis=0)) < 2:
            return False
        return hashlib.sha256(np.ascontiguousarray(target).tobytes()).digest() == self.labels.digest()

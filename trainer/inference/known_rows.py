"""Rows that the run was trained on: folds predict them too well, and whoever reads the scores must know."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.inference.ids import IdCheck, hashed
from trainer.inference.predictor import Predictor
from trainer.store.run_files import read_run_rows
from trainer.tasks import Target

FEW_ROWS = 20  # whose labels may be those of other rows by chance
ADVICE = "their predictions, and scores, are too good; those of the folds that held them out are in oof.parquet"


class KnownRows:
    """Tells whether rows are those of the run: by their ids, by their file, or by all of their labels in a row.

    Args:
        predictor: of the run.
        data: file, folder or frame with the rows.
    """

    def __init__(self, predictor: Predictor, data: Any) -> None:
        self.run = predictor.run
        self.data = data
        self.labels, self.n_labels = hashlib.sha256(), 0

    def add(self, labels: tuple[Target, NDArray[np.bool_]] | None) -> None:
        """Look at the labels of a block."""
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
            return [f"warning: {are} that the run was trained on: {ADVICE}"] if n_same else []
        if self._is_same_file():
            return [f"warning: {self.data} is the file that the run was trained on: {ADVICE}"]
        if self._has_same_labels():
            said = "the labels are, row by row, those of the rows that the run was trained on"
            return [f"warning: {said}: if they are these rows, {ADVICE}"]
        return []

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

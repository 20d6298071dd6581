"""Unlabelled rows and what the folds of a finished run say of them, as kept in the cache."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.config.pseudo import PseudoConfig
from trainer.data.loading.array_cache import Arrays, kept_arrays
from trainer.data.samples import TableColumns, Texts
from trainer.errors import DataError
from trainer.run.copies import RunCopy
from trainer.store.fold_files import fold_directory, read_done
from trainer.store.own_files import read_given


@dataclass(frozen=True)
class Labelled:
    """Unlabelled rows and what the folds of the teacher say of them.

    Attributes:
        ids_P: their names.
        inputs: as the teacher's source reads them.
        proba_KPC: float32, of each of its K folds.
    """

    ids_P: Sequence[str]
    inputs: TableColumns | Texts
    proba_KPC: NDArray[np.float32]

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return arrays that hold all of it."""
        told: dict[str, Any] = {"ids": list(self.ids_P)}
        arrays: dict[str, NDArray[Any]] = {"proba": self.proba_KPC}
        if isinstance(self.inputs, Texts):
            told |= {"texts": self.inputs.texts, "pairs": self.inputs.pairs}
        else:
            told |= {"numeric": self.inputs.numeric, "categorical": self.inputs.categorical}
            told["cells"] = self.inputs.categorical_NK.tolist()
            arrays["numeric"] = np.append(self.inputs.numeric_NF.ravel(), 0.0)  # an empty array cannot be mapped
        return {**arrays, "told": np.frombuffer(json.dumps(told).encode(), dtype=np.uint8)}


def labelled_of(arrays: Arrays) -> Labelled:
    """Return what ``Labelled.arrays`` was made of."""
    told, proba_KPC = json.loads(arrays["told"].tobytes()), np.asarray(arrays["proba"])
    n_rows = proba_KPC.shape[1]
    if "texts" in told:
        inputs: TableColumns | Texts = Texts(
            tuple(told["texts"]), None if told["pairs"] is None else tuple(told["pairs"])
        )
    else:
        numeric_NF = np.asarray(arrays["numeric"])[:-1].reshape(n_rows, len(told["numeric"]))
        cells_NK = np.empty((n_rows, len(told["categorical"])), dtype=object)
        if cells_NK.size:
            cells_NK[:] = told["cells"]
        inputs = TableColumns(numeric_NF, cells_NK, tuple(told["numeric"]), tuple(told["categorical"]))
    return Labelled(told["ids"], inputs, proba_KPC)


def kept_in(section: PseudoConfig, teacher: RunCopy, cache: Path) -> Path:
    """Return where the teacher's predictions of the unlabelled rows are kept: named by its models and the file.

    Raises:
        DataError: the file cannot be read, or a fold of the teacher is not finished.
    """
    try:
        data = read_given(Path(str(section.path)))
    except OSError as error:
        raise DataError(f"pseudo.path={section.path} cannot be read: {error.strerror or error}") from error
    made_of = [
        hashlib.sha256(data).hexdigest(),
        *(done_of(teacher, number)["sha256"] for number in range(teacher.n_folds)),
    ]
    key = hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()[:32]
    return cache / "pseudo" / key


def read_labelled(section: PseudoConfig, teacher: RunCopy, cache: Path) -> Labelled:
    """Return the rows and predictions that are kept.

    Raises:
        DataError: they have not been made.
    """
    return labelled_of(kept_arrays(kept_in(section, teacher, cache), _not_made)[0])


def done_of(teacher: RunCopy, number: int) -> Mapping[str, Any]:
    """Return the mark of a finished fold of the teacher.

    Raises:
        DataError: it is not finished.
    """
    done = read_done(fold_directory(teacher.directory, number))
    if done is None:
        raise DataError(f"pseudo.teacher={teacher.directory}: fold {number} is not finished: train it to its end first")
    return done


def _not_made() -> Arrays:
    raise DataError(
        "the predictions of the unlabelled rows are not there: begin the run by python train.py or foldwise train"
    )

"""What is exported is compared with torch, and with what the run kept of its held-out rows, before anybody gets it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainer.data.samples import Inputs, Samples
from trainer.errors import CheckpointError, first_line_of, shown
from trainer.inference.export.networks import Raw, in_float32
from trainer.inference.export.reduced import Cost
from trainer.inference.export.steps.deciding import Runs
from trainer.inference.export.steps.texts import passes
from trainer.inference.predictor import Predictor
from trainer.store.fold_files import fold_directory, load_fold

TOLERANCE = 1e-4
EQUAL = 1e-6  # probabilities so near each other are equally likely: float32 rounds off a tenth of it
MOST_ROWS = {"table": 2000, "words": 256, "tokens": 64, "images": 64}
BATCHES = (1, 7)  # rows of a pass, besides all of them at once
FEW = 40  # passes of each of these


@dataclass(frozen=True)
class Compared:
    """How far an exported model is from the run.

    Attributes:
        n_rows: that were compared.
        largest: difference from torch in float32, of numbers in standard deviations of the target.
        held_out: largest difference from oof.parquet, of held-out rows; None where no fold holds any of them out.
        level: the opt level that those were predicted at.
        cost: of the smaller graph that was asked for, or None.
        soup: what was measured of the mean of weights, or "".
        members: the same of each run of a blend.
    """

    n_rows: int
    largest: float
    held_out: float | None
    level: str
    cost: Cost | None = None
    soup: str = ""
    members: tuple["Compared", ...] = ()

    @property
    def line(self) -> str:
        """What was found, in words."""
        parts = [self._found(), self.soup, "" if self.cost is None else self.cost.line]
        return "; ".join(part for part in parts if part)

    def _found(self) -> str:
        found = f"the exported model and torch differ by {self.largest:.2g} at most, on {self.n_rows} rows of the run"
        held_out = [one.held_out for one in self.members if one.held_out is not None]
        if held_out:
            return f"{found}; its runs from their oof.parquet by {max(held_out):.2g}"
        if self.held_out is None:
            return found
        return f"{found}; from oof.parquet held-out rows by {self.held_out:.2g} (amp={self.level})"


def some_rows(samples: Samples, kind: str) -> tuple[Inputs, NDArray[np.int64]]:
    """Return rows spread over a data set, and their numbers."""
    rows = np.unique(np.linspace(0, len(samples) - 1, min(len(samples), MOST_ROWS[kind])).astype(np.int64))
    kept_N = np.zeros(len(samples), dtype=bool)
    kept_N[rows] = True
    return samples.only(kept_N).inputs, rows


def compared(predictor: Predictor, inputs: Inputs, rows: NDArray[np.int64], raw: Raw, run: Runs) -> Compared:
    """Compare an exported model with torch on rows of the run, in passes of several sizes and lengths.

    Args:
        predictor: of the run.
        inputs: of the rows.
        rows: their numbers.
        raw: the same as the exported model takes them.
        run: the exported model.

    Raises:
        CheckpointError: it predicts otherwise.
    """
    wanted_KBC = np.stack([output.proba for output in in_float32(predictor).predict(inputs)]).astype(np.float64)
    unit = max((fold.scale.sd for fold in predictor.models if fold.scale is not None), default=1.0)
    largest = 0.0
    for n_rows in (*BATCHES, len(rows)):
        found_KBC = said_by(run, {name: values[: FEW * n_rows] for name, values in raw.items()}, n_rows)
        largest = max(largest, difference(found_KBC, wanted_KBC[:, : found_KBC.shape[1]], unit))
    few = {name: values[:FEW] for name, values in raw.items()}  # texts beside padding as long as the longest of all
    largest = max(largest, difference(_run(run, few), wanted_KBC[:, :FEW], unit))
    held_out = _from_held_out(predictor, found_KBC, rows, unit)
    exact = not predictor.run.recipe.level.computes_in_half
    if exact and held_out is not None and not held_out <= TOLERANCE:
        raise CheckpointError(
            f"held-out rows are predicted {held_out:.2g} from oof.parquet (at most {TOLERANCE:g}): nothing is written\n"
            f"foldwise verify {predictor.run.directory} says what differs"
        )
    return Compared(len(rows), largest, held_out, str(predictor.run.recipe.level.opt_level))


def said_by(run: Runs, raw: Raw, n_rows: int) -> NDArray[np.float64]:
    """Return what each fold of an exported model says (K, B, C), so many rows at a time."""
    return np.concatenate([_run(run, part) for part in passes(raw, n_rows)], axis=1)


def _run(run: Runs, raw: Raw) -> NDArray[np.float64]:
    try:
        return run(raw).astype(np.float64)
    except Exception as error:  # of whichever runtime
        said = shown(first_line_of(error), 200)
        raise CheckpointError(f"the exported model cannot be run, so nothing was written: {said}") from error


def difference(found_KBC: NDArray[np.float64], wanted_KBC: NDArray[np.float64], unit: float) -> float:
    """Return the largest difference.

    Args:
        found_KBC: by the exported model.
        wanted_KBC: by torch.
        unit: of numbers that are predicted.

    Raises:
        CheckpointError: it is too large, or another class is the likeliest.
    """
    largest = float(np.abs(found_KBC - wanted_KBC).max()) / unit
    found_BC, wanted_BC = found_KBC.mean(axis=0), wanted_KBC.mean(axis=0)
    other_B = found_BC.argmax(axis=1) != wanted_BC.argmax(axis=1)
    top_B2 = np.sort(wanted_BC, axis=1)[:, -2:]
    tied_B = top_B2[:, -1] - top_B2[:, 0] <= EQUAL
    n_other = int((other_B & ~tied_B).sum())
    if not largest <= TOLERANCE or n_other:
        raise CheckpointError(
            f"the exported model and torch are {largest:.2g} apart (at most {TOLERANCE:g}), with another likeliest "
            f"class in {n_other} rows: nothing was written"
        )
    return largest


def _from_held_out(
    predictor: Predictor, found_KBC: NDArray[np.float64], rows: NDArray[np.int64], unit: float
) -> float | None:
    """Return how far folds are from what they said of the rows they held out."""
    largest = None
    for fold, found_BC in zip(predictor.models, found_KBC, strict=True):
        if isinstance(fold.name, str):  # it has seen all rows
            continue
        kept = load_fold(fold_directory(predictor.run.directory, int(fold.name))).result
        _, here, there = np.intersect1d(rows, kept.rows, return_indices=True)
        if len(here):
            apart = float(np.abs(found_BC[here] - kept.proba[there]).max()) / unit
            largest = apart if largest is None else max(largest, apart)
    return largest

"""New rows through the folds of a run, block by block: what ``foldwise predict`` and ``run.predict`` do."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from trainer.data.samples import DataSpec
from trainer.inference.apply_decision import with_decision
from trainer.inference.average import PROBA, RANKS, Averaged, averaged, mean_ranks, require_average
from trainer.inference.drift import Watched, watch
from trainer.inference.drift_report import require_page, write_page
from trainer.inference.given_rows import open_rows
from trainer.inference.new_rows import Asked, Block, NewRows, open_new_rows
from trainer.inference.output import labels_of, output_file, refuse_same, result_table
from trainer.inference.predictor import FoldOutput, Predictor
from trainer.inference.submission import filled, read_sample
from trainer.metrics.scores import score
from trainer.store.result_files import class_columns
from trainer.system import interrupts
from trainer.tasks import Target

LEAST_UNKNOWN = 0.05  # share of the texts from which on unknown words are told
Track = Callable[[Iterable[Any], str, int], Iterable[Any]]


@dataclass
class Seen:
    """What was seen of the rows that are predicted.

    Attributes:
        n_rows: of them.
        n_unknown: texts of which at least half of the words are unknown to the run.
        targets: of rows whose label is known, block by block.
        probas: of the same rows.
        ids: of all rows, kept only where a file is to be put into another order.
        all_probas: likewise.
        all_labels: likewise; of numbers none.
    """

    n_rows: int = 0
    n_unknown: int = 0
    targets: list[Target] = field(default_factory=list)
    probas: list[NDArray[Any]] = field(default_factory=list)
    ids: list[NDArray[np.str_]] = field(default_factory=list)
    all_probas: list[NDArray[np.float64]] = field(default_factory=list)
    all_labels: list[Target] = field(default_factory=list)

    def count(self, predictor: Predictor, block: Block) -> None:
        """Count the rows of a block that was predicted just now."""
        self.n_rows += len(block.ids_B)
        self.n_unknown += getattr(predictor.models[0].fitted, "n_unknown", 0)

    def notes(self) -> list[str]:
        """Return what a person should know of the words of the texts."""
        if not self.n_unknown or self.n_unknown < LEAST_UNKNOWN * self.n_rows:
            return []
        said = f"in {self.n_unknown} of {self.n_rows} texts half of the words or more are unknown to the run"
        return [f"warning: {said}: is it the right column, and the right language?"]


@dataclass(frozen=True)
class Outcome:
    """What came of a prediction.

    Attributes:
        n_rows: predicted.
        scores: by metric, where rows had labels.
        n_scored: rows that had one.
        notes: what a person should know.
        drift: how the rows differ from those of the run.
    """

    n_rows: int
    scores: dict[str, float]
    n_scored: int
    notes: tuple[str, ...]
    drift: Watched | None = None


def predict_to_file(
    predictor: Predictor,
    data: Any,
    output: Path,
    *,
    average: str = PROBA,
    asked: Asked | None = None,
    submission: Path | None = None,
    fill: str | None = None,
    drift: Path | None = None,
    track: Track = lambda items, *_: items,
) -> Outcome:
    """Predict rows and write the result; the file is whole or not there.

    Args:
        predictor: of the run.
        data: file, folder or frame with the rows.
        output: to write: .csv, .tsv or .parquet.
        average: of the folds: proba, logits or ranks.
        asked: what is said of the rows.
        submission: a competition's sample, whose columns, order and ids the file gets.
        fill: what is written into it: label or proba.
        drift: page to write on how the rows differ from those of the run.
        track: shows the progress over the blocks.

    Raises:
        DataError: the rows do not fit the run.
        ConfigError: an option does not fit.
        StorageError: the file cannot be written.
        Interrupted: a signal came; says where what was predicted is.
    """
    require_average(predictor, average)
    sample = None if submission is None else read_sample(submission)
    refuse_same(output, data)
    require_page(drift)
    asked = asked or Asked()
    rows = open_new_rows(predictor, data, asked if sample is None else replace(asked, sample_id=sample.id))
    rows, watched = watch(predictor, rows, keep=asked.adversarial)
    seen, said = Seen(), list[str]()
    delimiter = None if sample is None else sample.delimiter or None
    with output_file(output, delimiter, exact=sample is not None) as write:
        for table in predicted(predictor, rows, average, seen, keep=sample is not None, track=track):
            if sample is None:
                write(table)
        if sample is not None:
            ids_N, proba_NC = np.concatenate(seen.ids), np.concatenate(seen.all_probas)
            labels = np.concatenate(seen.all_labels)
            spec = predictor.run.spec
            table, what = filled(sample, ids_N.tolist(), proba_NC, spec, fill, labels=labels, numbered=rows.numbered)
            write(table)
            said.append(what)
    lines = [adversarial_line(predictor, watched)] if asked.adversarial else []
    return replace(outcome_of(predictor, rows, seen, [*said, *told(watched, drift, data, lines)]), drift=watched)


def predict_in_memory(
    predictor: Predictor,
    data: Any,
    *,
    average: str = PROBA,
    asked: Asked | None = None,
    drift: Path | None = None,
) -> tuple[pa.Table, Outcome]:
    """Predict rows, those of a program among them, and return the table that ``predict_to_file`` would write.

    Args:
        predictor: of the run.
        data: file, folder, frame, array, arrays by name, or list of texts.
        average: of the folds.
        asked: what is said of the rows.
        drift: page to write on how the rows differ from those of the run.

    Raises:
        DataError: the rows do not fit the run.
        ConfigError: an option does not fit.
        StorageError: the page cannot be written.
    """
    require_average(predictor, average)
    require_page(drift)
    asked, seen = asked or Asked(), Seen()
    rows, watched = watch(predictor, open_rows(predictor, data, asked), keep=asked.adversarial)
    table = pa.concat_tables(predicted(predictor, rows, average, seen))
    said = [adversarial_line(predictor, watched)] if asked.adversarial else []
    outcome = outcome_of(predictor, rows, seen, told(watched, drift, data, said))
    return table, replace(outcome, drift=watched)


def told(watched: Watched, page: Path | None, data: Any, said: Sequence[str] = ()) -> list[str]:
    """Return what is said of the rows, their drift among it; writes the page where one is wanted."""
    if page is not None:
        write_page(page, watched, data, said)
    return [*said, *watched.notes(page)]


def adversarial_line(predictor: Predictor, watched: Watched) -> str:
    """Return what a classifier that tells new rows from training rows finds, or why there is none."""
    from trainer.inference.adversarial import adversarial_note

    if watched.kept is None:
        return f"adversarial AUC: not computed: {watched.why_not}"
    return adversarial_note(predictor.run, watched.kept)


def outcome_of(predictor: Predictor, rows: NewRows, seen: Seen, said: Sequence[str] = ()) -> Outcome:
    """Return what came of a prediction whose blocks were all used."""
    n_scored = sum(map(len, seen.targets))
    scores: dict[str, float] = {}
    if n_scored:
        target, proba = np.concatenate(seen.targets), np.concatenate(seen.probas)
        scores = score(predictor.run.recipe.settings.metrics, predictor.run.spec.task, target, proba)
    return Outcome(seen.n_rows, scores, n_scored, (*predictor.run.notes, *rows.notes(), *seen.notes(), *said))


def predicted(
    predictor: Predictor,
    rows: NewRows,
    average: str,
    seen: Seen,
    *,
    keep: bool = False,
    track: Track = lambda items, *_: items,
) -> Iterator[pa.Table]:
    """Yield the predictions of each block as a table; under ``ranks``, of all rows at once.

    Args:
        predictor: of the run.
        rows: to predict.
        average: of the folds.
        seen: is added to.
        keep: ids and probabilities too.
        track: shows the progress.
    """
    parts = (
        _of_block(predictor, block, average, seen, keep=keep)
        for block in track(rows.blocks(), "predicting", rows.n_blocks)
    )
    if average != RANKS:
        yield from (table for table, _ in parts)
        return
    tables, probas = zip(*parts, strict=True)
    yield _with_ranks(pa.concat_tables(tables), np.concatenate(probas, axis=1), predictor.run.spec)


def _of_block(
    predictor: Predictor, block: Block, average: str, seen: Seen, *, keep: bool
) -> tuple[pa.Table, NDArray[Any]]:
    interrupts.check()
    readable_B, spec = block.readable_B, predictor.run.spec
    outputs_K = outputs_of(predictor, block)
    found = averaged(predictor.models, outputs_K, average, spec.task)
    names, proba_K = [model.name for model in predictor.models], [output.proba for output in outputs_K]
    found = with_decision(found, predictor.decision, names, proba_K)
    seen.count(predictor, block)
    if block.labels is not None:
        target, known_B = block.labels
        known_B = known_B & readable_B
        seen.targets.append(target[known_B])
        seen.probas.append(all_rows(found, readable_B)[known_B])
    if keep:
        seen.ids.append(block.ids_B.astype(np.str_))
        seen.all_probas.append(all_rows(found, readable_B))
        seen.all_labels.append(all_labels(found, readable_B, spec))
    return result_table(block.ids_B, readable_B, found, spec), _ranked(outputs_K, average)


def outputs_of(predictor: Predictor, block: Block) -> list[FoldOutput]:
    """Return what the folds say of the rows of a block that can be read, of which there may be none."""
    if block.readable_B.any():
        return predictor.predict(block.inputs)
    task, n_classes = predictor.run.spec.task, len(predictor.run.spec.classes)
    proba = np.zeros((0, task.n_predicted(n_classes)), dtype=np.float32)
    return [FoldOutput(np.zeros((0, model.loss.n_outputs), dtype=np.float32), proba) for model in predictor.models]


def _ranked(outputs_K: Sequence[FoldOutput], average: str) -> NDArray[Any]:
    return np.stack([output.proba for output in outputs_K]) if average == RANKS else np.zeros((0, 0, 0))


def all_rows(found: Averaged, readable_B: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the predictions of all rows, NaN where there is none."""
    if readable_B.all():
        return found.proba_BC
    proba_BC = np.full((len(readable_B), found.proba_BC.shape[1]), np.nan)
    proba_BC[readable_B] = found.proba_BC
    return proba_BC


def all_labels(found: Averaged, readable_B: NDArray[np.bool_], spec: DataSpec) -> Target:
    """Return what is predicted for all rows, the first class, or no label, where there is nothing; of numbers zeros."""
    if not spec.task.has_classes:
        return np.zeros(len(readable_B))
    labels = labels_of(found, spec)
    all_B = np.zeros((len(readable_B), *labels.shape[1:]), dtype=np.int64)
    all_B[readable_B] = labels
    return all_B


def _with_ranks(table: pa.Table, proba_KNC: NDArray[Any], spec: DataSpec) -> pa.Table:
    """Add the mean rank of each class; rows without a prediction have none."""
    ranks_NC = mean_ranks(proba_KNC)
    has_one_N = ~np.isnan(table["spread"].to_numpy())
    for place, name in enumerate(class_columns("rank", spec.classes)):
        ranks_N = np.full(table.num_rows, np.nan)
        ranks_N[has_one_N] = ranks_NC[:, place]
        table = table.append_column(name, pa.array(ranks_N))
    return table

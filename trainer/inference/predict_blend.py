"""New rows through a blend: each run predicts them by its folds, and what the blend has fitted puts them together."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.data.samples import DataSpec, TableColumns
from trainer.errors import CheckpointError, DataError
from trainer.inference.apply_decision import with_decision
from trainer.inference.average import PROBA, Averaged, averaged, entropy
from trainer.inference.blend_run import SavedBlend, read_blend
from trainer.inference.combine import combine
from trainer.inference.decision import decision_for
from trainer.inference.drift import Watched, united, watch
from trainer.inference.drift_report import require_page
from trainer.inference.level_two import chosen, joined
from trainer.inference.new_rows import Asked, open_new_rows
from trainer.inference.output import output_file, refuse_same, result_table
from trainer.inference.predict import Outcome, Seen, Track, adversarial_line, all_labels, all_rows, outputs_of, told
from trainer.inference.predictor import Predictor, open_predictor
from trainer.inference.submission import filled, read_sample
from trainer.metrics.scores import score
from trainer.run.copies import RunCopy, open_copy
from trainer.run.decided import folds_sha256
from trainer.store.own_files import is_blend
from trainer.system import interrupts
from trainer.tasks import Target

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Models:
    """How the runs of a blend predict.

    Attributes:
        device: where; None = as each was configured.
        batch_size: rows of one forward pass; None = as suits the rows.
        plugins: packages whose classes may be built.
    """

    device: str | None = None
    batch_size: int | None = None
    plugins: Sequence[str] = ()


@dataclass(frozen=True)
class OpenBlend:
    """A blend whose runs are there as they were blended.

    Attributes:
        copy: its manifest.json and folds.json.
        saved: its blend.json.
        members: of each run what opens it, so that one at a time is in memory; or the blend that it is.
    """

    copy: RunCopy
    saved: SavedBlend
    members: tuple["Callable[[], Predictor] | OpenBlend", ...]


@dataclass(frozen=True)
class _Predicted:
    """All rows as one run predicts them, NaN where a row cannot be read."""

    ids_N: NDArray[np.str_]
    proba_NC: Floats
    labels: tuple[Target, NDArray[np.bool_]] | None
    spec: DataSpec
    notes: tuple[str, ...]
    numbered: bool
    watched: tuple[Watched, ...]
    told: tuple[str, ...]  # by a classifier that tells the rows from training rows
    table: TableColumns | None = None  # the columns that the blend sees itself


@dataclass(frozen=True)
class Blended:
    """All rows as a blend predicts them.

    Attributes:
        spec: of its targets.
        first: what its first run made of the rows: their names and labels.
        readable_N: which rows can be read.
        proba_KNC: what each run says of these.
        found: the same put together.
        notes: what a person should know.
        watched: the rows beside the training rows of each run.
    """

    spec: DataSpec
    first: _Predicted
    readable_N: NDArray[np.bool_]
    proba_KNC: Floats
    found: Averaged
    notes: tuple[str, ...]
    watched: tuple[Watched, ...]


def predict_blend_to_file(
    directory: Path,
    data: Any,
    output: Path,
    *,
    models: Models,
    asked: Asked,
    submission: Path | None = None,
    fill: str | None = None,
    raw: bool = False,
    drift: Path | None = None,
    track: Track = lambda items, *_: items,
) -> Outcome:
    """Predict rows with all runs of a blend and write the result; arguments and errors as of ``predict_to_file``.

    Raises:
        CheckpointError: a run is gone or was trained again since it was blended.
    """
    sample = None if submission is None else read_sample(submission)
    refuse_same(output, data)
    require_page(drift)
    if sample is not None:
        asked = replace(asked, sample_id=sample.id)
    opened = open_blend(directory, models)
    blended = blend_rows(opened, data, asked, track)
    spec, first, readable_N = blended.spec, blended.first, blended.readable_N
    decision, said = (None, ()) if raw else decision_for(opened.copy, [])
    found = with_decision(blended.found, decision, [], [])
    delimiter = None if sample is None else sample.delimiter or None
    table = result_table(first.ids_N, readable_N, found, spec)
    proba_NC = all_rows(found, readable_N)
    if sample is not None:
        labels, ids = all_labels(found, readable_N, spec), first.ids_N.tolist()
        table, filled_with = filled(sample, ids, proba_NC, spec, fill, labels=labels, numbered=first.numbered)
        said = (*said, filled_with)
    with output_file(output, delimiter, exact=sample is not None) as write:
        write(table)
    watched = united(directory, blended.watched)
    outcome = _outcome(opened.copy, first, readable_N, proba_NC, (*blended.notes, *said))
    return replace(outcome, notes=(*outcome.notes, *told(watched, drift, data, first.told)), drift=watched)


def open_blend(directory: Path, models: Models) -> OpenBlend:
    """Read what a blend is made of, blends of blends too; its runs are opened when rows are there.

    Raises:
        CheckpointError: it is no blend, or a run is gone or was trained again since it was blended.
    """
    saved = read_blend(directory)
    if saved is None:
        raise CheckpointError(f"{directory} is no blend: predict with it as a run")
    copy = open_copy(directory)
    _require_same_runs(directory, saved)
    return OpenBlend(copy, saved, tuple(_member(place, models) for place in saved.members))


def _member(place: Path, models: Models) -> Callable[[], Predictor] | OpenBlend:
    if is_blend(place):
        return open_blend(place, models)
    return partial(
        open_predictor,
        place,
        device=models.device,
        batch_size=models.batch_size,
        plugins=models.plugins,
        raw=True,
    )


def blend_rows(opened: OpenBlend, data: Any, asked: Asked, track: Track = lambda items, *_: items) -> Blended:
    """Return what a blend says of rows: what its runs do, whose rows must be the same, put together."""
    saved, copy = opened.saved, opened.copy
    of_others = replace(asked, adversarial=False)  # a classifier looks at the rows as the first run reads them
    own = saved.combination.columns
    members = [
        _predicted(
            member,
            saved.members[number],
            data,
            of_others if number else asked,
            track,
            own.names if own is not None and own.member == number else (),
        )
        for number, member in enumerate(opened.members)
    ]
    first = members[0]
    for place, one in zip(saved.members, members, strict=True):
        if not np.array_equal(one.ids_N, first.ids_N):
            raise DataError(
                f"{place} and {saved.members[0]} name the rows of {data} differently: say how with --id COL"
            )
    proba_KNC = np.stack([member.proba_NC for member in members])
    readable_N = np.asarray(np.isfinite(proba_KNC).all(axis=(0, 2)))
    proba_KNC = proba_KNC[:, readable_N]
    table = None if own is None else members[own.member].table
    table = None if table is None else table.only(readable_N)
    proba_NC = combine(saved.combination, copy.task, proba_KNC, table=table)
    spread_N = proba_KNC.std(axis=0).max(axis=1)
    found = Averaged(proba_NC, spread_N, entropy(proba_NC, copy.task) if copy.task.has_classes else None)
    spec = DataSpec(copy.directory.name, copy.task, tuple(copy.facts["classes"]), reading=first.spec.reading)
    notes = tuple(dict.fromkeys(note for member in members for note in member.notes))
    watched = tuple(one for member in members for one in member.watched)
    return Blended(spec, first, readable_N, proba_KNC, found, notes, watched)


def _require_same_runs(directory: Path, saved: SavedBlend) -> None:
    for place, sha256 in zip(saved.members, saved.folds_sha256, strict=True):
        if not place.is_dir():
            raise CheckpointError(f"{directory} is made of {place}, which is not there: a blend holds no models itself")
        if folds_sha256(open_copy(place)) != sha256:
            raise CheckpointError(f"{place} has other folds than {directory} was made of: blend again")


def _predicted(
    member: Callable[[], Predictor] | OpenBlend,
    place: Path,
    data: Any,
    asked: Asked,
    track: Track,
    columns: Sequence[str],
) -> _Predicted:
    if isinstance(member, OpenBlend):
        blended = blend_rows(member, data, asked, track)
        proba_NC = all_rows(blended.found, blended.readable_N)
        return replace(blended.first, proba_NC=proba_NC, spec=blended.spec, watched=blended.watched)
    predictor = member()
    rows, watched = watch(predictor, open_new_rows(predictor, data, asked), keep=asked.adversarial)
    spec, seen = predictor.run.spec, Seen()
    ids, probas = list[NDArray[np.str_]](), list[Floats]()
    targets, known = list[Target](), list[NDArray[np.bool_]]()
    tables = list[TableColumns]()
    for block in track(rows.blocks(), f"predicting with {place.name}", rows.n_blocks):
        interrupts.check()
        outputs = outputs_of(predictor, block)
        seen.count(predictor, block)
        if columns:
            tables.append(chosen(block.inputs, columns))
        ids.append(block.ids_B.astype(np.str_))
        probas.append(all_rows(averaged(predictor.models, outputs, PROBA, spec.task), block.readable_B))
        if block.labels is not None:
            targets.append(block.labels[0])
            known.append(block.labels[1] & block.readable_B)
    labels = (np.concatenate(targets), np.concatenate(known)) if targets else None
    lines = (adversarial_line(predictor, watched),) if asked.adversarial else ()
    notes = (*predictor.run.notes, *rows.notes(), *seen.notes())
    ids_N, proba_NC = np.concatenate(ids), np.concatenate(probas)
    table = joined(tables) if tables else None
    return _Predicted(ids_N, proba_NC, labels, spec, notes, rows.numbered, (watched,), lines, table)


def _outcome(
    copy: RunCopy, first: _Predicted, readable_N: NDArray[np.bool_], proba_NC: Floats, notes: tuple[str, ...]
) -> Outcome:
    n_rows = len(first.ids_N)
    if first.labels is None:
        return Outcome(n_rows, {}, 0, notes)
    target, known_N = first.labels
    known_N = known_N & readable_N
    values: NDArray[Any] = proba_NC[known_N]
    scores = score(copy.facts["metrics"], copy.task, target[known_N], values) if known_N.any() else {}
    return Outcome(n_rows, scores, int(known_N.sum()), notes)

"""Single rows of texts and images explained, by the models of a run that were not trained on them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from trainer.data.columns.reading import IMAGE_FOLDER, IMAGE_TABLE, TEXT
from trainer.data.loading.batches import TokenRows
from trainer.data.preprocess.contract import ShowProgress, no_progress, prepare_inputs
from trainer.data.samples import Images, Samples, Texts
from trainer.data.sources.in_memory import Given
from trainer.errors import ConfigError, did_you_mean
from trainer.inference.attribution import Attribution, Explained, log_odds, of_pixels, of_tokens, require_captum
from trainer.inference.fold_model import FoldModel, load_fold_model
from trainer.inference.token_words import special_ids, token_words
from trainer.inference.trained import TrainedRun, open_trained, threads_of, wanted_folds
from trainer.inference.worst_rows import Inspection, inspect_run, worst
from trainer.run.copies import open_copy
from trainer.store.run_files import read_run_rows
from trainer.system import interrupts

Floats = NDArray[np.float64]
PREDICTED, LABEL = "predicted", "label"  # what may be explained, besides a class
NEITHER = (
    "rows are explained where they are texts or images, and those of this run are {kind}\n"
    "for the columns of a table leave --rows and --worst out: foldwise explain {run}"
)


@dataclass(frozen=True)
class AttributedRow:
    """A row and what in it speaks for a class.

    Attributes:
        id: of the row.
        label: in words.
        predicted: likewise.
        explained: the class or label whose log odds are explained; of numbers ``prediction``.
        folds: whose models were asked: those not trained on the row.
        tokens: of a text, which together are the text; none of an image.
        weights: (T,) of the tokens, or (h, w) of parts of the image, mean over the folds.
        change: what they sum to, mean over the folds; NaN of Grad-CAM, whose maps are each scaled to at most 1.
        missed: by what share of all weights their sum misses it, of the fold where it is largest.
        pixels: (H, W, C) uint8 of an image; None of a text.
    """

    id: str
    label: str
    predicted: str
    explained: str
    folds: tuple[int, ...]
    tokens: tuple[str, ...]
    weights: Floats
    change: float
    missed: float
    pixels: NDArray[np.uint8] | None = None


def explained_by_rows(directory: Path) -> bool:
    """Return whether the rows of a run are texts or images, by what the run says of itself."""
    return open_copy(directory).facts.get("reading", {}).get("kind") in (TEXT, IMAGE_TABLE, IMAGE_FOLDER)


def attributed_rows(
    directory: Path,
    *,
    rows: Sequence[str] = (),
    n_worst: int = 10,
    explained: str = PREDICTED,
    given: Given | None = None,
    places: dict[str, str] | None = None,
    device: str | None = None,
    plugins: Sequence[str] = (),
    track: ShowProgress = no_progress,
) -> list[AttributedRow]:
    """Explain rows of a run.

    Args:
        directory: of the run.
        rows: their ids; none = those predicted worst.
        n_worst: how many of these.
        explained: ``predicted``, ``label``, or a class.
        given: its rows, where they were in memory when it was trained.
        places: where its files are now, by option: ``{"path": ...}``.
        device: to compute on.
        plugins: packages whose classes may be built.
        track: shows the progress over the folds.

    Raises:
        ConfigError: captum is not installed, the rows are of a table, or there is no such class or row.
        CheckpointError: the run is not finished, was saved without weights, or damaged.
        DataError: the rows are not those of the run.
    """
    require_captum()
    run = open_trained(directory, device=device, plugins=plugins)
    wanted_folds(run)
    found = inspect_run(directory, given=given, places=places, plugins=plugins)
    if found.samples is None:
        raise ConfigError("\n".join(found.notes[:1]))
    if not isinstance(found.samples.inputs, Texts | Images):
        raise ConfigError(NEITHER.format(kind=type(found.samples.inputs).__name__, run=directory))
    chosen = _chosen(found, rows) if rows else worst(found, "loss", n_worst).tolist()
    places_R = [_place(found, row, explained) for row in chosen]
    unseen = _unseen_by(run, [str(found.run.ids_N[row]) for row in chosen])
    samples, order = _only(found.samples, chosen)
    answers: list[list[Attribution]] = [[] for _ in chosen]
    pixels: dict[int, NDArray[np.uint8]] = {}
    words: dict[int, tuple[str, ...]] = {}
    folds = sorted({number for numbers in unseen for number in numbers})
    with threads_of(run):
        at_work: Iterable[Any] = track(folds, "explaining rows", len(folds))
        for number in at_work:
            asked = [place for place, numbers in enumerate(unseen) if number in numbers]
            explain = _explainer(run, load_fold_model(run, number), samples)
            for place in asked:
                interrupts.check()
                answer, read, image = explain(order[place], places_R[place])
                words[place] = max(words.get(place, ()), read, key=len)  # a fold may cut a text shorter than others
                answers[place].append(answer)
                if image is not None:
                    pixels[place] = image
    return [
        _row(found, row, places_R[place], tuple(unseen[place]), words[place], answers[place], pixels.get(place))
        for place, row in enumerate(chosen)
    ]


def _chosen(found: Inspection, ids: Sequence[str]) -> list[int]:
    """Return the numbers of rows by their ids.

    Raises:
        ConfigError: there is none of that name that a fold held out.
    """
    number_of = {name: number for number, name in enumerate(found.run.ids_N.tolist())}
    missing = [name for name in ids if name not in number_of]
    if missing:
        close = did_you_mean(missing[0], list(number_of)[:10_000])
        more = f" ({len(missing)} such ids)" if len(missing) > 1 else ""
        raise ConfigError(f"--rows: no fold held out a row '{missing[0]}'{close}{more}")
    return [number_of[name] for name in dict.fromkeys(ids)]


def _place(found: Inspection, row: int, explained: str) -> int:
    """Return the class or label that is explained of a row."""
    task, classes = found.run.task, found.run.classes
    if not task.has_classes:
        return 0
    if explained in classes:
        return classes.index(explained)
    if explained == LABEL and not task.several_labels:
        return int(found.run.target[row])
    if explained == PREDICTED:
        return int(found.proba_NC[row].argmax())
    allowed = [PREDICTED, *([] if task.several_labels else [LABEL]), *classes]
    raise ConfigError(f"--of {explained}: no such {task.noun}{did_you_mean(explained, allowed)}")


def _unseen_by(run: TrainedRun, ids: Sequence[str]) -> list[list[int]]:
    """Return for each row the folds whose models were not trained on it."""
    ids_N, _, _ = read_run_rows(run.directory, run.spec.task)
    unseen: list[list[int]] = [[] for _ in ids]
    for number in range(run.plan.n_folds):
        trained_on = set(ids_N[run.plan.rows(*divmod(number, run.plan.n_splits))[0]].tolist())
        for folds, name in zip(unseen, ids, strict=True):
            folds += [] if name in trained_on else [number]
    return unseen


def _only(samples: Samples, rows: Sequence[int]) -> tuple[Samples, list[int]]:
    """Return the rows alone, and where each is among them."""
    kept_N = np.zeros(len(samples), dtype=np.bool_)
    kept_N[list(rows)] = True
    places = {row: place for place, row in enumerate(np.flatnonzero(kept_N).tolist())}
    return samples.only(kept_N), [places[row] for row in rows]


Explainer = Callable[[int, int], tuple[Attribution, tuple[str, ...], NDArray[np.uint8] | None]]


def _explainer(run: TrainedRun, model: FoldModel, samples: Samples) -> Explainer:
    """Return what explains a class of a row by one fold's model."""
    prepared = prepare_inputs(model.fitted, samples.inputs)
    rows = model.fitted.transform(prepared).to(run.recipe.device)
    special = special_ids(model.fitted)

    def explain(row: int, place: int) -> tuple[Attribution, tuple[str, ...], NDArray[np.uint8] | None]:
        inputs = rows.take(torch.tensor([row], device=run.recipe.device))
        what: Explained = log_odds(model, run.spec.task, place)
        if isinstance(rows, TokenRows):
            ids = inputs[rows.name][0].tolist()
            words = token_words(model.fitted, prepared, samples.inputs, row, ids)
            return of_tokens(model, inputs, what, name=rows.name, pad_id=rows.pad_id, kept=special), words, None
        if "images" not in inputs:
            raise ConfigError("rows are explained where the model is given tokens, or images by that name")
        pixels = rows.reader.read(row, None)["images"].permute(1, 2, 0).cpu().numpy()
        return of_pixels(model, inputs["images"], what), (), pixels

    return explain


def _row(
    found: Inspection,
    row: int,
    place: int,
    folds: tuple[int, ...],
    tokens: tuple[str, ...],
    answers: Sequence[Attribution],
    pixels: NDArray[np.uint8] | None,
) -> AttributedRow:
    task, classes = found.run.task, found.run.classes
    change = float(np.mean([one.change for one in answers]))
    is_map = change != change
    weights_F = [one.weights / max(one.weights.max(), 1e-300) if is_map else one.weights for one in answers]
    tokens, weights = _whole_characters(tokens, _mean(weights_F))
    return AttributedRow(
        id=str(found.run.ids_N[row]),
        label=task.label_text(found.run.target[row], classes),
        predicted=task.label_text(found.predicted[row], classes),
        explained=classes[place] if task.has_classes else "prediction",
        folds=folds,
        tokens=tokens,
        weights=weights,
        change=change,
        missed=max(one.missed for one in answers),
        pixels=pixels,
    )


def _whole_characters(tokens: tuple[str, ...], weights: Floats) -> tuple[tuple[str, ...], Floats]:
    """Put together the tokens that are bytes of one character: what they say of it is their sum."""
    first = [place for place, token in enumerate(tokens) if token or not place]
    if len(first) == len(tokens):
        return tokens, weights
    return tuple(tokens[place] for place in first), np.add.reduceat(weights, first)


def _mean(weights: Sequence[Floats]) -> Floats:
    """Return the mean of the folds; where one of them cuts a text short, its missing tokens say nothing."""
    longest = max(weights, key=len)
    total = np.zeros_like(longest)
    for one in weights:
        total[: len(one)] += one
    return np.asarray(total / len(weights))

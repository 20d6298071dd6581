"""From what a request holds to its answer; in the one thread that predicts."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from trainer.errors import DataError
from trainer.inference.serving.about import CATEGORY, DATE, TEXT, columns_of
from trainer.inference.serving.answers import Answer, answers_of
from trainer.inference.serving.json_rows import read_json_rows
from trainer.inference.serving.limits import Limits
from trainer.inference.serving.served import Served, predict_blocks
from trainer.inference.serving.uploads import Upload, image_directory

WARM = {DATE: "2000-01-01", TEXT: "a"}  # a cell of each kind; of numbers it is 0
SIDE = 8  # pixels
MORE_COLUMNS = 1000  # that a row may have and the run does not use


@dataclass(frozen=True)
class Wanted:
    """What a request asks for.

    Attributes:
        folds: each fold's opinion too.
        raw: without what was decided on the run.
    """

    folds: bool = False
    raw: bool = False


def answer_rows(served: Served, payload: bytes, wanted: Wanted, limits: Limits) -> Answer:
    """Return the answer to rows as JSON.

    Raises:
        DataError: they do not fit the run.
        RequestError: there are too many.
    """
    most_columns = served.n_columns + MORE_COLUMNS
    rows = read_json_rows(payload, served.spec.reading.get("id"), limits.max_rows, most_columns)
    return _answer(served, rows.table, rows.ids, wanted, rows.notes)


def answer_images(served: Served, uploads: Sequence[Upload], wanted: Wanted, limits: Limits) -> Answer:
    """Return the answer to images, each by what its sender calls it.

    Raises:
        DataError: one is no image.
        RequestError: one is too large.
    """
    with image_directory(uploads, limits.max_pixels) as folder:
        return _answer(served, folder, [name for name, _ in uploads], wanted)


def _answer(served: Served, data: Any, ids: Sequence[Any], wanted: Wanted, notes: Sequence[str] = ()) -> Answer:
    answers, said = list[Answer](), list(notes)
    for part in predict_blocks(served, data, raw=wanted.raw):
        if isinstance(part, list):
            said += part
            continue
        n_rows = part.proba_VBC.shape[1]
        names = ids[len(answers) : len(answers) + n_rows]
        answers += answers_of(part, names, served.spec, served.voices if wanted.folds else None)
    return {"predictions": answers, "notes": said}


def warm_up(served: Served, limits: Limits) -> None:
    """Predict a row of no meaning, so that the first request need not wait for what is made at the first call."""
    with suppress(DataError):  # a plugin's preprocessing may want other values: it is only slower then
        _warming(served, limits)()


def _warming(served: Served, limits: Limits) -> Callable[[], Answer]:
    if served.takes_images:
        from PIL import Image

        stream = BytesIO()
        Image.new("RGB", (SIDE, SIDE)).save(stream, "PNG")
        return lambda: answer_images(served, [("warm", stream.getvalue())], Wanted(), limits)
    return lambda: _answer(served, _table_of(_warm_row(served)), [0], Wanted())


def _table_of(row: dict[str, Any]) -> Any:
    import pyarrow as pa

    return pa.Table.from_pylist([row])


def _warm_row(served: Served) -> dict[str, Any]:
    def cell(column: dict[str, Any]) -> Any:
        if column["kind"] == CATEGORY:
            return next(iter(column["categories"]), None)
        return WARM.get(column["kind"], 0.0)

    return {column["name"]: cell(column) for column in columns_of(served.predictors)}

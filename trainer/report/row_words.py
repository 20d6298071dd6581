"""What a row holds, in words for people: a text, the cells of a table, the name of an image."""

import math

from trainer.data.samples import Images, Inputs, TableColumns, Texts


def content_columns(inputs: Inputs, rows: list[int]) -> dict[str, list[object]]:
    """Return the columns that show what rows hold, by name; nothing of inputs that no file can show.

    Args:
        inputs: all rows.
        rows: numbers of those wanted.
    """
    if isinstance(inputs, Texts):
        columns: dict[str, list[object]] = {"text": [inputs.texts[row] for row in rows]}
        return columns if inputs.pairs is None else {**columns, "pair": [inputs.pairs[row] for row in rows]}
    if isinstance(inputs, Images):
        return {"file": [inputs.names[row] for row in rows]}
    if isinstance(inputs, TableColumns):
        numbers = {
            name: [None if math.isnan(one) else one for one in values_N[rows].tolist()]
            for name, values_N in zip(inputs.numeric, inputs.numeric_NF.T, strict=True)
        }
        named = zip(inputs.categorical, inputs.categorical_NK.T, strict=True)
        words = {name: cells_N[rows].tolist() for name, cells_N in named}
        return {**numbers, **words}
    return {}


def content_words(columns: dict[str, list[object]], place: int) -> str:
    """Return a line on what the row at ``place`` holds."""
    if set(columns) <= {"text", "pair", "file"}:
        return " | ".join(str(values[place]) for values in columns.values())
    cells = ((name, values[place]) for name, values in columns.items())
    return ", ".join(f"{name}={_short(value)}" for name, value in cells if value is not None)


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)

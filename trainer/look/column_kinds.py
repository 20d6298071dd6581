"""What each column of a table is: by what a run takes its cells for, then by what people call such cells."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from statistics import median

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trainer.audit.checks.features import numbered_columns
from trainer.data.columns.features import MISSING, read_features
from trainer.data.columns.joined import LIST
from trainer.data.images.image_names import is_image_name
from trainer.data.readers.contract import OpenTable
from trainer.data.samples import TableColumns
from trainer.errors import FoldwiseError, shown
from trainer.look.answer import ColumnLook
from trainer.look.languages import guess_language
from trainer.system.arrow_files import Column

N_EXAMPLES = 3
MOST_CELLS = 2000  # of a column of words, by which its kind is told
LONG, LONG_EAST_ASIAN = 25, 8  # characters of a text, half of them at least
WORDS = 4  # of a text, half of them at least
MANY_VALUES = 0.3  # share of the rows that have a value of their own, in a column of texts
MOSTLY = 0.9
TEXT_NAME = re.compile(
    r"(.*[_ .-])?(text|texts|sentence\d?|review|reviews|comment|comments|content|contents|body|message|msg|tweet|title|"
    r"headline|description|abstract|summary|utterance|question\d?|answer|premise|hypothesis|query|document|post|"
    r"article|snippet|passage)(_?(text|body|content|[ab12]))?",
    re.I,
)
TEXT_NAME_CHINESE = ("文本", "内容", "评论", "评价", "标题", "正文", "句子", "描述", "摘要", "问题", "回答", "评论内容")
ID_NAME = re.compile(
    r"(.*[_ .-])?(id|ids|uid|uuid|guid|key|index|idx|no|nr|num|row|rownames?|file|filename|编号|序号)", re.I
)
EAST_ASIAN = ("zh", "ja", "ko")


def look_at_columns(opened: OpenTable, name: str) -> list[ColumnLook]:
    """Tell what each column is.

    Args:
        opened: the rows looked at, and what their format knows of the columns.
        name: of the file, in messages.
    """
    return [_look_at_column(opened, column, name) for column in opened.rows.column_names]


def _look_at_column(opened: OpenTable, column: str, name: str) -> ColumnLook:
    cells, codes = opened.rows[column], [one for one in opened.known.get("categorical", ()) if one == column]
    examples, n_values = _examples(cells), _count_values(cells)
    semicolon = opened.delimiter == ";"  # a comma may be the decimal point then
    try:
        found, notes = read_features({column: cells}, name, free=[column], categorical=codes, semicolon=semicolon)[:2]
    except FoldwiseError as refusal:
        nested = "record" if pa.types.is_struct(cells.type) else "list" if pa.types.is_nested(cells.type) else ""
        return ColumnLook(
            column,
            nested or ("number" if _mostly_digits(cells) else "category"),
            "refused",
            examples,
            cells.null_count / max(len(cells), 1),
            n_values,
            notes=(str(refusal),),
        )
    own_notes = tuple(note for note in notes if note.startswith(f"column '{column}'"))
    if found.numeric:
        missing = float(np.isnan(found.numeric_NF).mean())
        kind = _number_kind(found, own_notes, missing)
        return ColumnLook(column, kind, "number", examples, missing, n_values, notes=own_notes)
    words = [word for word in found.categorical_NK[:, 0].tolist() if word is not None]
    missing = 1 - len(words) / max(len(found.categorical_NK), 1)
    kind = _word_kind(column, found, words)
    language, length = "", 0
    if kind == "text":
        language, length = guess_language(words), int(median(map(len, words[:MOST_CELLS])))
    if kind != "category":
        own_notes = tuple(note for note in own_notes if "different texts" not in note)
    return ColumnLook(
        column, kind, "category", examples, missing, n_values, notes=own_notes, language=language, length=length
    )


def _number_kind(found: TableColumns, notes: Sequence[str], missing: float) -> str:
    values_N = found.numeric_NF[:, 0]
    if missing == 1:
        return "empty"
    if (values_N == values_N[0]).all():
        return "constant"
    if any("dates" in note for note in notes):
        return "date"
    said = numbered_columns(found).get(found.numeric[0], "")
    counted = said.startswith(("rises", "falls")) and bool((values_N == np.floor(values_N)).all()) and not notes
    named = bool(said) and ID_NAME.fullmatch(found.numeric[0].strip()) is not None
    return "id" if counted or named else "number"


def _word_kind(column: str, found: TableColumns, words: Sequence[str]) -> str:
    if not words:
        return "empty"
    some, n_values = words[:MOST_CELLS], len(set(words))
    if n_values == 1 and len(words) == len(found.categorical_NK):
        return "constant"
    if _share(some, is_image_name) >= MOSTLY:
        return "image file"
    if _share(some, lambda word: re.match(LIST, word, re.DOTALL) is not None) >= MOSTLY:
        return "list"
    if _is_text(column, some):
        return "text"
    return "id" if numbered_columns(found) else "category"


def _is_text(column: str, words: Sequence[str]) -> bool:
    lengths, n_words = median(map(len, words)), median(len(word.split()) for word in words)
    if len(set(words)) < max(MANY_VALUES * len(words), 2):
        return is_text_name(column) and n_words >= WORDS
    if guess_language(words) in EAST_ASIAN:
        return lengths >= LONG_EAST_ASIAN or (is_text_name(column) and lengths >= LONG_EAST_ASIAN / 2)
    return (n_words >= WORDS and lengths >= LONG) or (is_text_name(column) and n_words >= 2)


def is_text_name(column: str) -> bool:
    """Return whether columns of texts are often called so."""
    name = column.strip()
    return TEXT_NAME.fullmatch(name) is not None or name in TEXT_NAME_CHINESE


def _share(words: Sequence[str], holds: Callable[[str], bool]) -> float:
    return sum(map(holds, words)) / len(words)


def _mostly_digits(cells: Column) -> bool:
    if not pa.types.is_string(cells.type):
        return pa.types.is_temporal(cells.type)
    some = [cell for cell in cells.slice(0, MOST_CELLS).to_pylist() if cell]
    return bool(some) and _share(some, lambda cell: any(char.isdigit() for char in cell)) > 0.5


def _examples(cells: Column) -> tuple[str, ...]:
    """Return the first different values, the frequent ones first where there are few."""
    some = [value for value in cells.slice(0, MOST_CELLS).to_pylist() if value is not None]
    texts = [" ".join(str(value).split()) for value in some]
    counts = Counter(text for text in texts if text and text not in MISSING)
    return tuple(shown(text, 200) for text, _ in counts.most_common(N_EXAMPLES))


def _count_values(cells: Column) -> int:
    if pa.types.is_nested(cells.type):
        return len(set(map(str, cells.to_pylist())))
    return int(pc.count_distinct(cells).as_py())

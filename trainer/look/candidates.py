"""Which columns may be the label, by their names, their place and their values."""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from trainer.data.columns.unread import GROUP_NAME, SPLIT_NAME
from trainer.look.answer import Candidate, ColumnLook
from trainer.system.arrow_files import Column

SURE = re.compile(
    r"labels?|class(es)?|target|y|y_true|gold(_?label)?|ground_?truth|class_?(label|name|id)|label_?(name|id|text)|"
    r"target_?(name|class)|标签|类别|分类|目标|标注",
    re.I,
)
LIKELY = re.compile(
    r"species|diagnos[ie]s|sentiments?|categor(y|ies)|outcome|survived|churn(ed)?|exited|spam|is_?spam|fraud|is_?fraud|"
    r"result|status|quality|ratings?|stars?|score|polarity|emotions?|intents?|topics?|genres?|tags?|type|variety|cultivar|"
    r"income|default|approved|response|disease|condition|finding|grade|toxic(ity)?|stance|relation|verdict|defect|"
    r"severity|condition|risk|subscribed|deposit|purchased|converted|price|sale_?price|median_?house_?value|medv|mpg|"
    r"charges|revenue|情感|情绪|结果|诊断|等级|评分|是否.*|意图|主题|情感倾向|星级|分数|价格",
    re.I,
)
PARTLY = re.compile(r"(label|target|class|is|has)[_ .-].+|.+[_ .-](label|target|class|category|type|flag|status)", re.I)
PREFIX = re.compile(r"(?P<prefix>(?:labels?|target|class|tag|genre|y|l|topic|category)[:_. -]).+", re.I)
COUNTED = re.compile(r"(?P<prefix>labels?|target|class|tag|y|l|t)[_ ]?\d+", re.I)
NO_LABEL = ("record", "text", "image file", "empty", "constant", "date")
MOST_CLASSES = 50
FEW_CLASSES = 20
LEAST_ROWS_EACH = 5  # of a class on average, where it is one by its values
LEAST_BLOCK = 3  # columns of 0/1 at the end of a table of texts or images
ZERO_ONE = ("0", "1", "0.0", "1.0", "true", "false", "True", "False")


@dataclass(frozen=True)
class LabelGuess:
    """Columns that may be the label.

    Attributes:
        names: one name or pattern, or several columns of 0/1.
        why: what speaks for it.
        score: more is likelier.
    """

    names: tuple[str, ...]
    why: str
    score: int

    def as_candidate(self) -> Candidate:
        """Return it as it is shown."""
        return Candidate(", ".join(self.names), self.why)


def label_guesses(table: pa.Table, columns: Sequence[ColumnLook]) -> list[LabelGuess]:
    """Return what may be the label, the likeliest first.

    Args:
        table: the rows looked at.
        columns: what its columns are.
    """
    if len(columns) < 2:
        return []
    plain = [column for column in columns if not _has_role_name(column)]
    grouped = _prefixed(table, columns)
    inside = {name for guess in grouped for name in _matching(guess.names[0], table.column_names)}
    single = [_single(column, plain, table.num_rows) for column in plain if column.name not in inside]
    found = [
        *grouped,
        *_counted(table, plain),
        *_block(table, plain),
        *(guess for guess in single if guess is not None),
    ]
    return sorted(found, key=lambda guess: -guess.score)


def _has_role_name(column: ColumnLook) -> bool:
    """Whether a column is called like a group or a split, and not like a label."""
    name = column.name.strip()
    return not _sure(name) and bool(GROUP_NAME.fullmatch(name) or SPLIT_NAME.fullmatch(name))


def _sure(name: str) -> bool:
    return SURE.fullmatch(name.strip()) is not None


def _single(column: ColumnLook, columns: Sequence[ColumnLook], n_rows: int) -> LabelGuess | None:
    name, reasons, score = column.name.strip(), [], 0
    if column.kind in NO_LABEL and not (_sure(name) and column.kind in ("text", "constant")):
        return None
    for matches, points in ((_sure(name), 10), (bool(LIKELY.fullmatch(name)), 6), (bool(PARTLY.fullmatch(name)), 5)):
        if matches:
            reasons, score = ["its name"], points
            break
    few = 1 < column.n_values <= FEW_CLASSES and column.n_values * LEAST_ROWS_EACH <= max(n_rows, 10)
    few = few and not any(
        "." in example.removesuffix(".0") for example in column.examples if column.read_as == "number"
    )
    if few:
        reasons.append(f"{column.n_values} values")
        score += 3 if column.read_as == "category" or column.n_values == 2 else 2
    if column is columns[-1]:
        reasons.append("the last column")
        score += 3
    elif column is columns[0] and few:
        reasons.append("the first column")
        score += 2
    is_class = few or column.n_values <= MOST_CLASSES or column.kind == "list"
    if not score or (not is_class and score < 3) or (column.kind == "id" and score < 10):
        return None
    if not few and not is_class:
        score -= 2
    if reasons == [f"{column.n_values} values"] and len(columns) > 2:
        score -= 1  # one of many such columns
    return LabelGuess((column.name,), ", ".join(reasons), score)


def _prefixed(table: pa.Table, columns: Sequence[ColumnLook]) -> list[LabelGuess]:
    """Return patterns of columns of 0/1 with one beginning, such as ``label:*``."""
    by_prefix = defaultdict(list)
    for column in columns:
        if found := PREFIX.fullmatch(column.name):
            by_prefix[found["prefix"]].append(column.name)
    guesses = []
    for prefix, names in by_prefix.items():
        pattern = f"{prefix}*"
        if len(names) > 1 and all(_is_zero_one(table[name]) for name in names):
            guesses.append(LabelGuess((pattern,), f"{len(names)} columns of 0/1 called so", 14))
    return guesses


def _counted(table: pa.Table, columns: Sequence[ColumnLook]) -> list[LabelGuess]:
    """Return the columns of 0/1 at the end that are called L1, L2, ...; a pattern would match others too."""
    names = [column.name for column in columns if COUNTED.fullmatch(column.name.strip())]
    is_end = bool(names) and names == [column.name for column in columns][-len(names) :]
    if len(names) < 2 or not is_end or not all(_is_zero_one(table[name]) for name in names):
        return []
    return [LabelGuess(tuple(names), f"{len(names)} columns of 0/1 called so", 12)]


def is_called(column: str, name: str) -> bool:
    """Return whether a column has the name, which may be a pattern such as ``label:*``."""
    return column == name or (name.endswith("*") and column.startswith(name[:-1]))


def _matching(pattern: str, names: Sequence[str]) -> list[str]:
    return [name for name in names if is_called(name, pattern)]


def _block(table: pa.Table, columns: Sequence[ColumnLook]) -> list[LabelGuess]:
    """Return the columns of 0/1 at the end of a table that has texts or image files, and nothing else, before them."""
    names: list[str] = []
    rest = list(columns)
    while rest and rest[-1].n_values <= 2 and _is_zero_one(table[rest[-1].name]):
        names.insert(0, rest.pop().name)
    inputs = [column.kind for column in rest if column.kind not in ("id", "constant", "empty")]
    if len(names) < LEAST_BLOCK or not inputs or not set(inputs) <= {"text", "image file"}:
        return []
    return [LabelGuess(tuple(names), f"the last {len(names)} columns, of 0/1", 9)]


def _is_zero_one(cells: Column) -> bool:
    if pa.types.is_nested(cells.type) or pa.types.is_binary(cells.type):
        return False
    texts = cells if pa.types.is_string(cells.type) else pc.cast(cells, pa.string(), safe=False)
    return bool(pc.all(pc.is_in(texts, pa.array(ZERO_ONE))).as_py())

"""The odd tables of F18, by name; those that are odd in the cells of one column are in ``first_contact_cells``."""

from collections.abc import Mapping
from typing import Any

from tests.faults.first_contact import N_ROWS, Case
from tests.faults.first_contact_cells import (
    APART,
    CODES,
    DELIMITED,
    JOIN,
    JOINED,
    MISSING_LABELS,
    NUMBERS,
    PLAIN,
    PLAIN_WANT,
    TWO,
    TYPED,
    X_WANT,
    X,
    first_row,
    labels,
    spread,
)
from tests.faults.first_contact_numbers import NUMBERS_AND_NAMES


def writings(one: str, other: str, joined: str | None = None) -> dict[str, Case]:
    """Return labels, groups and ids of which one is written in two ways."""
    by = ("in different ways", "in row 4", "data.spellings=join")
    cells = [one, one, "dog", other, *spread([one, "dog"], N_ROWS - 4)]
    joined = one if joined is None else joined
    want = [joined if cell in (one, other) else cell for cell in cells]
    groups = {"x": X, "g": cells, "label": TWO}
    ids = {"x": X, "id": [one, other, *NUMBERS[2:]], "label": TWO}
    return {
        "label": Case({"x": X, "label": cells}, {"label": want}, refused=("column 'label'", *by), mended=JOIN),
        "group": Case(groups, {"group": want}, {"group": "g"}, refused=("column 'g'", *by), mended=JOIN),
        "id": Case(ids, {"id": ids["id"]}, {"id": "id"}, refused=("column 'id'", "row 1", "row 2"), mended=APART),
    }


def _without_header(lines: list[str], _: str) -> list[str]:
    return lines[1:]


def _top(*more: str) -> Any:
    return lambda lines, delimiter: [*(line.replace("DELIMITER", delimiter) for line in more), *lines]


def _after_row(number: int, line: str) -> Any:
    return lambda lines, _: [*lines[: number + 1], line, *lines[number + 1 :]]


def _again(lines: list[str], _: str) -> list[str]:
    return [*lines[:6], lines[0], *lines[6:]]


def _mark(lines: list[str], _: str) -> list[str]:
    return [*lines[:5], f"\ufeff{lines[5]}", *lines[6:]]


def _two_marks(lines: list[str], _: str) -> list[str]:
    return [f"\ufeff\ufeff{lines[0]}", *lines[1:]]


def _row_names(lines: list[str], delimiter: str) -> list[str]:
    return [lines[0], *(f"r{i}{delimiter}{line}" for i, line in enumerate(lines[1:]))]


LAYOUT = {
    "as it should be": Case(PLAIN, PLAIN_WANT),
    "no header": Case(
        PLAIN,
        {"c1": X_WANT, "label": TWO},
        {"label": "label"},
        refused=("first line looks like data ('0.5'", "data.header=none"),
        mended={"header": "none", "label": "c2"},
        formats=DELIMITED,
        layout=_without_header,
    ),
    "no header, whole numbers": Case(
        {"x": NUMBERS, "label": spread(["3", "4", "5"])},
        {"label": spread(["3", "4", "5"])},
        refused=("first line looks like data", "data.header"),
        mended={"header": ["n", "label"]},
        formats=DELIMITED,
        layout=_without_header,
    ),
    "no header, words alone": Case(
        {"label": TWO, "x": spread(["red", "blue", "red"])},
        {"label": TWO, "c2": spread(["red", "blue", "red"])},
        refused=("first line looks like data ('cat'", "data.header=none"),
        mended={"header": "none", "label": "c1"},
        formats=DELIMITED,
        layout=_without_header,
    ),
    "the header again": Case(PLAIN, refused=("row 6 is the header again",), formats=DELIMITED, layout=_again),
    "sep= at the top": Case(
        PLAIN, PLAIN_WANT, said=("'sep=", "no row: left out"), formats=DELIMITED, layout=_top("sep=DELIMITER")
    ),
    "sep= in quotes": Case(
        PLAIN, PLAIN_WANT, said=("no row: left out",), formats=DELIMITED, layout=_top('"sep=DELIMITER"')
    ),
    "sep= of another delimiter": Case(
        PLAIN, refused=("only one column when split at ';'", "data.delimiter"), formats=DELIMITED, layout=_top("sep=;")
    ),
    "sep= and data.delimiter": Case(
        PLAIN,
        PLAIN_WANT,
        {"delimiter": "|"},
        refused=("its first line is sep=", "leave data.delimiter out"),
        mended={"delimiter": None},
        formats=DELIMITED,
        layout=_top("sep=DELIMITER"),
    ),
    "comments at the top": Case(
        PLAIN,
        PLAIN_WANT,
        said=("2 lines that begin with #",),
        formats=DELIMITED,
        layout=_top("# made by hand", "#"),
    ),
    "a comment after sep=": Case(PLAIN, PLAIN_WANT, formats=DELIMITED, layout=_top("sep=DELIMITER", "# by hand")),
    "a comment before sep=": Case(
        PLAIN, refused=("no column 'label'", "sep="), formats=DELIMITED, layout=_top("# by hand", "sep=DELIMITER")
    ),
    "a comment of two cells": Case(
        PLAIN, refused=("no column 'label'", "# made by hand"), formats=("csv",), layout=_top("# made by hand, once")
    ),
    "comments by %": Case(PLAIN, refused=("% made",), formats=DELIMITED, layout=_top("% made by hand")),
    "a title above the header": Case(
        PLAIN, refused=("Results of May",), formats=DELIMITED, layout=_top("Results of May")
    ),
    "a comment in the middle": Case(
        PLAIN, refused=("row 6 (line 7) has 1 cells",), formats=DELIMITED, layout=_after_row(5, "# the second day")
    ),
    "a comment at the end": Case(
        PLAIN, refused=("row 25 (line 26) has 1 cells",), formats=DELIMITED, layout=_after_row(N_ROWS, "# 24 rows")
    ),
    "a header that begins with #": Case({"#x": X, "label": TWO}, {"#x": X_WANT, "label": TWO}, formats=DELIMITED),
    "R's row names": Case(
        {"x": X, "y": NUMBERS, "label": TWO},
        {"x": X_WANT, "label": TWO},
        said=("as R writes it", "left out"),
        formats=DELIMITED,
        layout=_row_names,
    ),
    "a mark inside, in numbers": Case(
        PLAIN, PLAIN_WANT, said=("byte order mark", "line 6"), formats=DELIMITED, layout=_mark
    ),
    "a mark inside, in words": Case(
        {"odd": spread(["red", "blue"]), "label": TWO},
        {"odd": spread(["red", "blue"]), "label": TWO},
        said=("byte order mark", "line 6"),
        formats=DELIMITED,
        layout=_mark,
    ),
    "two marks at the top": Case(
        {"label": TWO, "x": X},
        PLAIN_WANT,
        formats=DELIMITED,
        layout=_two_marks,
    ),
    "a mark in a name": Case({"x": X, "\ufefflabel": TWO}, refused=("no column 'label'", "ufeff")),
}

INDEX = {
    "no name": Case({"": NUMBERS, **PLAIN}, PLAIN_WANT, said=("'unnamed_1' only numbers the rows",), formats=DELIMITED),
    "Unnamed: 0": Case({"Unnamed: 0": NUMBERS, **PLAIN}, PLAIN_WANT, said=("'Unnamed: 0' only numbers the rows",)),
    "Unnamed: 0 as numbers": Case(
        {"Unnamed: 0": list(range(N_ROWS)), **PLAIN},
        PLAIN_WANT,
        said=("'Unnamed: 0' only",),
        formats=("jsonl", "parquet"),
    ),
    "two of them": Case({"Unnamed: 0.1": NUMBERS, "Unnamed: 0": NUMBERS, **PLAIN}, PLAIN_WANT, said=("only numbers",)),
    "as ids": Case({"Unnamed: 0": NUMBERS[::-1], **PLAIN}, {"id": NUMBERS[::-1]}, {"id": "Unnamed: 0"}),
    "with gaps": Case({"Unnamed: 0": [str(7 * i) for i in range(N_ROWS)], **PLAIN}, PLAIN_WANT, said=("only numbers",)),
    "shuffled": Case({"Unnamed: 0": NUMBERS[::-1], **PLAIN}, PLAIN_WANT, said=("'Unnamed: 0' only numbers the rows",)),
    "__index_level_0__": Case({**PLAIN, "__index_level_0__": NUMBERS}, PLAIN_WANT, said=("row names", "left out")),
    "words in __index_level_0__": Case(
        {**PLAIN, "__index_level_0__": [f"r{i}" for i in range(N_ROWS)]}, PLAIN_WANT, said=("row names", "left out")
    ),
    "index": Case({"index": NUMBERS, **PLAIN}, {"label": TWO}, said=("index", "data.drop=[index]")),
}

WORDS: dict[str, Case] = {}
for _name, (_one, _other) in {
    "dots at the end": ("cat", "cat."),
    "case": ("cat", "Cat"),
    "width": ("cat", "\uff43\uff41\uff54"),
    "NFC and NFD": ("caf\u00e9", "cafe\u0301"),
    "zero width": ("cat", "c\u200bat"),
    "a mark": ("cat", "\ufeffcat"),
    "spaces that do not break": ("big cat", "big\u00a0cat"),
    "a space at the end": ("cat", "cat "),
    "quotes": ("cat", "'cat'"),
    "a soft hyphen": ("catfish", "cat\u00adfish"),
}.items():
    WORDS |= {f"{_name}, {what}": case for what, case in writings(_one, _other).items()}
WORDS["dots in all of them"] = labels(["<=50K.", ">50K."], ["<=50K.", ">50K."])
WORDS["one number in two forms"] = labels(
    ["1", "2", "1.0"], ["1", "2", "1"], refused=("number form", "data.spellings=join"), mended=JOIN
)
for _name, (_one, _other) in {
    "a thousand": ("1000", "1,000"),
    "a thousand by a space": ("1000", "1 000"),
    "a thousand by a narrow space": ("1000.0", "1\u202f000"),
    "a thousand by an apostrophe": ("1'000", "1000"),
    "a thousand by an underscore": ("1_000", "1000"),
    "a million by points": ("1.000.000", "1000000"),
    "a lakh": ("1,00,000", "100000"),
    "a decimal comma": ("0.5", "0,5"),
    "a decimal comma and points": ("1.234,50", "1234.5"),
    "money": ("$5", "$5.00"),
    "percent": ("50%", "50.0 %"),
}.items():
    WORDS[f"{_name}, label"] = labels(
        [_one, "7", _other, _one],
        [_one, "7", _one, _one],
        formats=("tsv", "jsonl", "parquet"),
        refused=("number form", "rows", "data.spellings=join"),
        mended=JOIN,
    )
WORDS["numbers that are two"] = labels(["1,2", "12", "0,125", "125", "1,25"], ["1,2", "12", "0,125", "125", "1,25"])
WORDS["money that is two"] = labels(["$5", "€5", "5%", "5"], ["$5", "€5", "5%", "5"])
WORDS["groups with a comma between thousands"] = Case(
    {"x": X, "g": spread(["1000", "1,000", "2"]), "label": TWO},
    {"group": spread(["1000", "1000", "2"])},
    {"group": "g"},
    refused=("column 'g'", "number form"),
    mended=JOIN,
)
WORDS["groups with decimal commas"] = Case(
    {"x": X, "g": spread(["1,1", "1,10", "$1.1", "$1.10"]), "label": TWO},
    {"group": spread(["1,1", "1,10", "$1.1", "$1.10"])},
    {"group": "g"},
)
WORDS["groups with zeros in front"] = Case(
    {"x": X, "g": spread(["1", "01", "2"]), "label": TWO}, {"group": spread(["1", "01", "2"])}, {"group": "g"}
)
WORDS["groups as one number in two forms"] = Case(
    {"x": X, "g": spread(["1", "1.0", "2"]), "label": TWO},
    {"group": spread(["1", "1", "2"])},
    {"group": "g"},
    refused=("column 'g'", "number form"),
    mended=JOIN,
)


def quoted(number: int, cell: str, *more: tuple[int, str]) -> Any:
    """Write rows of which some cells are written as they are, quotes and all."""

    def layout(lines: list[str], delimiter: str) -> list[str]:
        for place, text in ((number, cell), *more):
            first, rest = lines[place].split(delimiter, 1)[0], lines[place].rsplit(delimiter, 1)[1]
            lines = [*lines[:place], delimiter.join((first, text, rest)), *lines[place + 1 :]]
        return lines

    return layout


TEXTS = [f"it is {i} wide" for i in range(N_ROWS)]
TEXT_COLUMNS = {"x": X, "t": TEXTS, "label": TWO}


def lone(cells: dict[int, str], *words: str) -> Case:
    """Return texts of which some begin with a quote that opens nothing."""
    want = [cells.get(i + 1, text) for i, text in enumerate(TEXTS)]
    first, *others = cells.items()
    layout = quoted(*first, *others)
    common: dict[str, Any] = {"options": {"text": "t"}, "formats": ("tsv", "csv"), "layout": layout}
    if not words:
        return Case(TEXT_COLUMNS, {"text": want, "label": TWO}, **common)
    return Case(TEXT_COLUMNS, {"text": want, "label": TWO}, refused=words, mended={"quote": "none"}, **common)


QUOTES: Mapping[str, Case] = {
    "inside a cell": lone({3: 'a 5" pipe'}),
    "that opens nothing": lone({3: '"so he said'}, "row 3", "data.quote=none"),
    "twice": lone({3: '"so he said', 7: '"and again'}, "row", "data.quote=none"),
    "around a word": lone({3: '"so" he said'}, "row 3", "data.quote=none"),
    "one opens, one closes": lone({3: '"so he said', 7: 'and so on"'}, "data.quote=none"),
}

IDS: Mapping[str, Case] = {
    "one twice": Case(
        {"x": X, "id": ["a0", "a0", *(f"a{i}" for i in range(2, N_ROWS))], "label": TWO},
        {"id": NUMBERS, "label": TWO},
        {"id": "id"},
        refused=("duplicate id 'a0' in column 'id': 2 rows (1, 2)", "data.id=null"),
        mended={"id": None},
    ),
    "as numbers": Case(
        {"x": X, "id": [1, 1, *range(2, N_ROWS)], "label": TWO},
        {"id": NUMBERS},
        {"id": "id"},
        refused=("duplicate id '1'", "2 rows (1, 2)"),
        mended={"id": None},
        formats=TYPED,
    ),
    "none in a row": Case(
        {"x": X, "id": first_row("", NUMBERS), "label": TWO},
        {"id": NUMBERS},
        {"id": "id"},
        refused=("no id in column 'id' in row 5",),
        mended={"id": None},
    ),
}

CASES: dict[str, Case] = {
    f"{kind}: {name}": case
    for kind, cases in {
        "layout": LAYOUT,
        "index": INDEX,
        "writings": WORDS,
        "numbers": NUMBERS_AND_NAMES,
        "codes": CODES,
        "no label": MISSING_LABELS,
        "joined": JOINED,
        "quotes": QUOTES,
        "ids": IDS,
    }.items()
    for name, case in cases.items()
}

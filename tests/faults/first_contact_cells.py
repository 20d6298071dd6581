"""The odd tables of F18: labels and features whose cells are written in some way."""

from collections.abc import Mapping, Sequence
from typing import Any

from tests.faults.first_contact import N_ROWS, Case

TWO = ["cat", "dog"] * (N_ROWS // 2)
X = [f"{i}.5" for i in range(N_ROWS)]
X_WANT = [i + 0.5 for i in range(N_ROWS)]
PLAIN = {"x": X, "label": TWO}
PLAIN_WANT = {"x": X_WANT, "label": TWO}
NUMBERS = [str(i) for i in range(N_ROWS)]
JOIN, APART = {"spellings": "join"}, {"spellings": "apart"}
DELIMITED = ("csv", "tsv")
TYPED = ("jsonl", "parquet")


def spread(values: Sequence[Any], n: int = N_ROWS) -> list[Any]:
    """Repeat values until there are enough rows."""
    return [values[i % len(values)] for i in range(n)]


def first_row(value: Any, others: Sequence[Any]) -> list[Any]:
    """Put one odd value into the fifth row."""
    return [*others[:4], value, *others[5:]]


def without_fifth(values: Sequence[Any]) -> list[Any]:
    """Leave the fifth row out."""
    return [*values[:4], *values[5:]]


def feature(cells: Sequence[str], want: Sequence[Any] | None = None, *words: str, **rest: Any) -> Case:
    """Return a table with one odd feature: read as ``want``, else refused; ``words`` are said then."""
    columns = {"x": X, "odd": spread(cells), "label": TWO}
    wanted = {"odd": spread(want)} if want else {"odd": spread(rest.pop("as_words", cells))}
    if want:
        return Case(columns, wanted, said=words, **rest)
    return Case(columns, wanted, refused=("column 'odd'", *words), mended={"categorical": "odd"}, **rest)


def labels(cells: Sequence[Any], want: Sequence[Any], **rest: Any) -> Case:
    """Return a table with an odd label column."""
    return Case({"x": X, "label": spread(cells)}, {"x": X_WANT, "label": spread(want)}, **rest)


CODES: Mapping[str, Case] = {
    "three digits": feature(["007", "012", "123"], ["007", "012", "123"], "holds codes ('007'", "data.numeric=[odd]"),
    "postcodes": feature(["01234", "98101"], ["01234", "98101"], "holds codes"),
    "zero alone": feature(["0", "007", "12"], ["0", "007", "12"], "holds codes"),
    "an e between digits": feature(["1e5", "200", "2E7"], ["1e5", "200", "2E7"], "holds codes"),
    "more digits than a number keeps": feature(
        [f"{10**17 + i}" for i in range(N_ROWS)],
        [f"{10**17 + i}" for i in range(N_ROWS)],
        "holds codes ('100000000000000000'",
    ),
    "ids": Case(
        {"x": X, "id": ["01", "1", *NUMBERS[2:]], "label": TWO}, {"id": ["01", "1", *NUMBERS[2:]]}, {"id": "id"}
    ),
    "labels": labels(["007", "012", "123"], ["007", "012", "123"]),
    "labels, with and without": labels(
        ["01", "2", "1"], ["01", "2", "01"], refused=("number form", "data.spellings"), mended=JOIN
    ),
}


def no_label(
    word: Any, others: Sequence[Any] = ("cat", "dog"), shown: str | None = None, as_text: Any = None, **rest: Any
) -> Case:
    """Return labels of which one means that there is none: told, and left out where the option says so."""
    cells, left = first_row(word, spread(others)), without_fifth(spread(as_text or others))
    shown = str(word) if shown is None else shown
    return Case(
        {"x": X, "label": cells},
        {"label": [str(cell) for cell in left]},
        said=("warning: classes that look like no label", f"'{shown}' in row 5", "data.missing_labels="),
        mended={"missing_labels": [shown]},
        **rest,
    )


MISSING_LABELS: Mapping[str, Case] = {
    **{
        word: no_label(word)
        for word in (
            "?",
            "NA",
            "None",
            "null",
            "NaN",
            "-",
            "–",
            "unknown",
            "Unlabeled",
            "#N/A",
            "#VALUE!",
            "unsure",
            "k.A.",
            "なし",
            "未标注",
            "未分类",
            "无法判断",
            "（空）",
            "[unknown]",
            "to be determined",
            "unbekannt",
            "неизвестно",
            "\\N",
        )
    },
    "N/A, joined writings": no_label("N/A."),
    "-1": no_label("-1", ("0", "1", "2")),
    "-1 with fractions": no_label("-1.0", ("0.0", "1.0", "2.0")),
    "-1 from 1 up": no_label("-1", ("1", "2", "3")),
    "-1 as a number": no_label(-1, (0, 1, 2), formats=TYPED),
    "-1 as a number with a fraction": no_label(
        -1.0, (0.0, 1.0, 2.0), "-1", as_text=("0", "1", "2"), formats=("parquet",)
    ),
    "-999": no_label("-999", ("0", "1", "2")),
    "-100": no_label("-100", ("0", "1", "2")),
    "9999": no_label("9999", ("1", "2", "3")),
    "98 and 99": labels(["98", "99", "97"], ["98", "99", "97"]),
    "-1 among words": no_label("-1"),
    "a number among words": labels(["1", "cat", "-1"], ["1", "cat", "-1"]),
    "1 and -1": labels(["1", "-1"], ["1", "-1"]),
    "empty": Case(
        {"x": X, "label": first_row("", TWO)},
        {"label": without_fifth(TWO)},
        refused=("no label in column 'label' in row 5", "data.missing_labels=['']"),
        mended={"missing_labels": [""]},
    ),
    "nothing": Case(
        {"x": X, "label": first_row(None, TWO)},
        {"label": without_fifth(TWO)},
        refused=("no label in column 'label' in row 5", "data.missing_labels=['']"),
        mended={"missing_labels": [""]},
        formats=TYPED,
    ),
    "-1 in columns of 0 and 1": Case(
        {"x": X, "a": first_row("-1", spread(["0", "1"])), "b": spread(["1", "0", "1"])},
        {"label": without_fifth(spread([{"b"}, {"a"}, {"b"}, {"a", "b"}, set(), {"a", "b"}]))},
        {"label": ["a", "b"]},
        refused=("label column 'a' has '-1' in row 5", "data.missing_labels"),
        mended={"missing_labels": ["-1"]},
    ),
    "a word in joined labels": labels(
        ["red|blue", "NA", "red"],
        [{"red", "blue"}, {"NA"}, {"red"}],
        options={"label_delimiter": "|"},
        said=("'NA' in 8 rows (2, 5, ", "data.missing_labels"),
    ),
}

RED, BLUE, BOTH = {"red"}, {"blue"}, {"red", "blue"}
SETS = [BOTH, RED, BLUE]


def joined(cells: Sequence[Any], delimiter: str = ",", *words: str, **rest: Any) -> Case:
    """Return labels of which several are in one cell: refused without ``data.label_delimiter``, read with it."""
    return labels(cells, SETS, refused=words, mended={"label_delimiter": delimiter, **rest.pop("more", {})}, **rest)


def told(cells: Sequence[Any], delimiter: str) -> Case:
    """Return the same where classes are made of others: a note names the option."""
    return labels(
        cells,
        SETS,
        said=("look like other classes joined", "data.label_delimiter="),
        mended={"label_delimiter": delimiter},
    )


LIST_SAID = ("column 'label' holds lists", "data.label_delimiter")
JOINED: Mapping[str, Case] = {
    "by a bar": told(["red|blue", "red", "blue"], "|"),
    "by a comma": told(["red, blue", "red", "blue"], ","),
    "by a space": told(["red blue", "red", "blue"], " "),
    "by a plus": told(["red+blue", "red", "blue"], "+"),
    "each in quotes": labels(
        ['"red","blue"', '"red"', '"blue"'], SETS, options={"label_delimiter": ","}, said=("are quoted",)
    ),
    "by a semicolon": told(["red;blue", "red", "blue"], ";"),
    "by a wide comma": told(["red，blue", "red", "blue"], "，"),
    "by an ideographic comma": told(["red、blue", "red", "blue"], "、"),
    "lists of Python": joined(["['red', 'blue']", "['red']", "['blue']"], ",", *LIST_SAID),
    "lists of JSON": joined(['["red", "blue"]', '["red"]', '["blue"]'], ",", *LIST_SAID),
    "lists of numpy": joined(["['red' 'blue']", "['red']", "['blue']"], ",", *LIST_SAID),
    "arrays of numpy": joined(
        ["array(['red', 'blue'], dtype=object)", "array(['red'])", "array(['blue'])"], ",", *LIST_SAID
    ),
    "by two bars": told(["red||blue", "red", "blue"], "|"),
    "none alone": labels(
        ["red|blue", "blue|green", "green|red"],
        [{"red", "blue"}, {"blue", "green"}, {"green", "red"}],
        said=("look like other classes joined", "data.label_delimiter="),
        mended={"label_delimiter": "|"},
    ),
    "places with their country": labels(
        ["Paris, France", "Rome, Italy", "Oslo, Norway"],
        ["Paris, France", "Rome, Italy", "Oslo, Norway"],
        formats=("tsv", *TYPED),
    ),
    "by any sign": told(["red#blue", "red", "blue"], "#"),
    "by underscores": told(["red__blue", "red", "blue"], "__"),
    "by a word": told(["red and blue", "red", "blue"], " and "),
    "points and dashes are of numbers": labels(["1.5", "1-5", "1", "5"], ["1.5", "1-5", "1", "5"]),
    "with a comma behind each": told(["red,blue,", "red,", "blue,"], ","),
    "sets": joined(["{'red', 'blue'}", "{'red'}", "{'blue'}"], ",", *LIST_SAID),
    "some lists": labels(
        ["['red', 'blue']", "red", "blue"],
        SETS,
        options={"label_delimiter": ","},
        refused=("look like lists", "row", "write all in one way"),
    ),
    "lists themselves": labels([["red", "blue"], ["red"], ["blue"]], SETS, formats=TYPED),
    "wide delimiter among others": labels(
        ["red,blue", "red，blue", "red", "blue"],
        [BOTH, BOTH, RED, BLUE],
        options={"label_delimiter": ","},
        refused=("'red，blue'", "row", "data.spellings=join"),
        mended=JOIN,
    ),
    "another delimiter": labels(
        ["red|blue", "red", "blue"], SETS, options={"label_delimiter": ","}, refused=("'red|blue'", "row", "not ','")
    ),
    "a label in two cases": labels(
        ["red|blue", "Red", "blue"],
        SETS,
        options={"label_delimiter": "|"},
        refused=("in different ways", "case"),
        mended=JOIN,
    ),
}

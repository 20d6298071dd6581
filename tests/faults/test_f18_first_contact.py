"""F18: tables as people have them: read rightly, or refused, or told with the option; never silently wrong."""

import math
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from tests.faults.first_contact import DELIMITERS, Writing, read, written
from tests.faults.first_contact_cases import CASES
from tests.faults.harness import battery
from trainer.errors import ConfigError, DataError

KINDS = list(dict.fromkeys(name.split(":")[0] for name in CASES))
WRITINGS = [Writing(*how) for how in product(("\n", "\r\n", "\r"), (False, True), (False, True), (True, False))]
TRIES = [
    (name, kind, writing)
    for name, case in CASES.items()
    for kind in case.formats
    for writing in WRITINGS
    if writing == WRITINGS[0] or (kind in DELIMITERS and not (writing.all_quoted and case.layout))
]


def judge(name: str, kind: str, directory: Path, writing: Writing | None = None) -> str:
    """Hold what becomes of one table against what must; return how it ended."""
    case = CASES[name]
    path = written(case, kind, directory, writing)
    if not case.refused:
        found, said = read(path, case.options)
        for words in case.said:
            assert words in said, f"not told: {words}\n{said}"
        if case.mended is None:
            same(found, case.want)
            return "told, and read rightly" if case.said else "read rightly"
        same(read(path, {**case.options, **case.mended})[0], case.want)
        return "told with the option"
    with pytest.raises((DataError, ConfigError)) as caught:
        print(read(path, case.options))
    message = str(caught.value)
    assert len(message.splitlines()) <= 5, message
    for words in case.refused:
        assert words in message, f"not said: {words}\n{message}"
    if case.mended is not None:
        same(read(path, {**case.options, **case.mended})[0], case.want)
        return "refused, and read with the option"
    return "refused"


def same(found: Mapping[str, Sequence[Any]], want: Mapping[str, Sequence[Any]]) -> None:
    for column, values in want.items():
        assert column in found, f"no column {column}: {list(found)}"
        pairs = zip(found[column], values, strict=True)
        differ = [pair for pair in pairs if pair[0] != pair[1] and not all(map(_is_nan, pair))]
        assert not differ, f"column {column}: {differ[0][0]!r} for {differ[0][1]!r}"


def _is_nan(value: object) -> bool:
    return isinstance(value, float) and math.isnan(value)


@pytest.mark.parametrize("of", KINDS)
def test_each_table_in_one_of_its_formats(tmp_path, of):
    for number, (name, case) in enumerate(CASES.items()):
        if name.startswith(f"{of}:"):
            kind = case.formats[number % len(case.formats)]
            try:
                judge(name, kind, tmp_path)
            except AssertionError as error:
                raise AssertionError(f"{name}, {kind}: {error}") from error


@pytest.mark.battery
def test_battery_of_each_table_in_every_format_and_writing(tmp_path):
    tries = random.Random(18).sample(TRIES, len(TRIES))  # FOLDWISE_BATTERY_F18=500 takes the first ones

    def one(number: int, figures: Counter[str]) -> None:
        name, kind, writing = tries[number]
        try:
            ended = judge(name, kind, tmp_path, writing)
        except (Exception, pytest.fail.Exception) as error:  # no way to fail but those that are named
            raise AssertionError(f"{name}, {kind}, {writing}: {type(error).__name__}: {error}") from error
        figures[ended] += 1

    battery("F18", "tables in every format, line end, quoting", len(tries), one)

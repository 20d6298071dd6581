"""F10: whatever is typed is a run that works, or a short message with the exit code of its kind; nothing hangs."""

import random
from collections import Counter
from functools import partial

import pytest

from tests.faults.command_lines import at_random, one_option, shown, two_options, write_inputs
from tests.faults.harness import battery, wanted_count
from tests.faults.in_turn import InTurn

CODES = (0, 2, 3, 4, 5, 6)
LONGEST_LINE = 450


@pytest.fixture(scope="module")
def in_turn(tmp_path_factory):
    directory = tmp_path_factory.mktemp("typed") / "here"
    write_inputs(directory)
    runner = InTurn(directory)
    yield runner
    runner.close()


def fault(ended):
    """Return what is wrong with the end of a command line, or None."""
    lines = ended.err.splitlines()
    if ended.code not in CODES:
        return f"exit {ended.code}"
    if "Traceback" in ended.err or "Traceback" in ended.out:
        return "a traceback"
    if ended.code and not 1 <= len(lines) <= 5:
        return f"{len(lines)} lines"
    if max(map(len, lines), default=0) > LONGEST_LINE:
        return f"a line of {max(map(len, lines))} characters"
    if not ended.code and lines:
        return "a word on standard error"
    if not all(line.isprintable() for line in lines):
        return "control characters"
    return None


def try_line(in_turn, line_of, number, figures):
    line = line_of(number)
    ended = in_turn.run(line)
    figures[f"exit {ended.code}"] += 1
    figures["slowest, s"] = max(figures["slowest, s"], round(ended.seconds, 1))
    found = fault(ended)
    assert found is None, f"{found}: {shown(line)}\n{ended.err[:2000]}"


def drawn(draw, number):
    return draw(random.Random(number))


def test_some_command_lines_of_each_kind(in_turn):
    lines = random.Random(11).sample(one_option(), 16)
    lines += [drawn(draw, number) for draw in (two_options, at_random) for number in range(12)]
    for number in range(len(lines)):
        try_line(in_turn, lines.__getitem__, number, Counter())


@pytest.mark.battery
def test_one_option(in_turn):
    """At the edges of its type, in other forms, of other groups."""
    lines = one_option()
    wanted = min(wanted_count("F10", 2500), len(lines))
    chosen = random.Random(10).sample(lines, wanted)
    battery("F10", "command lines, one option", wanted, partial(try_line, in_turn, chosen.__getitem__))


@pytest.mark.battery
@pytest.mark.parametrize("draw", [two_options, at_random])
def test_several_options(in_turn, draw):
    words = {"two_options": "two options", "at_random": "some of everything, mistyped"}[draw.__name__]
    battery("F10", f"command lines, {words}", 1250, partial(try_line, in_turn, partial(drawn, draw)))

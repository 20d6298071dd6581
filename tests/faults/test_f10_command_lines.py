"""F10: whatever is typed is a run that works, or a short message with the exit code of its kind; nothing hangs."""

import math
import random
from collections import Counter
from copy import deepcopy
from functools import cache, partial

import pytest
from hydra import compose, initialize_config_dir

from tests.faults.command_lines import WITH, at_random, one_option, options, shown, two_options, write_inputs
from tests.faults.harness import battery, wanted_count
from tests.faults.in_turn import InTurn
from trainer.config.bounds import options_of
from trainer.config.compose import register_schema, to_run_config
from trainer.config.keys import CONF
from trainer.config.schema import RunConfig
from trainer.config.value_types import fits
from trainer.errors import ConfigError
from trainer.run.validate import check_config

CODES = (0, 2, 3, 4, 5, 6)
LONGEST_LINE = 450
KINDS = {option.key: option.kind for option in options_of(RunConfig)}


@pytest.fixture(scope="module")
def in_turn(tmp_path_factory, pytestconfig):
    directory = tmp_path_factory.mktemp("typed") / "here"
    write_inputs(directory)
    runner = InTurn(directory, figures=pytestconfig.option.markexpr == "battery")
    yield runner
    runner.close()


def fault(ended):
    """Return what is wrong with the end of a command line, or None."""
    lines = ended.err.splitlines()
    if ended.code not in CODES:
        return f"exit {ended.code}"
    if "Traceback" in ended.err or "Traceback" in ended.out:
        return "a traceback"
    told = 1 + ended.err.count(" failed: ")  # a sweep tells each job's error, then the first again
    if ended.code and not 1 <= len(lines) <= 5 * told:
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
    """A short form of the battery."""
    lines = random.Random(11).sample(one_option(), 2)
    lines += [drawn(draw, number) for draw in (two_options, at_random) for number in range(2)]
    for number in range(len(lines)):
        try_line(in_turn, lines.__getitem__, number, Counter())


ENDLESS = (  # what is made or done one by one, as often as is typed
    ("data=csv_text", "data.path=texts.csv", "model=rnn", f"model.layers={2**63 - 1}"),
    ("tricks=[pgd]", f"tricks.pgd.steps={2**62}"),
)


def test_nan_is_no_number_of_any_part(in_turn):
    """What compares with the bounds of a range lets NaN through, as torch's dropout does until it is run."""
    before = WITH["model=rnn"]
    ended = in_turn.run(["--config-dir", "own", "experiment=small", *before, "model.dropout=nan"])
    assert (ended.code, ended.err.splitlines()) == (2, ["configuration error: model.dropout: nan is not a number"])


@pytest.mark.parametrize("line", ENDLESS)
def test_what_would_take_for_ever_is_refused(in_turn, line):
    ended = in_turn.run(["--config-dir", "own", "experiment=small", *line])
    assert ended.code == 2, ended
    assert "at most 1000" in ended.err


VALUES = (-1, 0, 1, 0.5, 2**31, 2**63, 2**70, 1e39, math.nan, math.inf, -math.inf, "", "word", "数据", "x" * 3000, None)
VALUES += (True, [], [1], [0.9], ["a"], [None], [[1]], {}, {"a": 1}, {"a": {"b": [1]}}, [{"a": 1}], "${seed}", "???")


def test_values_of_any_kind_are_checked_without_a_fall(tmp_path, monkeypatch):
    """Sixty values, put where composition puts them: cheaper by far than the command lines that bring them."""
    write_inputs(tmp_path)
    monkeypatch.chdir(tmp_path)
    chosen = random.Random(12)
    outcomes = Counter(_checked(*chosen.choice(options()), chosen.choice(VALUES)) for _ in range(60))
    assert outcomes["allowed"] > 6
    assert outcomes["refused"] > 30
    assert outcomes["refused at length"] == 0


def _checked(key, before, value):
    config = deepcopy(_composed(before))
    *sections, name = key.split(".")
    section = config
    for part in sections:
        section = section[part] if isinstance(section, dict) else getattr(section, part)
    if isinstance(section, dict):
        section[name] = value
    elif fits(value, KINDS[key]):  # of a closed section: composition lets no other type through
        setattr(section, name, value)
    else:
        return "not composed"
    try:
        check_config(config)
    except ConfigError as refused:
        return "refused" if len(str(refused).splitlines()) <= 5 else "refused at length"
    return "allowed"


CHOSEN = ("data=iris", "tracker=none", "profile=off")
SMALL = ("max_epochs=1", "batch_size=64", "audit=off", "preflight=off", "cv.n_splits=2", "cv.parallel=1")


@cache
def _composed(before):
    register_schema()
    groups = {line.partition("=")[0] for line in before}
    small = [line for line in CHOSEN if line.partition("=")[0] not in groups]
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return to_run_config(compose("config", overrides=[*small, *SMALL, *before]), before)


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

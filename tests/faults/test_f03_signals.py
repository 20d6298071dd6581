"""F3: SIGTERM, SIGINT and SIGUSR1 mid-step, mid-save, in validation, while data loads, and twice in a row."""

import random
import signal
import time
from dataclasses import dataclass

import pytest

from tests.faults.fingerprints import fingerprint, leftovers, require_same, saved_step
from tests.faults.harness import QUICK, battery, finish, send, start, train, trained_steps, wait, wait_for
from trainer.system.interrupts import SAME_SECONDS

ARGUMENTS = (
    "data=wine",
    "plugins=[strike_plugin]",
    "model._target_=strike_plugin.Striking",
    "model.hidden=[48,48]",
    "batch_size=16",
    "max_epochs=4",
    "cv.select=inner",
    *QUICK,  # without a baseline: no strike comes while it is fitted
)
STEPS = 20  # of each fold: 80 rows, 16 in a batch, 4 epochs
NUMBERS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)
SAVED_WITHIN_SECONDS = 5.0
SECOND_AFTER_SECONDS = SAME_SECONDS + 0.2
GONE_WITHIN_SECONDS = 5.0  # a second signal: 0.1 s on an idle machine; without an answer a minute


@dataclass(frozen=True)
class Strike:
    """When which signal comes.

    Attributes:
        kind: what the process is doing: train, save, eval or load.
        number: of the signal.
        at: which step, save, scored batch.
        fold: 0 or 1.
        twice: whether a second signal follows.
        saving: options.
    """

    kind: str
    number: int
    at: int = 1
    fold: int = 0
    twice: bool = False
    saving: tuple[str, ...] = ("checkpoint.every_n_steps=3",)

    @property
    def name(self):
        return f"{signal.Signals(self.number).name}{' twice' if self.twice else ''}"


@pytest.fixture(scope="module")
def expected(shop):
    train(shop, "run=whole", *ARGUMENTS)
    return fingerprint(shop.runs / "whole")


def interrupted(shop, name, strike, forked):
    """Interrupt a run that stands still at the chosen moment; return the seconds until all was saved."""
    mark = shop.directory / f"{name}.mark"
    environment = {
        "FOLDWISE_TEST_STRIKE": f"{strike.kind}:{strike.fold}:{strike.at}:pause",
        "FOLDWISE_TEST_STRIKE_MARK": str(mark),
    }
    process = start(shop, f"run={name}", *ARGUMENTS, *strike.saving, forked=forked, environment=environment)
    assert wait_for(mark.exists, process), process.out + process.err
    steps_done = int(mark.read_text())
    sent = time.time()
    send(process, strike.number)
    wait(process, SECOND_AFTER_SECONDS if strike.twice else 0.2)
    if strike.twice:
        send(process, strike.number)
    else:
        mark.unlink()
    code = finish(process)
    assert code == 128 + strike.number, f"{strike}: exit {code}\n{process.out}{process.err}"
    assert "Traceback" not in process.err
    fold = shop.runs / name / f"fold_{strike.fold}"
    if strike.twice:
        assert not (fold / "DONE").exists()
        return time.time() - sent - SECOND_AFTER_SECONDS
    assert f"{signal.Signals(strike.number).name}: stopped" in process.err
    if strike.kind == "load":
        assert not (shop.runs / name).exists()
        return 0.0
    assert steps_done <= saved_step(fold) <= steps_done + 1, f"{strike}: {saved_step(fold)} after {steps_done}"
    assert leftovers(shop.runs / name, finished=False) == []
    return max(path.stat().st_mtime for path in fold.glob("step-*.json")) - sent


def interrupted_and_finished(shop, name, strike, expected, forked=True):
    """Interrupt a run, finish it with the same command and compare; return the seconds until all was saved."""
    seconds = interrupted(shop, name, strike, forked)
    assert seconds < (GONE_WITHIN_SECONDS if strike.twice else SAVED_WITHIN_SECONDS), strike
    saved = saved_step(shop.runs / name / f"fold_{strike.fold}")
    _, steps = trained_steps(shop, f"run={name}", *ARGUMENTS, *strike.saving)
    assert steps == (2 - strike.fold) * STEPS - saved, f"{strike}: {steps} steps after a checkpoint of step {saved}"
    require_same(shop.runs / name, expected)
    return seconds


@pytest.mark.parametrize(
    ("strike", "forked"),
    [
        (Strike("train", signal.SIGTERM, at=8), True),
        pytest.param(Strike("train", signal.SIGTERM, at=9), False, marks=pytest.mark.battery),  # 4 s more: no fork
        (Strike("save", signal.SIGINT, at=3), True),
        (Strike("eval", signal.SIGUSR1, at=2, saving=()), True),
        (Strike("load", signal.SIGTERM), True),
        (Strike("train", signal.SIGINT, at=11, twice=True), True),
    ],
    ids=lambda value: f"{value.kind} {value.name}" if isinstance(value, Strike) else "",
)
def test_a_signal_saves_and_the_same_command_goes_on_to_the_same_bits(shop, expected, strike, forked):
    interrupted_and_finished(shop, f"s-{strike.kind}-{strike.number}", strike, expected, forked)


def drawn_strike(drawn, number):
    """Draw a moment and a signal."""
    kind = ("train", "save", "eval", "train", "load")[number % 5]
    fold = 0 if kind in ("load", "save") else drawn.randrange(2)
    most = {"train": STEPS, "save": 6, "eval": 4, "load": 1}[kind]
    every = drawn.choice([(), *((f"checkpoint.every_n_steps={n}",) for n in (1, 2, 3, 5))])
    if kind == "save":
        every = ("checkpoint.every_n_steps=1",)
    background = f"checkpoint.background={str(drawn.random() < 0.7).lower()}"
    twice = kind == "train" and drawn.random() < 0.4
    return Strike(kind, drawn.choice(NUMBERS), drawn.randint(1, most), fold, twice, (*every, background))


def signalled_at_random(shop, name, drawn, expected):
    """Send a signal to a run that never stands still, at a random time; it may have ended before."""
    number = drawn.choice(NUMBERS)
    saving = (f"checkpoint.every_n_steps={drawn.randint(1, 5)}",)
    process = start(shop, f"run={name}", *ARGUMENTS, *saving)
    wait(process, drawn.uniform(0.2, 2.5))
    send(process, number)
    code = finish(process)
    before_any_handler = -number  # a shell shows 128 + the number for this one too
    assert code in (0, 128 + number, before_any_handler), f"exit {code}\n{process.out}{process.err}"
    train(shop, f"run={name}", *ARGUMENTS, *saving)
    require_same(shop.runs / name, expected)
    return code


@pytest.mark.battery
def test_many_signals(shop, expected):
    drawn = random.Random(3)

    def one(number, figures):
        if number % 6 == 5:
            code = signalled_at_random(shop, f"r{number}", drawn, expected)
            figures["at a random time"] += 1
            figures["ended before the signal"] += code == 0
            return
        strike, from_scratch = drawn_strike(drawn, number), number % 8 == 0
        seconds = interrupted_and_finished(shop, f"r{number}", strike, expected, forked=not from_scratch)
        figures["own processes, not forked"] += from_scratch
        figures["twice in a row" if strike.twice else f"during {strike.kind}"] += 1
        slowest = "slowest second signal, s" if strike.twice else "slowest save, s"
        figures[slowest] = max(figures[slowest], round(seconds, 2))

    battery("F3", "runs interrupted by SIGTERM, SIGINT, SIGUSR1", 100, one)

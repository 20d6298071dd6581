import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer.engine.precision import loss_scaler as rules
from trainer.engine.precision.loss_scaler import LossScaler
from trainer.errors import CheckpointError, NonFiniteError


class ApexRule:
    """The reference, from apex's documentation of dynamic loss scaling (25.04), and the floor it lets one ask for.

    Start at 2^16; an overflow halves the scale (not below the floor), forgets the clean steps and skips the step;
    2000 clean steps since the last overflow or doubling double it (not above 2^24).
    """

    def __init__(self, floor):
        self.scale, self.clean, self.floor = 65536.0, 0, floor

    def step(self, overflow):
        if overflow:
            self.scale, self.clean = max(self.floor, self.scale / 2), 0
            return False
        self.clean += 1
        if self.clean == 2000:
            self.scale, self.clean = min(16777216.0, self.scale * 2), 0
        return True


def dynamic():
    return LossScaler.start("dynamic")


def test_constants_are_apexs():
    assert (rules.INITIAL_SCALE, rules.SCALE_FACTOR, rules.SCALE_WINDOW_STEPS) == (2**16, 2, 2000)
    assert (rules.MAX_SCALE, rules.MIN_SCALE, rules.MAX_SKIPPED_IN_A_ROW) == (2**24, 1, 50)
    assert (dynamic().scale, dynamic().dynamic) == (65536.0, True)


SCRIPT = (
    [True] * 3  # 2^13 at once, as at the start of a run
    + [False] * 1999
    + [True]  # one short of the window: the count starts again
    + [False] * 2000  # doubles at the last
    + [False] * 2000
    + [False] * 1999
    + [True] * 2
    + [False] * 4000
)


def test_the_trajectory_is_apexs_over_a_scripted_sequence():
    scaler, reference = dynamic(), ApexRule(floor=1.0)
    scales = set()
    for overflow in SCRIPT:
        assert scaler.update(overflow) is reference.step(overflow)
        assert (scaler.scale, scaler.clean_steps) == (reference.scale, reference.clean)
        scales.add(scaler.scale)
    assert scales == {2.0**k for k in (12, 13, 14, 15)}
    assert scaler.skipped_steps == sum(SCRIPT)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.integers(0, 2500), st.integers(0, 49)), max_size=25))
def test_the_trajectory_is_apexs_over_any_sequence(stretches):
    scaler, reference, skipped = dynamic(), ApexRule(floor=1.0), 0
    for clean, overflows in stretches:
        for overflow in [False] * clean + [True] * overflows:
            skipped = skipped + 1 if overflow else 0
            if skipped == 50:
                return
            assert scaler.update(overflow) is reference.step(overflow)
            assert (scaler.scale, scaler.clean_steps) == (reference.scale, reference.clean)


def test_the_cap():
    scaler = dynamic()
    for _ in range(2000 * 12):
        scaler.update(overflow=False)
    assert scaler.scale == 2.0**24


def test_the_floor_where_torchs_scaler_has_none():
    scaler = dynamic()
    for _ in range(40):
        assert scaler.update(overflow=True) is False
    assert scaler.scale == 1.0
    theirs = torch.amp.GradScaler("cpu", init_scale=2.0**16)
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=0.1)
    for _ in range(40):
        theirs.scale(parameter.sum()).backward()
        parameter.grad.fill_(float("inf"))
        theirs.step(optimizer)
        theirs.update()
    assert theirs.get_scale() < 1.0


def test_fifty_skipped_in_a_row_stop_the_run():
    scaler = dynamic()
    for _ in range(49):
        scaler.update(overflow=True)
    scaler.update(overflow=False)  # one clean step starts the count again
    for _ in range(49):
        scaler.update(overflow=True)
    with pytest.raises(NonFiniteError, match=r"50 optimizer steps in a row overflowed \(loss scale now 1\)"):
        scaler.update(overflow=True)
    assert scaler.skipped_steps == 99


def test_a_fixed_scale_never_moves_and_never_skips():
    scaler = LossScaler.start(128.0)
    assert all(scaler.update(overflow) for overflow in [True] * 60 + [False] * 2001)
    assert (scaler.scale, scaler.skipped_steps) == (128.0, 0)


def test_a_state_goes_on_where_it_was():
    one, reference = dynamic(), dynamic()
    for overflow in SCRIPT[:2500]:
        one.update(overflow)
        reference.update(overflow)
    other = dynamic()
    other.load_state_dict(one.state_dict())
    for overflow in SCRIPT[2500:]:
        assert other.update(overflow) == reference.update(overflow)
        assert other == reference


def test_an_old_apex_state_is_read():
    scaler = dynamic()
    scaler.load_state_dict({"loss_scaler0": {"loss_scale": 32768.0, "unskipped": 12}})
    assert (scaler.scale, scaler.clean_steps, scaler.skipped_steps) == (32768.0, 12, 0)
    for _ in range(1988):
        scaler.update(overflow=False)
    assert scaler.scale == 65536.0


@pytest.mark.parametrize(("saved", "meant"), [(2.0**-3, 1.0), (2.0**30, 2.0**24)])
def test_a_scale_beyond_the_bounds_is_brought_back(saved, meant):
    """apex has no floor unless asked."""
    scaler = dynamic()
    scaler.load_state_dict({"loss_scaler0": {"loss_scale": saved, "unskipped": 0}})
    assert scaler.scale == meant


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({}, "it holds nothing"),
        ({"scale": 2.0}, "it holds scale"),
        ({"model": 1, "optimizer": 2}, "it holds model, optimizer"),
        ({"loss_scaler0": {"loss_scale": 2.0, "unskipped": 0}, "loss_scaler1": {}}, "only one loss"),
        ({"loss_scaler1": {"loss_scale": 2.0, "unskipped": 0}}, "only one loss"),
        ({"loss_scaler0": {}}, "cannot be"),
        ({"loss_scaler0": {"loss_scale": float("nan"), "unskipped": 0}}, "cannot be"),
        ({"loss_scaler0": {"loss_scale": 0.0, "unskipped": 0}}, "cannot be"),
        ({"loss_scaler0": {"loss_scale": 2.0, "unskipped": -1}}, "cannot be"),
        ({"loss_scaler0": {"loss_scale": 2.0, "unskipped": "many"}}, "cannot be"),
    ],
)
def test_a_state_that_is_none_is_refused_and_changes_nothing(state, message):
    scaler = dynamic()
    with pytest.raises(CheckpointError, match=message):
        scaler.load_state_dict(state)
    assert scaler == dynamic()


def test_a_saved_scale_that_differs_from_a_fixed_one_is_refused():
    scaler = LossScaler.start(1.0)
    with pytest.raises(CheckpointError, match=r"saved loss scale is 32768, but this run's is fixed at 1"):
        scaler.load_state_dict({"loss_scaler0": {"loss_scale": 32768.0, "unskipped": 12}})
    scaler.load_state_dict({"loss_scaler0": {"loss_scale": 1.0, "unskipped": 12}})
    assert scaler.scale == 1.0

"""Who takes the steps does not change what they come to, and what a step raises is raised where it was due."""

import pytest

from trainer.engine.stepwise import take_all


def three(log):
    try:
        for number in range(3):
            yield (number,)
            log.append(number)
    except ValueError:
        log.append("seen")
        raise
    return "whole"


def test_steps_are_taken_in_order_and_their_result_is_returned():
    log = []
    assert take_all(three(log), lambda step: log.append(f"take {step}")) == "whole"
    assert log == ["take 0", 0, "take 1", 1, "take 2", 2]


def test_what_a_step_raises_passes_through_what_surrounds_it():
    log = []

    def fails(step):
        if step == 1:
            raise ValueError("step")

    with pytest.raises(ValueError, match="step"):
        take_all(three(log), fails)
    assert log == [0, "seen"]

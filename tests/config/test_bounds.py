"""What stands beside a field is what its values are held to, and what is said of them."""

import math
from dataclasses import dataclass, field
from typing import Annotated

import pytest

from trainer.config.bounds import above, at_least, between, bound_problems, one_of, options_of
from trainer.config.schema import LISTED_SECTIONS, OPEN_SECTIONS, RunConfig


@dataclass
class Inner:
    decay: Annotated[float | None, between(0, 1, "(]"), "how fast"] = None


@dataclass
class Outer:
    steps: Annotated[int, at_least(1), "of a run"] = 3
    rate: Annotated[float, above(0), "of learning"] = 0.1
    share: Annotated[float, between(0, 1, "()"), "held out"] = 0.5
    alpha: Annotated[float, at_least(0), "of Beta"] = 0.0
    mode: Annotated[str | None, one_of("last", "inner", hint="two of them"), "which"] = "last"
    epochs: Annotated[int | str, at_least(0), one_of("all"), "frozen"] = 0
    free: bool = True
    inner: Inner = field(default_factory=Inner)


@dataclass
class Audited:
    audit: Annotated[str, one_of("warn", "off"), "whether"] = "warn"


@pytest.mark.parametrize(
    ("name", "good", "bad", "said"),
    [
        ("steps", [1, 7], [0, -1], "steps={}: must be at least 1"),
        ("rate", [1e-9], [0.0, math.inf, math.nan], "rate={}: must be positive and finite"),
        ("share", [0.01, 0.99], [0.0, 1.0, math.nan], "share={}: must be between 0 and 1"),
        ("alpha", [0.0, 9.0], [-0.1, math.inf], "alpha={}: must be finite and at least 0"),
        ("mode", ["inner", None], ["iner"], "mode: unknown '{}': did you mean 'inner'? (two of them)"),
        ("epochs", [0, "all"], [-1, "al", True], "epochs={}: must be a whole number, at least 0, or all"),
    ],
)
def test_values_are_held_to_what_their_field_says(name, good, bad, said):
    for value in good:
        assert bound_problems(Outer(**{name: value})) == []
    for value in bad:
        assert bound_problems(Outer(**{name: value})) == [said.format(value)]


def test_all_problems_come_at_once_with_whole_keys():
    record = Outer(steps=0, share=2.0, inner=Inner(decay=0.0))
    assert bound_problems(record, "fit.") == [
        "fit.steps=0: must be at least 1",
        "fit.share=2.0: must be between 0 and 1",
        "fit.inner.decay=0.0: must be above 0 and at most 1, or null",
    ]


def test_numbers_that_torch_cannot_hold_are_refused_whatever_the_option():
    assert bound_problems(Outer(steps=2**63 - 1)) == []
    assert bound_problems(Outer(steps=2**63)) == [f"steps={2**63}: must be at most {2**63 - 1}"]
    assert bound_problems(Outer(epochs=-(2**70))) == [f"epochs={-(2**70)}: must be at least -{2**63 - 1}"]


def test_a_list_of_words_holds_words():
    config = RunConfig()
    config.metrics.names = ["accuracy", [1]]
    assert bound_problems(config) == ["metrics.names=['accuracy', [1]]: must be a list of words"]


def test_words_that_yaml_takes_for_truth_values_are_told():
    assert bound_problems(Audited("False")) == [
        "audit: YAML reads off and on without quotes as truth values: write 'off'"
    ]
    assert bound_problems(Audited("True")) == ["audit: unknown 'True'; have: off, warn"]  # no 'on' there


def test_every_default_of_the_schema_is_allowed_and_every_closed_option_is_described():
    assert bound_problems(RunConfig()) == []
    undescribed = [option.key for option in options_of(RunConfig) if not option.about]
    assert undescribed == [*OPEN_SECTIONS, *LISTED_SECTIONS]

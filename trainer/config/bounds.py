"""What stands beside a type in the schema, ``Annotated[type, bound, ..., "what it is"]``, and the check of it."""

import math
from collections.abc import Iterator
from dataclasses import MISSING, dataclass, fields, is_dataclass
from types import NoneType
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from trainer.config.keys import typed
from trainer.errors import did_you_mean, shown
from trainer.wording.translations import _

YAML_WORDS = {"False": "off", "True": "on"}
LARGEST = 2**63 - 1  # what a whole number may be for torch and NumPy


@dataclass(frozen=True)
class Within:
    """A finite number from ``low`` to ``high``.

    Attributes:
        low: smallest value.
        high: largest value.
        ends: which of the two belong to it: ``[]``, ``[)``, ``(]`` or ``()``.
    """

    low: float
    high: float = math.inf
    ends: str = "[)"

    def holds(self, value: float) -> bool:
        """Return whether a number lies within."""
        above = value >= self.low if self.ends[0] == "[" else value > self.low
        return above and (value <= self.high if self.ends[1] == "]" else value < self.high)

    def words(self, *, whole: bool) -> str:
        """Return what follows "must be": ``at least 1``, ``positive and finite``, ``above 0 and at most 1``."""
        if self.high == math.inf:
            if self.ends[0] == "(":
                return "positive and finite" if self.low == 0 else f"finite and above {_written(self.low)}"
            return f"at least {_written(self.low)}" if whole else f"finite and at least {_written(self.low)}"
        if self.ends == "()":
            return f"between {_written(self.low)} and {_written(self.high)}"
        low = "at least" if self.ends[0] == "[" else "above"
        high = "at most" if self.ends[1] == "]" else "below"
        return f"{low} {_written(self.low)} and {high} {_written(self.high)}"


def _written(number: float) -> str:
    return f"{number:.0f}" if number == round(number) else f"{number:g}"


@dataclass(frozen=True)
class OneOf:
    """Some words; together with ``Within`` they may stand in place of a number.

    Attributes:
        known: the words.
        hint: said after a word that is none of them.
        dotted: whether a dotted name may stand in their place, which others check.
    """

    known: tuple[str, ...]
    hint: str = ""
    dotted: bool = False

    def holds(self, value: object) -> bool:
        """Return whether a value is one of the words, or may stand in their place."""
        return value in self.known or (self.dotted and isinstance(value, str) and "." in value)


@dataclass(frozen=True)
class Several:
    """A whole number within the bound beside it, or a list of different ones."""

    most: int = 1000

    def problem(self, value: object, within: Within) -> str | None:
        """Return what is wrong with a value, or None."""
        numbers = value if isinstance(value, list) else [value]
        whole = all(isinstance(one, int) and not isinstance(one, bool) and within.holds(one) for one in numbers)
        if not whole or max([0, *numbers]) > LARGEST:
            return f"must be a whole number, {within.words(whole=True)}, or a list of such"
        if not numbers or len(set(numbers)) < len(numbers):
            return "must be a list of different numbers, one at least"
        return f"at most {self.most} of them" if len(numbers) > self.most else None


def at_least(low: float) -> Within:
    """Return the bound of numbers from ``low`` on."""
    return Within(low)


def above(low: float) -> Within:
    """Return the bound of numbers above ``low``."""
    return Within(low, ends="()")


def between(low: float, high: float, ends: str) -> Within:
    """Return the bound of numbers from ``low`` to ``high``; ``ends`` as in ``Within``."""
    return Within(low, high, ends)


def one_of(*known: str, hint: str = "", dotted: bool = False) -> OneOf:
    """Return the bound of these words."""
    return OneOf(known, hint, dotted)


@dataclass(frozen=True)
class Option:
    """A field of a dataclass as people meet it.

    Attributes:
        key: dotted name.
        kind: its type.
        default: its default value; ``dataclasses.MISSING`` = it has to be given.
        about: what it is, in one line.
        within: bounds of a number.
        one_of: words.
        several: whether a list of such numbers may stand in place of one.
    """

    key: str
    kind: Any
    default: Any
    about: str
    within: Within | None
    one_of: OneOf | None
    several: Several | None = None

    def allowed(self) -> str:
        """Return what it may be beyond its type: ``at least 0, or all``; "" where the type says it all."""
        parts = [] if self.within is None else [self.within.words(whole=float not in self._kinds())]
        if self.within is None and self.one_of is not None:
            parts.append(f"one of {', '.join(self.one_of.known)}")
        elif self.one_of is not None:
            parts += self.one_of.known
        return ", or ".join([*parts, "null"] if parts and NoneType in self._kinds() else parts)

    def problem(self, value: Any) -> str | None:
        """Return what is wrong with a value of the right type, in one line with its key, or None."""
        if self.several is not None and self.within is not None:
            said = self.several.problem(value, self.within)
            return None if said is None else f"{self.key}={shown(typed(value))}: {said}"
        if value is None or (self.one_of is not None and self.one_of.holds(value)):
            return None
        if isinstance(value, int) and abs(value) > LARGEST:
            return f"{self.key}={value}: must be " + (f"at most {LARGEST}" if value > 0 else f"at least -{LARGEST}")
        if get_origin(self.kind) is list and not all(isinstance(item, str) for item in value):
            return f"{self.key}={shown(str(value))}: must be a list of words"
        if self.within is None:
            return None if self.one_of is None else self._unknown(shown(str(value)))
        if isinstance(value, int | float) and not isinstance(value, bool) and self.within.holds(value):
            return None
        number = "a whole number, " if self.one_of is not None else ""
        return f"{self.key}={value}: must be {number}{self.allowed()}"

    def _unknown(self, word: str) -> str:
        assert self.one_of is not None
        if YAML_WORDS.get(word) in self.one_of.known:
            return f"{self.key}: YAML reads off and on without quotes as truth values: write '{YAML_WORDS[word]}'"
        hint = f" ({_(self.one_of.hint)})" if self.one_of.hint else ""
        known = did_you_mean(word, sorted(self.one_of.known), _)
        return _("{key}: unknown '{word}'{hint}").format(key=self.key, word=word, hint=f"{known}{hint}")

    def _kinds(self) -> tuple[Any, ...]:
        return get_args(self.kind) or (self.kind,)


def options_of(record: type, prefix: str = "") -> Iterator[Option]:
    """Yield the options of a dataclass and of the dataclasses in it, in the order of their fields."""
    hints = get_type_hints(record, include_extras=True)
    for field in fields(record):
        hint, key = hints[field.name], f"{prefix}{field.name}"
        kind, *beside = get_args(hint) if get_origin(hint) is Annotated else [hint]
        if is_dataclass(kind):
            yield from options_of(kind, f"{key}.")  # type: ignore[arg-type]
            continue
        found = {type(item): item for item in beside}
        default = field.default if field.default_factory is MISSING else field.default_factory()
        parts = found.get(Within), found.get(OneOf), found.get(Several)
        yield Option(key, kind, default, found.get(str, ""), *parts)


def bound_problems(record: Any, prefix: str = "") -> list[str]:
    """Return every value of a record of dataclasses that is not what its field says, one line each with its key."""
    options = options_of(type(record), prefix)
    problems = [option.problem(_value(record, option.key.removeprefix(prefix))) for option in options]
    return [problem for problem in problems if problem is not None]


def _value(record: Any, key: str) -> Any:
    for name in key.split("."):
        record = getattr(record, name)
    return record

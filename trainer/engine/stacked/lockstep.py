"""Folds that go on side by side in one process, a step of each at a time, as long as a joint step is worth it."""

import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import TypeVar

import torch

from trainer.engine.loops import train_step
from trainer.engine.own_random import CPU, OwnRandom, set_random_states
from trainer.engine.stacked.proof import take_proved
from trainer.engine.stacked.stack import Stack
from trainer.engine.stacked.traced import NotStackable, Traced, traced
from trainer.engine.stepwise import Step, Steps
from trainer.system import interrupts

Name = TypeVar("Name")


class Share:
    """A fold's clock: its share of the time of steps that are taken together, then all of the time."""

    def __init__(self) -> None:
        self.seconds = time.perf_counter()  # goes on from the clock that the fold had before
        self.alone_since: float | None = None

    def __call__(self) -> float:
        """Return the time by this clock."""
        return self.seconds + (0.0 if self.alone_since is None else time.perf_counter() - self.alone_since)


@dataclass(eq=False)  # a fold is itself: its parts are tensors
class Member:
    """A fold on its way.

    Attributes:
        steps: of it.
        due: the step to be taken; None = the fold has ended.
        error: that ended it, or None.
        share: its clock.
    """

    steps: Steps[None]
    due: Step | None = None
    error: BaseException | None = None
    share: Share = field(default_factory=Share)
    _trace: Traced | None = None

    @property
    def step(self) -> Step:
        """The step that is due."""
        assert self.due is not None
        return self.due

    def trace(self) -> Traced:
        """Return what the model computes.

        Raises:
            NotStackable: it cannot be stacked.
        """
        if self._trace is None:
            self._trace = traced(self.step.learner.model, list(self.step.batches[0].inputs))
        return self._trace

    def stops_all(self) -> bool:
        """Return whether the fold was ended by what ends the process."""
        return self.error is not None and not isinstance(self.error, Exception)

    def go_on(self) -> None:
        """Go on to the next step, or the end; the step that was due has been taken."""
        self._until_due(lambda: next(self.steps))

    def end_with(self, error: BaseException) -> None:
        """End the fold where it stands; the step that is due has not been taken."""
        self._until_due(lambda: self.steps.throw(error))
        self.steps.close()
        self.due = None

    def finish_alone(self) -> None:
        """Take all the steps that are left, by themselves."""
        if self.due is not None and self.due.learner.random is not None:
            set_random_states(self.due.learner.random.states(), CPU)
            self.due.learner.random = None
        self.share.alone_since = time.perf_counter()
        while self.due is not None:
            try:
                train_step(*self.due)
            except BaseException as error:  # told where it was due, as ``take_all`` does
                self.end_with(error)
            else:
                self.go_on()

    def _until_due(self, advance: Callable[[], Step]) -> None:
        self.due = None
        try:
            self.due = advance()
        except StopIteration:
            pass
        except BaseException as error:  # one fold's; the others go on
            self.error = error


def take_together(folds: Mapping[Name, Steps[None]], print_line: Callable[[str], None]) -> dict[Name, BaseException]:
    """Take the steps of all folds; return the errors that ended some of them.

    Args:
        folds: the steps of each; each sets the random generators of the process when it begins.
        print_line: prints one line: why the folds go on one by one, where they do.

    Raises:
        Interrupted: a signal has come; each fold has saved its state.
    """
    members = {name: Member(steps) for name, steps in folds.items()}
    with interrupts.deferred(), torch.inference_mode(False), torch.enable_grad():
        for member in members.values():
            member.go_on()
            if member.due is not None:
                member.share = Share()
                member.due.learner.random, member.due.learner.clock = OwnRandom(), member.share
        _until_all_end(list(members.values()), print_line)
    for member in members.values():
        if member.error is not None and member.stops_all():
            raise member.error
    return {name: member.error for name, member in members.items() if member.error is not None}


def _until_all_end(members: Sequence[Member], print_line: Callable[[str], None]) -> None:
    together: Together | None = None
    while running := [member for member in members if member.due is not None]:
        if stop := next((m.error for m in members if m.stops_all()), None):
            for member in running:
                member.end_with(stop)
            continue
        if together is None or running != together.members:
            together = _together(running, print_line)
        began = time.perf_counter()
        alike = together is not None and together.step(print_line)
        for member in running:
            member.share.seconds += (time.perf_counter() - began) / len(running)
        if not alike:
            for member in running:
                member.finish_alone()


def _together(running: Sequence[Member], print_line: Callable[[str], None]) -> "Together | None":
    """Return the folds as stacks, or None where there is nothing to be stacked."""
    if len(running) < 2:
        return None
    try:
        return Together(running)
    except NotStackable as reason:
        print_line(f"the folds are trained one by one: {reason}")
        return None


class Together:
    """Folds that take their steps together: those whose layers have the same sizes are one stack.

    Args:
        members: each with a step that is due.

    Raises:
        NotStackable: their models cannot be.
    """

    def __init__(self, members: Sequence[Member]) -> None:
        self.members = members
        self.proved: set[Hashable] = set()
        self.parts: list[tuple[Stack, list[Member]]] = []
        sizes = [_sizes(member) for member in members]
        for size in dict.fromkeys(sizes):
            own = [member for member, other in zip(members, sizes, strict=True) if other == size]
            self.parts.append((Stack([member.step.learner for member in own], own[0].trace()), own))

    def step(self, print_line: Callable[[str], None]) -> bool:
        """Take one step of each fold; return whether joint steps are the same bits as single ones."""
        alike = True
        for number, (stack, members) in enumerate(self.parts):
            for kinds, first, group in _neighbours(members):
                key = number, first, len(group), kinds
                alike = self._take(stack, first, group, proof=key not in self.proved) and alike
                self.proved.add(key)
        if not alike:
            print_line("the folds are trained one by one: a joint step is not the same bits here")
        return alike

    def _take(self, stack: Stack, first: int, group: Sequence[Member], *, proof: bool) -> bool:
        """Take a step of neighbouring folds; return whether a proof, where one is asked for, was found."""
        alike, steps = True, [member.step for member in group]
        errors: Sequence[BaseException | None]
        try:
            if proof:
                alike, errors = take_proved(stack, steps, first)
            else:
                errors = stack.take(steps, first)
        except BaseException as error:  # of all: told where the steps were due, as ``take_all`` does
            errors = [error] * len(steps)
        for member, own in zip(group, errors, strict=True):
            if own is None:
                member.go_on()
            else:
                member.end_with(own)
        return alike


def _sizes(member: Member) -> Hashable:
    """Return what must be equal for folds to be one stack."""
    model, trace = member.step.learner.model, member.trace()
    shapes = [(name, model.get_submodule(name).weight.shape) for name in trace.linears()]
    return tuple((node.kind, str(node.target)) for node in trace.nodes), tuple(shapes)


def _neighbours(members: Sequence[Member]) -> list[tuple[Hashable, int, list[Member]]]:
    """Return the runs of folds whose batches are of the same kinds: these, the first one's place, and the folds."""
    kinds = [tuple(batch.kind for batch in member.step.batches) for member in members]
    runs = [(own, [place for place, _ in run]) for own, run in groupby(enumerate(members), lambda pair: kinds[pair[0]])]
    return [(own, places[0], [members[place] for place in places]) for own, places in runs]

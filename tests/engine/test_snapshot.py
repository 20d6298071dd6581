"""A fold interrupted anywhere and resumed equals one that was not, bit for bit."""

import random
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, OneCycleLR, SequentialLR

from tests.engine.engine_cases import SPEC, cross_entropy, dataset, fold, level, same_state, settings
from trainer.config.schema import CheckpointConfig
from trainer.engine.checkpointer import Checkpointer
from trainer.engine.ema import WeightAverage
from trainer.engine.fit import fit
from trainer.engine.fit_state import FitState, Selection
from trainer.engine.loops import Learner, Totals
from trainer.engine.precision.precision import Precision
from trainer.engine.snapshot import capture, first_difference, restore
from trainer.errors import CheckpointError, NonFiniteError
from trainer.store import checkpoints

ROWS, MONITOR = 40, np.arange(1, 40, 4)
IDENTITY = {"config": {"lr": 0.1}, "content": {}, "software": {}, "hardware": {"threads": 1}}
LEVELS = [
    ("O0", {}),
    ("O1", {"dtype": "bf16", "loss_scale": "dynamic"}),
    ("O2", {"dtype": "fp16"}),
    ("O2", {"dtype": "bf16"}),
    ("O3", {"dtype": "bf16"}),
]


class Killed(BaseException):
    """Stands for SIGKILL: nothing between the engine and the test handles it."""


class Moody(nn.Module):
    """Draws from every global generator while it trains, and counts in a buffer that state_dict leaves out."""

    def __init__(self):
        super().__init__()
        self.body = nn.Linear(4, 8)
        self.norm = nn.BatchNorm1d(8)
        self.drop = nn.Dropout(0.3)
        self.head = nn.Linear(8, 3)
        self.register_buffer("calls", torch.zeros(()), persistent=False)

    def forward(self, x):
        hidden = self.drop(self.norm(self.body(x)).relu())
        if self.training:
            self.calls += 1
            scale = 1 + 0.1 * random.random() + 0.1 * np.random.random() + 0.001 * float(self.calls)  # noqa: NPY002
            hidden = hidden * scale
        return self.head(hidden)


def schedule(optimizer, name, steps):
    if name == "one_cycle":
        return OneCycleLR(optimizer, max_lr=0.1, total_steps=steps + 1, cycle_momentum=False)
    return SequentialLR(optimizer, [LinearLR(optimizer, 0.1, total_iters=4), CosineAnnealingLR(optimizer, steps)], [4])


def fresh(opt_level="O0", optimizer=torch.optim.AdamW, scheduler="warm_cosine", decay=None, **options):
    torch.manual_seed(3)
    np.random.seed(3)  # noqa: NPY002
    random.seed(3)
    model = Moody()
    precision = Precision(model, level(opt_level, **options))
    stepper = optimizer(precision.parameters, lr=0.05, **({"eps": 1e-4} if optimizer is torch.optim.AdamW else {}))
    average = None if decay is None else WeightAverage(precision.parameters, decay)
    return Learner(model, cross_entropy(), stepper, schedule(stepper, scheduler, 40), precision, average)


def rows(select="last"):
    split = fold(ROWS, range(0, ROWS, 4))
    if select == "inner":
        return replace(split, train=np.setdiff1d(split.train, MONITOR), monitor=MONITOR)
    return split


def checkpointer(directory, kill_at=None, **changes):
    """A keeper that saves every step; ``kill_at`` raises right after that save."""
    kept = Checkpointer(
        directory,
        identity=changes.pop("identity", IDENTITY),
        settings=CheckpointConfig(**{"every_n_steps": 1, "background": False, **changes}),
        force=changes.pop("force", False),
        still_ours=lambda: None,
        print_line=lambda line: None,
    )
    if kill_at is not None:
        save = kept.save

        def save_and_die(learner, progress, position):
            save(learner, progress, position)
            if position.step == kill_at:
                raise Killed

        kept.save = save_and_die
    return kept


def fit_small(learner, directory=None, select="last", kept=None, data=None, **changes):
    chosen = settings(**{"batch_size": 4, "accumulate_steps": 2, **changes})
    if directory is not None:
        directory.mkdir(exist_ok=True)
        kept = checkpointer(directory)
    return fit(learner, data or dataset(ROWS, seed=4), rows(select), chosen, SPEC, [], kept)


def timeless(epochs):
    return [{key: value for key, value in asdict(epoch).items() if key != "seconds"} for epoch in epochs]


def assert_same(one, other):
    (result, weights), (expected, expected_weights) = one, other
    assert same_state(weights, expected_weights)
    for name in ("logits", "proba", "loss", "rows"):
        np.testing.assert_array_equal(getattr(result, name), getattr(expected, name))
    assert timeless(result.epochs) == timeless(expected.epochs)
    assert (result.best_epoch, result.metrics) == (expected.best_epoch, expected.metrics)


@pytest.mark.parametrize(("opt_level", "options"), LEVELS, ids=lambda value: str(value))
def test_a_fold_killed_after_any_save_ends_like_one_that_was_not(tmp_path, opt_level, options):
    straight = fit_small(fresh(opt_level, **options))
    for step in (1, 3, 4, 8, 12):  # 4 steps an epoch: mid-epoch, at its end, at the very end
        directory = tmp_path / f"step{step}"
        directory.mkdir()
        with pytest.raises(Killed):
            fit_small(fresh(opt_level, **options), kept=checkpointer(directory, kill_at=step))
        assert_same(fit_small(fresh(opt_level, **options), directory), straight)


@pytest.mark.parametrize(
    "case",
    [
        {"optimizer": torch.optim.SGD},
        {"optimizer": torch.optim.RMSprop},
        {"optimizer": torch.optim.NAdam, "scheduler": "one_cycle"},
        {"decay": 0.5},
        {"decay": 0.9, "opt_level": "O2", "dtype": "bf16"},
    ],
    ids=str,
)
@pytest.mark.parametrize("select", ["last", "inner"])
def test_optimizers_schedulers_averages_and_the_picked_epoch_go_on(tmp_path, case, select):
    straight = fit_small(fresh(**case), select=select, max_epochs=5)
    directory = tmp_path / "fold"
    directory.mkdir()
    for step in (2, 7, 8):  # killed three times in one run
        with pytest.raises(Killed):
            fit_small(fresh(**case), select=select, kept=checkpointer(directory, kill_at=step), max_epochs=5)
    assert_same(fit_small(fresh(**case), directory, select=select, max_epochs=5), straight)


def test_early_stopping_counts_on(tmp_path):
    options = {"select": "inner", "max_epochs": 30, "patience_epochs": 2}
    straight = fit_small(fresh(), **options)
    assert 3 < len(straight[0].epochs) < 30
    steps_per_epoch = 3
    for step in range(1, len(straight[0].epochs) * steps_per_epoch, 2):
        directory = tmp_path / f"step{step}"
        directory.mkdir()
        with pytest.raises(Killed):
            fit_small(fresh(), kept=checkpointer(directory, kill_at=step), **options)
        assert_same(fit_small(fresh(), directory, **options), straight)


def test_saving_in_the_background_writes_the_same_bytes(tmp_path):
    files = {}
    for background in (False, True):
        directory = tmp_path / str(background)
        directory.mkdir()
        kept = checkpointer(directory, background=background, every_n_steps=2)
        fit_small(fresh(), kept=kept)
        kept.close()
        marks = sorted(directory.glob("step-*.pt"))
        files[background] = [(path.name, *timeless_state(path)) for path in marks]
    assert files[False] == files[True]
    assert len(files[True]) == checkpoints.KEPT


def timeless_state(path):
    """Bytes of every tensor of a checkpoint, and its plain values without clock times."""
    state = torch.load(path, weights_only=True)
    progress = state["captured"]["progress"]
    for record in (progress, *progress["epochs"]):
        for name in ("seconds", "epoch_seconds"):
            record.pop(name, None)
    flat = []
    walk(state, flat)
    return flat


def walk(value, flat):
    if isinstance(value, torch.Tensor):
        flat.append(value.contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    elif isinstance(value, dict):
        for key in value:
            flat.append(key)
            walk(value[key], flat)
    elif isinstance(value, (list, tuple)):
        for item in value:
            walk(item, flat)
    else:
        flat.append(repr(value))


def progressed():
    return FitState(Totals.start(torch.device("cpu")), Selection("accuracy", None))


def test_a_part_that_does_not_come_back_as_it_was_is_noticed(tmp_path):
    directory = tmp_path / "fold"
    directory.mkdir()
    with pytest.raises(Killed):
        fit_small(fresh(), kept=checkpointer(directory, kill_at=3))

    class Forgetful(torch.optim.AdamW):
        def load_state_dict(self, state):
            super().load_state_dict({**state, "state": {}})

    forgetful = fresh(optimizer=lambda parameters, **options: Forgetful(parameters, eps=1e-4, **options))
    with pytest.raises(CheckpointError, match=r"state\.optimizer"):
        fit_small(forgetful, directory)


def test_state_that_could_not_be_loaded_safely_is_refused_when_saving():
    learner = fresh()
    learner.optimizer.param_groups[0]["friend"] = object()
    with pytest.raises(CheckpointError, match=r"optimizer\.param_groups\[0\]\.friend: a object"):
        capture(learner, progressed())


def test_a_checkpoint_from_other_conditions_is_refused_and_can_be_forced(tmp_path):
    directory = tmp_path / "fold"
    directory.mkdir()
    with pytest.raises(Killed):
        fit_small(fresh(), kept=checkpointer(directory, kill_at=3))
    other = {**IDENTITY, "config": {"lr": 0.2}, "hardware": {"threads": 4}}
    with pytest.raises(CheckpointError, match=r"lr: 0.1 there, 0.2 here(.|\n)*threads: 1 there, 4 here"):
        fit_small(fresh(), kept=checkpointer(directory, identity=other))
    forced = Checkpointer(
        directory,
        identity=other,
        settings=CheckpointConfig(),
        force=True,
        still_ours=lambda: None,
        print_line=lambda line: None,
    )
    result, _ = fit_small(fresh(), kept=forced)
    assert len(result.epochs) == 3


@pytest.mark.parametrize(("before", "now"), [("O0", "O2"), ("O2", "O0"), ("O0", "O1"), ("O2", "O3")])
def test_another_level_can_be_forced(before, now):
    source, target = fresh(before, dtype="bf16"), fresh(now, dtype="bf16")
    state = capture(source, progressed())
    restore(state, target, progressed(), adapt=True)
    for mine, theirs in zip(target.precision.parameters, source.precision.parameters, strict=True):
        torch.testing.assert_close(mine.float(), theirs.float(), atol=1e-2, rtol=1e-2)


def test_weights_that_are_not_finite_are_not_saved(tmp_path):
    learner, kept = fresh(), checkpointer(tmp_path)
    with torch.no_grad():
        learner.model.head.weight[0, 0] = float("inf")
    with pytest.raises(NonFiniteError, match="after step 5"):
        kept.save(learner, progressed(), checkpoints.Position(1, 5))
    assert not list(tmp_path.iterdir())


def test_what_two_states_differ_in_is_named():
    one = capture(fresh(), progressed())
    assert first_difference(one, capture(fresh(), progressed())) is None
    other = capture(fresh(), progressed())
    other["model"]["head.bias"][0] = -0.0 if other["model"]["head.bias"][0] == 0 else other["model"]["head.bias"][0] + 1
    assert first_difference(one, other) == "state.model.head.bias"

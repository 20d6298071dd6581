"""Every conf/loss/*.yaml names a class that keeps the contract; a new loss is found by its file."""

import importlib
import inspect

import pytest
import torch
import yaml

from tests.places import REPOSITORY
from trainer.errors import ConfigError
from trainer.losses.arguments import full_precision
from trainer.losses.contract import refuse_pairing
from trainer.tasks import BINARY, MULTICLASS, MULTILABEL, REGRESSION, TASKS

FILES = sorted((REPOSITORY / "conf" / "loss").glob("*.yaml"))
OFFERED = {"task", "n_classes", "class_counts", "n_rows"}


def load(path):
    options = yaml.safe_load(path.read_text())
    module, _, name = options.pop("_target_").rpartition(".")
    return getattr(importlib.import_module(module), name), options


def build(path, task):
    loss_class, options = load(path)
    offers = {"task": task, "n_classes": 3, "class_counts": [4, 5, 6], "n_rows": 15}
    if task == BINARY:
        offers |= {"n_classes": 2, "class_counts": [9, 6]}
    wanted = inspect.signature(loss_class).parameters.keys() & offers.keys()
    return loss_class(**options, **{name: offers[name] for name in wanted})


def test_the_four_losses_are_there():
    assert {"ce", "nll", "bce", "focal"} <= {path.stem for path in FILES}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_yaml_shows_every_argument_with_its_default_and_a_comment(path):
    loss_class, options = load(path)
    parameters = inspect.signature(loss_class).parameters.values()
    assert all(p.kind is inspect.Parameter.KEYWORD_ONLY for p in parameters)
    assert options == {p.name: p.default for p in parameters if p.name not in OFFERED}
    first, _, *arguments = path.read_text().splitlines()
    assert first.startswith("# ")
    assert all(" # " in line for line in arguments)


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_loss_returns_one_value_per_row_or_names_the_right_loss(path, task):
    loss_class, _ = load(path)
    problem = refuse_pairing(loss_class, task)
    if task.name not in loss_class.tasks:
        assert f"loss={path.stem} does not fit a {task} task" in problem
        assert loss_class.instead.get(task.name, f"it is for {loss_class.tasks[0]}") in problem
        return
    assert problem is None
    loss = build(path, task)
    logits = torch.randn(5, loss.n_outputs, generator=torch.Generator().manual_seed(0))
    target = torch.tensor([[0, 1, 1]] * 5) if task == MULTILABEL else torch.tensor([0, 1, 1, 0, 1])
    if task == REGRESSION:
        target = target.double()

    assert loss.expects in ("logits", "log_probs")
    assert loss(logits, target).shape == loss.normaliser(target).shape == (5,)
    assert loss(logits[:0], target[:0]).shape == (0,)  # a fold that holds no row out
    assert not getattr(loss, "counts_rows", False) or torch.equal(loss.normaliser(target), torch.ones(5))
    proba = loss.to_proba(logits)
    assert proba.shape == (5, {BINARY: 2, REGRESSION: 1}.get(task, 3))
    assert not task.one_class_each or torch.allclose(proba.sum(1), torch.ones(5))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_row_s_loss_does_not_depend_on_the_other_rows(path):
    task = TASKS[load(path)[0].tasks[-1]]
    loss = build(path, task)
    logits = torch.randn(4, loss.n_outputs, generator=torch.Generator().manual_seed(0))
    target = torch.tensor([[0, 1, 1]] * 4) if task == MULTILABEL else torch.tensor([0, 1, 1, 0])
    alone = torch.cat([loss(logits[i : i + 1], target[i : i + 1]) for i in range(4)])
    torch.testing.assert_close(loss(logits, target), alone)


def test_a_user_s_loss_without_tasks_is_taken_at_its_word():
    assert refuse_pairing(torch.nn.MSELoss, MULTICLASS) is None


def test_a_loss_without_advice_says_what_it_is_for():
    class OnlyBinary:
        tasks = ("binary",)

    assert refuse_pairing(OnlyBinary, MULTILABEL).endswith("it is for binary")


@pytest.mark.parametrize(("shape", "found"), [((4,), r"\(B\)"), ((4, 2), r"\(B, 2\)"), ((4, 3, 7), r"\(B, 3, 7\)")])
def test_a_model_of_the_wrong_width_is_refused(shape, found):
    with pytest.raises(ConfigError, match=f"the model returns {found} but the loss needs"):
        full_precision(torch.zeros(shape), 3)

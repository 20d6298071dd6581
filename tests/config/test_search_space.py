"""What may be searched: every form, and what is said of each that is none."""

import re

import pytest

from trainer.config.command_line import arranged
from trainer.config.compose import compose_run, with_quotes
from trainer.config.schema import RunConfig
from trainer.config.search_space import Listed, Range, read_space, with_quoted_ranges, with_values
from trainer.errors import ConfigError
from trainer.run.validate import check_config


def problems_of(space, *more):
    try:
        config, _ = compose_run(["search=tpe", f"search.space={space}", *more], check_config)
        check_config(config)
    except ConfigError as error:
        return str(error)
    return ""


def test_the_forms_of_a_space_come_groups_first():
    typed = "search.space={optimizer.lr: log(1e-5,1e-2), model.hidden: [[8],[8,8]], batch_size: int(8,64), loss: [ce]}"
    config, _ = compose_run(["search=tpe", *map(with_quotes, arranged([typed]))], check_config)
    assert read_space(config.search.space) == [
        Listed("loss", ("ce",)),
        Range("optimizer.lr", "log", 1e-5, 1e-2),
        Listed("model.hidden", ([8], [8, 8])),
        Range("batch_size", "int", 8, 64),
    ]
    nested = read_space({"optimizer": {"lr": "uniform( .1 , 2)"}})
    assert nested == [Range("optimizer.lr", "uniform", 0.1, 2)]


def test_only_the_ranges_of_a_space_are_quoted():
    assert (
        with_quoted_ranges("search.space={a: log(1,2), b: 'int(1,2)'}") == "search.space={a: 'log(1,2)', b: 'int(1,2)'}"
    )
    assert with_quoted_ranges("data.path=log(1,2)") == "data.path=log(1,2)"


@pytest.mark.parametrize(
    ("space", "said"),
    [
        ("{}", "search.space is empty: give what to search over"),
        ("{optimizer.lr: log(0,1)}", "log(0,1): a logarithm needs positive ends"),
        ("{optimizer.lr: log(1,1e-3)}", "two finite numbers, the smaller one first"),
        ("{optimizer.lr: uniform(a,1)}", "both ends must be numbers"),
        ("{optimizer.lr: uniform(0,inf)}", "two finite numbers"),
        ("{batch_size: int(8,16.5)}", "must be whole numbers"),
        ("{optimizer.lr: 'lag(1,2)'}", "no such range: did you mean 'log'?"),
        ("{optimizer.lr: 0.1}", "cannot be searched over 0.1: give log(a,b)"),
        ("{optimizer.lr: []}", "the list is empty"),
        ("{loss: [ce,ce]}", "lists a value twice"),
        ("{loss: [ce,fokal]}", "no such loss fokal: did you mean 'focal'?"),
        ("{loss: log(1,2)}", "loss: is chosen from a list"),
        ("{optimizer.lrr: log(1,2)}", "optimizer.lrr: unknown key: did you mean 'optimizer.lr'?"),
        ("{lr: log(1,2)}", "lr: unknown key: did you mean 'optimizer.lr'?"),
        ("{batch_size: uniform(8,16)}", "batch_size must be a whole number, not uniform(...); int(a,b) draws those"),
        ("{batch_size: int(0,16)}", "batch_size=0: must be at least 1"),
        ("{fit.ema_decay: uniform(0.5,2)}", "fit.ema_decay=2.0: must be"),
        ("{fit.decay_norms: [1,2]}", "must be true or false"),
        ("{data.path: [a,b]}", "data.path is the same for all trials"),
        ("{cv.n_splits: [3,5]}", "cv.n_splits is the same for all trials"),
        ("{seed: [1,2]}", "seed is the same for all trials"),
        ("{model._target_: [a]}", "search model"),
    ],
)
def test_what_cannot_be_searched_is_said(space, said):
    assert said in problems_of(space)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["search=grid"], "search=grid needs lists or int(a,b)"),
        (["cv.fold=0"], "a search trains every fold"),
        (["seed=[1,2]"], "a search trains one seed"),
        (["profile.only=true"], "trains nothing"),
        (["budget.hours=1"], "budget.hours ends one run"),
        (["executor=slurm"], "start the command on each machine"),
        (["cv.inner.n_splits=3", "cv.select=inner"], "cv.inner.n_splits: nested folds choose"),
    ],
)
def test_what_cannot_go_with_a_search_is_said(more, said):
    command = [
        *(["search=tpe"] if more != ["search=grid"] else []),
        "search.space={optimizer.lr: 'log(1e-5,1)'}",
        *more,
    ]
    config, _ = compose_run(command, check_config)
    with pytest.raises(ConfigError, match=re.escape(said)):
        check_config(config)


def test_values_are_set_in_a_copy():
    config = RunConfig(optimizer={"lr": 1}, model={"hidden": [4]})
    changed = with_values(config, {"optimizer.lr": 2, "batch_size": 8, "fit.clip_norm": 1.0, "model.pool.kind": "max"})
    assert (changed.optimizer, changed.batch_size, changed.fit.clip_norm) == ({"lr": 2}, 8, 1.0)
    assert changed.model == {"hidden": [4], "pool": {"kind": "max"}}
    assert (config.optimizer, config.batch_size, config.model) == ({"lr": 1}, 32, {"hidden": [4]})

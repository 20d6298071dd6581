"""Options that do nothing are told, where somebody sets them; tests/run/test_every_option.py looks for more."""

import pytest
from hydra import compose, initialize_config_dir

import train as script  # registers the schema
from tests.conftest import QUICK
from tests.picture_files import write_pictures
from trainer.config.compose import to_run_config
from trainer.config.keys import CONF
from trainer.run.without_effect import RULES, idle_options

CASES = [  # what makes it idle, the option, what there is to do
    (["scheduler=onecycle"], "optimizer.lr=1e-05", "set scheduler.max_lr"),
    (["fit.freeze_epochs=all", "fit.head_lr=1e-3"], "optimizer.lr=5.0", "set that"),
    ([], "cv.inner_fraction=0.4", "set cv.select=inner"),
    (["cv.select=fold"], "cv.inner_fraction=0.4", "set cv.select=inner"),
    (["cv.shuffle=false"], "cv.random_state=7", "set cv.shuffle=true"),
    (["cv=holdout"], "cv.n_splits=3", "leave it out"),
    (["optimizer=adam"], "fit.decay_norms=false", "set optimizer.weight_decay"),
    ([], "scheduler.total_iters=9", "set that too"),
    (["fit.freeze_epochs=all"], "model.dropout=0.5", "it lies in the backbone"),
    (["data=image_folder", "data.path=cats"], "data.zip_encoding=cp850", "leave it out"),
    (["profile=off"], "profile.steps=9", "set profile=default"),
    (["profile=off"], "profile.top=9", "set profile=default"),
    (["checkpoint.every_minutes=null"], "checkpoint.background=false", "set checkpoint.every_n_epochs"),
    ([], "runtime.loader_timeout_seconds=9.0", "set num_workers"),
    (["sampler=balanced"], "sampler.power=0.2", "only sampler=weighted draws by it"),
    (["cv.parallel=1"], "runtime.stall_timeout_seconds=9.0", "set cv.parallel"),
    (["executor=slurm"], "budget.hours=8.5", "set executor.hours"),
    (["executor=ray"], "executor.hours=1.0", "slurm alone has it: leave it out"),
    (["executor=ray"], "executor.partition=gpu", "slurm alone has it: leave it out"),
    (["executor=slurm"], "executor.address=head", "ray alone has it: leave it out"),
    (["executor=slurm"], "cv.stack=4", "leave it out"),
    (["budget.hours=8"], "cv.stack=4", "leave it out"),
    *(
        ([], f"executor.{option}", "set executor=slurm")
        for option in (
            *(
                "address=head",
                "partition=gpu",
                "hours=1.0",
                "cpus=2",
                "gpus=1",
                "memory_gib=4.0",
                "at_once=2",
                "max_restarts=1",
            ),
            *("address=head", "detach=true", 'setup=["date"]', "options={qos:long}"),
        )
    ),
    (["search=tpe", "search.cost=seconds"], "search.prune=off", "may still be the fastest"),
    *(
        ([], f"search.{option}", "set search=tpe")
        for option in (
            *("trials=2", "space={batch_size:[8]}", "seed=1", "prune=off", "nested=2", "final=refit", "cost=seconds"),
            *("halve_batch=1",),
        )
    ),
    *(
        ([], f"executor.{option}", "set executor=torchrun")
        for option in ("nproc=2", "nnodes=2", "sync_batchnorm=true", "shard=true")
    ),
    *(
        (["executor=torchrun"], f"executor.{option}", "torchrun begins processes of this machine")
        for option in (*("cpus=2", "gpus=1", "memory_gib=4.0", "at_once=2", 'setup=["date"]', "options={qos:long}"),)
    ),
    (["executor=slurm"], "executor.sync_batchnorm=true", "set executor.nproc"),
    (["executor=slurm"], "executor.shard=true", "set executor.nproc"),
]


def composed_config(*overrides: str):
    assert script.main is not None
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return to_run_config(compose("config", list(overrides)), overrides)


@pytest.mark.parametrize(("idle", "option", "advice"), CASES)
def test_an_option_without_effect_is_told_where_it_is_set(idle, option, advice):
    config = composed_config(*idle, option)
    (said,) = idle_options(config, [*idle, option])
    as_json = option.replace("{qos:long}", '{"qos":"long"}').replace("{batch_size:[8]}", '{"batch_size":[8]}')
    assert said.startswith(f"{as_json} has no effect: ")
    assert advice in said
    assert idle_options(config, idle) == []  # a preset has set it


@pytest.mark.parametrize(
    "effective",
    [
        ["optimizer.lr=1"],
        ["scheduler=cosine", "optimizer.lr=1"],
        ["scheduler=onecycle", "fit.head_lr=1e-3", "optimizer.lr=1"],  # which keeps its ratio to it
        ["fit.freeze_epochs=all", "optimizer.lr=1"],
        ["fit.head_lr=1e-3", "optimizer.lr=1"],
        ["cv.select=inner", "cv.inner_fraction=0.4"],
        ["cv.random_state=7"],
        ["cv.n_splits=3"],
        ["cv.stack=4"],
        ["executor=slurm", "cv.stack=off"],
        ["fit.decay_norms=false"],
        ["scheduler.factor=0.5", "scheduler.total_iters=9"],
        ["profile.steps=9", "profile.top=9", "checkpoint.background=false", "runtime.stall_timeout_seconds=9"],
        ["fit.freeze_epochs=1", "model.dropout=0.5"],
        ["data=image_folder", "data.path=cats.zip", "data.zip_encoding=cp850"],
        ["data=image_csv", "data.path=cats.csv", "data.images=cats.ZIP", "data.zip_encoding=cp850"],
        ["sampler=weighted", "sampler.power=0.2"],
        ["num_workers=1", "runtime.loader_timeout_seconds=9"],
        ["executor=slurm", "executor.hours=1", "executor.options={qos:long}"],
        ["search=tpe", "search.trials=2", "search.space={batch_size:[8]}", "search.prune=off"],
    ],
)
def test_options_with_effect_are_not(effective):
    assert idle_options(composed_config(*effective), effective) == []


def test_every_rule_has_a_case():
    assert len({(option.partition("=")[0], advice) for _, option, advice in CASES}) == len(RULES)
    assert {option.partition("=")[0] for _, option, _ in CASES} == {rule.option for rule in RULES}


def test_a_rate_that_the_inner_folds_would_choose_in_vain():
    grid = ["cv.inner.n_splits=2", "cv.inner.grid={optimizer.lr:[1e-3,1e-1]}", "scheduler=onecycle"]
    (said,) = idle_options(composed_config(*grid), grid)
    assert said.startswith("optimizer.lr=[0.001,0.1] has no effect")


def test_it_is_printed_kept_in_the_report_and_true(train, tmp_path):
    """OneCycleLR sets its own rate: two rates of the optimizer give the same bytes."""
    common = ["data=iris", "scheduler=onecycle", "max_epochs=1", "cv.n_splits=2", "profile=off", "tracker=none"]
    outcomes = [train(*common, f"run={name}", f"optimizer.lr={lr}") for name, lr in (("a", "1e-5"), ("b", "0.1"))]
    said = "optimizer.lr=0.1 has no effect: the scheduler sets its own learning rate: set scheduler.max_lr"
    assert f"note: {said}" in outcomes[1].out
    assert f"> **Note:** {said}" in (tmp_path / "runs" / "b" / "report.md").read_text()
    assert len({(tmp_path / "runs" / name / "oof.parquet").read_bytes() for name in "ab"}) == 1


def test_a_value_that_the_grid_replaces():
    grid = ["cv.inner.n_splits=2", "cv.inner.grid={optimizer.lr:[1e-3,1e-1]}", "optimizer.lr=0.5"]
    (said,) = idle_options(composed_config(*grid), grid)
    assert said.startswith("optimizer.lr=0.5 has no effect: cv.inner.grid gives its values")


def test_rare_classes_of_a_number(train):
    outcome = train("data=diabetes", "loss=mse", "cv.rare=allow")
    assert outcome.code == 2
    assert "cv.rare=allow has no effect on a regression task" in outcome.err


@pytest.mark.parametrize(
    ("more", "idle"),
    [
        ([], True),
        (["fit.freeze_epochs=all"], True),
        (["data.preprocess.memory=false"], False),
        (["data.preprocess.train=[hflip]"], False),
    ],
)
def test_loader_processes_have_nothing_to_do_where_pictures_are_in_memory(train, tmp_path, more, idle):
    write_pictures(tmp_path / "pictures", 4)
    pictures = ["data=image_folder", "data.path=pictures", "model=image_cnn", "data.preprocess.size=8"]
    outcome = train(*pictures, "cv.n_splits=2", "cv.fold=0", *QUICK, "num_workers=1", *more)
    assert outcome.code == 0, outcome.err
    assert ("num_workers=1 has no effect: no loader process reads this data" in outcome.out) == idle

"""Every configuration a person can mistype ends with exit code 2, few lines, and what to do."""

from pathlib import Path

import pytest
from hydra.errors import MissingConfigException, OverrideParseException

from trainer.config.problems import explain

MISTAKES = [
    ("loss=focl", "loss=focl: no such loss: did you mean 'focal'?"),
    ("loss=null", "loss=null: cannot be null; choose loss=asymmetric | bce | "),
    ("scheduler=null", "choose scheduler=constant | "),
    ("tracker=null", "choose tracker="),
    ("data/preprocess=null", "choose data/preprocess="),
    ("~loss", "loss._target_ is missing: it names the class to build; choose loss=asymmetric | bce | "),
    ("los=focal", "los: unknown key: did you mean 'loss'?"),
    ("amp=o1", "the letter O"),
    ("amp=01", "the letter O"),
    ("amp=O4", "have: O0, O1, O2, O3"),
    ("cv.n_splits=1", "cv.n_splits=1: must be at least 2"),
    ("cv.n_splits=0", "cv.n_splits=0: must be at least 2"),
    ("cv.n_splits=-1", "cv.n_splits=-1: must be at least 2"),
    ("cv.n_splits=abc", "cv.n_splits=abc: takes a whole number"),
    ("cv.n_splits=2.5", "cv.n_splits=2.5: takes a whole number"),
    ("batch_size=1e3", "batch_size=1e3: takes a whole number: batch_size=1000"),
    ("runtime.stall_timeout_seconds=abc", "runtime.stall_timeout_seconds=abc: takes a number"),
    ("optimizer.lr=0", "optimizer.lr=0: must be positive and finite"),
    ("optimizer.lr=-1", "optimizer.lr=-1: must be positive and finite"),
    ("optimizer.lr=nan", "optimizer.lr=nan: must be positive and finite"),
    ("optimizer.lr=1e-3x", "optimizer.lr: '1e-3x' is not a number"),
    ("batch_size=0", "batch_size=0: must be at least 1"),
    ("cv.nsplits=3", "cv.nsplits: unknown key: did you mean 'cv.n_splits'?"),
    ("+cv.nsplits=3", "cv.nsplits: unknown key: did you mean 'cv.n_splits'?"),
    ("run=${run}", "refers to itself"),
    ("loss=[ce,focal]", "use -m to sweep"),
    ("loss=ce,focal", "use -m to sweep"),
    ("optimizer.lr=1e-3,1e-4", "use -m to sweep"),
    ("metrics.names=accuracy,mcc", "or metrics.names=[accuracy,mcc] if it takes a list"),
    ("loss=CrossEntropyLoss", "no such loss: did you mean 'ce'?"),
    ("loss=binary_cross_entropy", "no such loss: did you mean 'bce'?"),
    ("model=resnet50", "model=torchvision (or timm) model.name=resnet50"),
    ("metrics.names=[acc]", "metrics.names: unknown metric 'acc': did you mean 'accuracy'?"),
    ("metrics.names=[hamming_loss]", "hamming_loss"),
    ("num_workers=-1", "num_workers=-1: must be at least 0"),
    ("loss=bce", "loss=bce does not fit a multiclass task: use loss=ce or focal"),
    ("cv.fold=5", "cv.fold=5 does not exist: have 0..4"),
    ("cv.select=best", "cv.select: unknown 'best'"),
    ("cv.strategy=statified", "cv.strategy: unknown 'statified': did you mean 'stratified'?"),
    ("model.hiden=[3]", "model.hiden: trainer.models.mlp.MLP takes no such argument: did you mean 'hidden'?"),
    ("model.hidden=3", "model.hidden: 3 is not a list"),
    ("model.dropout=1.5", "model: trainer.models.mlp.MLP refused its arguments: dropout probability"),
    ("model.dropout=1", "a dropout probability of 1 leaves nothing to learn from: set one from 0 to below 1"),
    ("optimizer.betas=[2,3]", "optimizer: torch.optim.AdamW refused its arguments"),
    ("optimizer.betas=[0.9]", "optimizer.betas: [0.9] is not a list of 2: [a number, a number]"),
    ("optimizer.weight_decay=1180591620717411303424", "is too large a number: at most 9223372036854775807"),
    ("scheduler=step scheduler.step_size=0", "StepLR cannot take a step with step_size=0 gamma=0.9: ZeroDivisionError"),
    ("~cv.n_splits", "~cv.n_splits: cannot be taken away, only set: cv.n_splits=VALUE"),
    ("metrics=[roc_auc]", "the list of metrics is metrics.names=[roc_auc]"),
    ("metrics.names=accuracy", "metrics.names is a list: metrics.names=[accuracy]"),
    ("model.hidden=16", "model.hidden: 16 is not a list [...]: model.hidden=[16]"),
    ("data=reviews.csv", "type data=csv_tabular data.path=reviews.csv (a table), data=csv_text data.path=reviews.csv"),
    ("data=csv_text data.path=x.csv model=text_cnn data.label_column=y", "no such argument: did you mean 'label'?"),
    ("fit.patience_epochs=3", "set cv.select=inner"),
    ("fit.ema_decay=1", "fit.ema_decay=1.0: must be at least 0 and below 1, or null"),
    ("init.min_match=0", "init.min_match=0.0: must be above 0 and at most 1"),
    ("init.path=absent.pth", "init.path=absent.pth: no such file"),
    ("checkpoint.format=zipp", "checkpoint.format: unknown 'zipp': did you mean 'zip'?"),
    ("fit.clip_norm=0", "fit.clip_norm=0.0: must be positive"),
    ("fit.warmup_steps=100000", "leaves no step"),
    ("fit.warmup_ratio=1", "fit.warmup_ratio=1.0: must be at least 0 and below 1"),
    ("fit.warmup_ratio=0.1 fit.warmup_steps=5", "fit.warmup_ratio and fit.warmup_steps both say"),
    ("fit.head_lr=0", "fit.head_lr=0.0: must be positive"),
    ("fit.layer_decay=1.1", "fit.layer_decay=1.1: must be above 0 and at most 1"),
    ("fit.layer_decay=0.9", "fit.layer_decay needs a model that lists its layers, and MLP has no method layers()"),
    ("fit.layer_decay=0.9 fit.freeze_epochs=all", "fit.layer_decay has no effect with fit.freeze_epochs=all"),
    ("fit.freeze_epochs=-1", "fit.freeze_epochs=-1: must be a whole number, at least 0, or all"),
    ("fit.freeze_epochs=1.5", "fit.freeze_epochs=1.5: must be a whole number or a word"),
    ("fit.freeze_epochs=true", "fit.freeze_epochs=true: must be a whole number or a word"),
    ("fit.freeze_epochs=null", "fit.freeze_epochs=null: cannot be null"),
    ("fit.decay_norms=maybe", "fit.decay_norms=maybe: must be true or false"),
    ("fit.freeze_epochs=al", "fit.freeze_epochs=al: must be a whole number, at least 0, or all"),
    ("fit.freeze_epochs=1 fit.unfreeze_layers=0", "fit.unfreeze_layers=0: must be at least 1"),
    ("fit.unfreeze_layers=1", "fit.unfreeze_layers has no effect with fit.freeze_epochs=0 (nothing is frozen first)"),
    ("fit.freeze_epochs=all fit.unfreeze_layers=1", "(the backbone stays frozen)"),
    ("fit.mixup_alpha=-1", "fit.mixup_alpha=-1.0: must be finite and at least 0"),
    ("fit.cutmix_alpha=inf", "fit.cutmix_alpha=inf: must be finite"),
    ("fit.cutmix_alpha=1", "fit.cutmix_alpha pastes boxes of images (B, C, H, W), and the input 'numeric' is (B, 64)"),
    ("fit.head_lr=1e-4 scheduler=cosine scheduler.eta_min=1e-3", "scheduler.eta_min=0.001 is above the learning rate"),
    ("amp.loss_scale=-2", "neither 'dynamic' nor a positive number"),
    ("tracker.name=wandbb", "tracker=wandbb: no such tracker: did you mean 'wandb'?"),
    ("tracker=[tensorboard,tensorbord]", "tracker=tensorbord: no such tracker: did you mean 'tensorboard'?"),
    ("tracker.mine._target_=os.system", "tracker.mine._target_: 'os.system' is not allowed"),
    ("tracker.mine=5", "tracker.mine=5: a tracker is a section with _target_"),
    ("tracker.tensorboard.log=x", "tracker.tensorboard.log: trainer.trackers.tensorboard.TensorBoardTracker takes no"),
    ("data.name=digit", "did you mean 'digits'?"),
    ("plugins=${seed}", "plugins: refers to 42, and must be a list"),
    ("metrics.names=${run}", "metrics.names: refers to None, and must be a list"),
    ("cv.inner=${seed}", "cv.inner: refers to 42, and must be a section"),
    ("checkpoint=${cv}", "checkpoint: refers to "),
    ("cv.inner.grid=${seed}", "cv.inner.grid: refers to 42, and must be a mapping"),
    ("data.preprocess=${seed}", "data.preprocess: refers to 42, and must be a section"),
    ("+seed=1", "+seed=1: is there already, and nothing is added: type seed=1"),
    ("+loss=ce", "+loss=ce: is there already, and nothing is added: type loss=ce"),
    ("~loss=focal", "~loss=focal: cannot be taken away, only set: loss=VALUE"),
    ("~optimizer.lrr", "optimizer.lrr: unknown key"),
    ("max_epochs", "max_epochs: has no value; type max_epochs=VALUE"),
    ("cv=5", "cv=5: is no choice, cv.n_splits=5 sets the number of folds; choose cv=group | "),
    ("plugins=[no_such_package_x]", "cannot import 'no_such_package_x'"),
    ("optimizer=lion", "optimizer=lion: no such optimizer"),
    ("scheduler=plateau", "scheduler=plateau: no such scheduler"),
    ("scheduler._target_=torch.optim.lr_scheduler.ReduceLROnPlateau", "not a scheduler stepped per optimizer step"),
    ("data=csv_tabular", "data.path is required"),
    (
        "data=csv_text data.path=x.csv model=rnn data/preprocess=tokenizer data.preprocess.pretrained=bert",
        "data/preprocess=tokenizer goes with model=transformer; this model has no model.allow_network",
    ),
    ("run=${a}", "run: Interpolation key 'a' not found"),
    ("init.min_match=0.1", "have no effect without init.path"),
    ("init.path=", "init.path is empty"),
    ("profile.enabled=false profile.only=true", "profile.only=true contradicts profile.enabled=false"),
    ("amp.loss_scale=1e39", "neither 'dynamic' nor a positive number"),
    ("run=../elsewhere", "run=../elsewhere: is a name, not a path"),
    ("plugins=my_pkg", "plugins is a list: plugins=[my_pkg]"),
    ("device=meta", "only cpu and cuda are supported"),
    ("optimizer._target_=torch.optim.LBFGS", "wants a closure"),
    ("model.hidden=[0]", "hidden=[0]: widths must be at least 1"),
]


@pytest.mark.parametrize(("override", "message"), MISTAKES)
def test_a_mistake_is_named_in_few_lines_and_nothing_is_written(train, tmp_path: Path, override, message):
    outcome = train(*override.split(" "))
    assert outcome.code == 2
    assert message in outcome.err
    assert len(outcome.err.strip().splitlines()) <= 5
    assert "Traceback" not in outcome.err
    assert list(tmp_path.iterdir()) == []


def test_apex_and_compiled_models_exclude_each_other(train):
    outcome = train("runtime.compile=true", "amp=O1", "amp.backend=apex")
    assert outcome.code == 2
    assert "runtime.compile=true cannot compile what apex patches" in outcome.err


def test_apex_rule_under_o1(train):
    outcome = train("amp=O1", "amp.master_weights=true")
    assert outcome.code == 2
    assert "amp.master_weights cannot be set under O1" in outcome.err


def test_a_negative_learning_rate_of_the_scheduler(train):
    outcome = train("scheduler=onecycle", "scheduler.max_lr=-1")
    assert outcome.code == 2
    assert "scheduler: sets the learning rate to -0.04" in outcome.err


def test_absent_cuda_is_refused(train):
    outcome = train("device=cuda")
    assert outcome.code == 2
    assert "no CUDA device" in outcome.err


def test_all_problems_are_reported_at_once(train):
    outcome = train("cv.nsplits=3", "loss=focl", "batch_size=0", "optimizer.lr=-1")
    for problem in ("cv.nsplits: unknown key", "loss=focl: no such loss", "batch_size=0", "optimizer.lr=-1"):
        assert problem in outcome.err


def test_more_than_four_problems_are_counted(train):
    outcome = train("seed=-1", "batch_size=0", "max_epochs=0", "cv.fold=9", "num_workers=-1", "cv.repeats=0")
    assert "... and 2 more" in outcome.err
    assert len(outcome.err.strip().splitlines()) == 5


def test_traceback_on_request(train, monkeypatch):
    from trainer.errors import ConfigError

    monkeypatch.setenv("FOLDWISE_TRACEBACK", "1")
    with pytest.raises(ConfigError):
        train("batch_size=0")


def test_a_value_hydra_cannot_read_is_shown_quoted(train):
    outcome = train("data=csv_text", "data.path=x.csv", "data.delimiter=;")
    assert outcome.code == 2
    quoted = "\"data.delimiter=';'\""
    assert outcome.err == f"configuration error: data.delimiter: cannot read the value: quote it twice, {quoted}\n"


def test_a_chinese_path_needs_no_quotes(train):
    outcome = train("data=csv_text", "data.path=酒店 评论.csv", "model=text_cnn")
    assert outcome.code == 3
    assert "酒店 评论.csv" in outcome.err


def test_the_sweep_flag_may_stand_anywhere(train):
    outcome = train("data=iris", "seed=1,2", "-m", "batch_size=0")
    assert outcome.code == 2
    assert "batch_size=0: must be at least 1" in outcome.err


@pytest.mark.parametrize(
    ("place", "line"),
    [
        ("https://example.org/a.csv", "is an address: download it first, then give data=csv_tabular data.path=FILE"),
        (
            "a/b.zip",
            "is a place: type data=image_folder data.path=a/b.zip model=image_cnn (images in a folder per class)",
        ),
        ("pictures/train", "is a place: type data=image_folder data.path=pictures/train model=image_cnn"),
        ("B.XLSX", "is a file: type data=csv_tabular data.path=B.XLSX (a table)"),
        ("digit", "no such data: did you mean 'digits'?"),
    ],
)
def test_a_place_of_data_is_answered_with_its_kind(place, line):
    said = explain(MissingConfigException(f"Could not find 'data/{place}'"), f"data={place}")
    assert said.startswith(f"data={place}: {line}")


def test_a_line_end_in_an_option_makes_no_further_line():
    assert explain(OverrideParseException("mo\ndel=x", "?"), "mo\ndel=x").startswith("mo\\ndel: cannot read the value")


def test_a_file_in_another_encoding_is_named(train, tmp_path):
    (tmp_path / "own/loss").mkdir(parents=True)
    (tmp_path / "own/loss/mine.yaml").write_bytes("# 损失\n_target_: trainer.losses.ce.CrossEntropy\n".encode("gbk"))
    outcome = train("--config-dir", "own", "loss=mine")
    assert outcome.code == 2
    assert outcome.err.endswith("own/loss/mine.yaml: is not UTF-8 text: save it as UTF-8\n")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("defaults: [{override /profile: off}]", "YAML reads off, on, yes and no without quotes as truth values"),
        ("audit: off", "audit: YAML reads off and on without quotes as truth values: write 'off'"),
    ],
)
def test_words_that_yaml_takes_for_truth_values(train, tmp_path, text, message):
    (tmp_path / "own/experiment").mkdir(parents=True)
    (tmp_path / "own/experiment/mine.yaml").write_text(f"# @package _global_\n{text}\n")
    outcome = train("--config-dir=own", "experiment=mine")
    assert outcome.code == 2
    assert message in outcome.err


YAML_MISTAKES = [
    ("_target_: a\n_target_: b\n", "found duplicate key _target_"),
    ("_target_: a\n\tname: b\n", "line 2:1"),
]


@pytest.mark.parametrize(("text", "message"), YAML_MISTAKES)
def test_yaml_mistakes_name_the_line(train, tmp_path, text, message):
    own = tmp_path / "own" / "loss"
    own.mkdir(parents=True)
    (own / "mine.yaml").write_text(text)
    outcome = train("--config-dir", str(tmp_path / "own"), "loss=mine")
    assert outcome.code == 2
    assert message in outcome.err
    assert "Traceback" not in outcome.err


def test_files_of_ones_own_are_among_those_that_may_be_meant(train, tmp_path):
    (tmp_path / "own/loss").mkdir(parents=True)
    (tmp_path / "own/loss/mine.yaml").write_text("_target_: trainer.losses.ce.CrossEntropy\n")
    outcome = train("--config-dir", "own", "loss=mien", "metrics=f1_macro")
    assert outcome.code == 2
    assert "loss=mien: no such loss: did you mean 'mine'?" in outcome.err
    assert "; one metric is metrics.names=[f1_macro]" in outcome.err


def test_problems_beside_files_of_ones_own(train, tmp_path):
    (tmp_path / "own/loss").mkdir(parents=True)
    (tmp_path / "own/loss/mine.yaml").write_text("_target_: trainer.losses.ce.CrossEntropy\n")
    outcome = train("max_epoch=1", "loss=mine", f"--config-dir={tmp_path}/own")
    assert (outcome.code, outcome.err) == (
        2,
        "configuration error: max_epoch: unknown key: did you mean 'max_epochs'?\n",
    )

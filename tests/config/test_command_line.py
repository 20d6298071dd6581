"""What is typed in the way of other programs, other keyboards or in haste gets one line that says what to type."""

import pytest
from hydra._internal.utils import get_args_parser

from trainer.config.command_line import FLAGS, OPTIONAL, arranged
from trainer.errors import ConfigError


def refused(*arguments):
    with pytest.raises(ConfigError) as caught:
        arranged(arguments)
    return str(caught.value).splitlines()


TYPED = [
    (["--loss", "focal"], "--loss focal: options are KEY=VALUE without dashes: loss=focal"),
    (["--loss=focal"], "--loss=focal: options are KEY=VALUE without dashes: loss=focal"),
    (["--epochs", "5", "seed=1"], "--epochs 5: options are KEY=VALUE without dashes: max_epochs=5"),
    (["-max-epochs", "5"], "-max-epochs 5: options are KEY=VALUE without dashes: max_epochs=5"),
    (["--optimizer.lr", "-0.1"], "--optimizer.lr -0.1: options are KEY=VALUE without dashes: optimizer.lr=-0.1"),
    (["--n-folds=3"], "--n-folds=3: options are KEY=VALUE without dashes: cv.n_splits=3"),
    (["--learning_rate"], "--learning_rate: options are KEY=VALUE without dashes: optimizer.lr=VALUE"),
    (["--zzz", "1"], "--zzz: no such flag; options are KEY=VALUE without dashes (--help lists them)"),
    (["loss", "=", "focal"], "loss = focal: options are KEY=VALUE without spaces: type loss=focal"),
    (["loss=", "focal"], "loss= focal: options are KEY=VALUE without spaces: type loss=focal"),
    (["loss", "=focal"], "loss =focal: options are KEY=VALUE without spaces: type loss=focal"),
    (["loss", "focal"], "loss focal: options are KEY=VALUE without spaces: type loss=focal"),
    (["max_epochs"], "max_epochs: has no value; type max_epochs=VALUE"),
    (["epochs"], "epochs: has no value; type max_epochs=VALUE"),
    (["zzz"], "zzz: has no value; type KEY=VALUE"),
    (
        ["t.csv"],
        "t.csv: is a file: type data=csv_tabular data.path=t.csv (a table), "
        "data=csv_text data.path=t.csv model=text_cnn (texts)",
    ),
    (
        ["https://x.org/t.csv"],
        "https://x.org/t.csv: is an address: download it first, then give data=csv_tabular data.path=FILE",
    ),
    (["run=my", "run", "of", "iris"], 'run=my run of iris: quote a value that has spaces: "run=my run of iris"'),
    (["=5"], "=5: has no key; options are KEY=VALUE"),
    (["seed = 1"], "seed = 1: options are KEY=VALUE without spaces: type seed=1"),
    (["+loss.x ='a b' "], "+loss.x ='a b': options are KEY=VALUE without spaces: type +loss.x='a b'"),
    (["seed=1", ""], "an argument is empty: leave it out (a variable of the shell that is not set?)"),
    (["loss＝focal"], "loss＝focal: has signs of another keyboard; type loss=focal"),
    (["“loss=focal”"], "“loss=focal”: has signs of another keyboard; type loss=focal"),
    (["loss=‘focal’"], "loss=‘focal’: has signs of another keyboard; type loss=focal"),
    (["data.text=“评论”"], "data.text=“评论”: has signs of another keyboard; type data.text=评论"),
    (
        ["metrics.names=［accuracy，mcc］"],
        "metrics.names=［accuracy，mcc］: has signs of another keyboard; type metrics.names=[accuracy,mcc]",
    ),
    (["ｓｅｅｄ=１２"], "ｓｅｅｄ=１２: has signs of another keyboard; type seed=12"),
    (
        ["data=csv_text，data.path=a.csv"],
        "data=csv_text，data.path=a.csv: has signs of another keyboard; type data=csv_text data.path=a.csv",
    ),
    (["~seed"], "~seed: cannot be taken away, only set: seed=VALUE"),
    (["~cv"], "~cv: cannot be taken away, only set: cv=VALUE"),
    (["--cfg", "jobs"], "--cfg jobs: must be one of job, hydra, all"),
    (["--cfg"], "--cfg: needs job | hydra | all behind it"),
    (["--config-dir"], "--config-dir: needs VALUE behind it"),
    (["--config-dir", "nowhere"], "--config-dir nowhere: no such folder"),
    (["-m=1"], "-m=1: -m is given nothing"),
    (["--run=a1"], "--run=a1: type run=a1 without dashes"),
]


@pytest.mark.parametrize(("arguments", "line"), TYPED)
def test_one_line_says_what_to_type(arguments, line):
    assert refused(*arguments) == [line]


def test_all_of_them_are_named_at_once():
    assert len(refused("--loss", "focal", "seed", "=", "1", "amp＝O1")) == 3


@pytest.mark.parametrize(
    "option",
    [
        "data.path=酒店，评论.csv",
        "data.text=标题＝1",
        "~loss",
        "~tracker",
        "+a.b=1",
        "run=",
        "run='a b'",
        "model.hidden=[1,2]",
        "a=b=c",
        "data.label=１",
        "run='“quoted”'",
        "data.missing=['？','，']",
    ],
)
def test_what_may_be_meant_as_it_is_stays(option):
    assert arranged([option]) == [option]


def test_flags_may_stand_anywhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own").mkdir()
    typed = ["loss=ce", "--cfg", "job", "seed=1", "--info", "-m", "--config-dir=own", "amp=O1"]
    assert arranged(typed) == ["--cfg", "job", "--info", "all", "-m", "--config-dir=own", "loss=ce", "seed=1", "amp=O1"]


def test_the_flags_are_those_of_hydra():
    theirs = {
        flag: (None if action.nargs == 0 else tuple(action.choices or ()), action.nargs == "?")
        for action in get_args_parser()._actions
        for flag in action.option_strings
    }
    assert theirs == {flag: (allowed, flag in OPTIONAL) for flag, allowed in FLAGS.items()}

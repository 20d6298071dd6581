"""Whole runs from Python: the command's bytes, resumed, and what cannot be trained said in one sentence."""

import hashlib
import multiprocessing
import subprocess
import sys
import textwrap
import types
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
from PIL import Image
from sklearn.model_selection import GroupKFold, StratifiedKFold
from sklearn.preprocessing import StandardScaler

import trainer as fw
from tests.api.api_cases import QUICK, Net, Points, Recorder, X, Y, build
from tests.places import REPOSITORY
from trainer.cli.main import main as foldwise

ERRORS = (fw.errors.ConfigError, fw.errors.DataError)


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("trainer.report.plots.png_bytes", lambda figure: b"")


def sha256(run: Path | fw.Run) -> str:
    path = run.path if isinstance(run, fw.Run) else run
    return hashlib.sha256((path / "oof.parquet").read_bytes()).hexdigest()


def write_csv(path: str = "points.csv") -> None:
    rows = [",".join([*map(repr, row), label]) for row, label in zip(X.tolist(), Y, strict=True)]
    Path(path).write_text("\n".join(["a,b,c,label", *rows]) + "\n")


def test_a_file_a_frame_and_arrays_give_the_bytes_of_the_command(train):
    write_csv()
    options = ("max_epochs=1", "tracker=none", "profile=off", "audit=off", "cv.n_splits=2", "optimizer.lr=0.01")
    assert train("data=csv_tabular", "data.path=points.csv", *options, "run=command").code == 0
    wanted = sha256(Path("runs/command"))
    lr = {"optimizer.lr": 0.01}
    assert sha256(fw.cross_validate(fw.read_table("points.csv"), run="file", **QUICK, **lr)) == wanted
    assert sha256(fw.cross_validate("points.csv", run="place", **QUICK, **lr)) == wanted
    frame = pa.table({"a": X[:, 0], "b": X[:, 1], "c": X[:, 2], "label": Y.tolist()})
    assert sha256(fw.cross_validate(frame, run="frame", **QUICK, **lr)) == wanted
    assert sha256(fw.cross_validate(X, Y, run="arrays", **QUICK, **lr)) == wanted
    assert sha256(fw.cross_validate((torch.from_numpy(X), Y.tolist()), run="lists", **QUICK, **lr)) == wanted


def test_a_run_of_a_file_is_gone_on_with_by_the_command(train):
    write_csv()
    options = {**QUICK, "cv": {"n_splits": 2, "fold": 0}}
    begun = fw.cross_validate(fw.read_table("points.csv"), run="a1", **options)
    assert begun.missing == [1]
    with pytest.raises(fw.errors.CheckpointError, match="1 of 2 folds are not finished") as missing:
        _ = begun.metrics
    command = str(missing.value).splitlines()[-1]
    assert command.startswith("foldwise train ")
    assert train(*command.removeprefix("foldwise train ").split()).code == 0
    assert begun.missing == []
    assert len(begun.oof) == len(X)


def test_the_same_call_resumes_and_the_commands_work_on_the_run():
    begun = fw.cross_validate((X, Y), model=Net, run="a1", **{**QUICK, "cv": {"n_splits": 2, "fold": 1}})
    with pytest.raises(fw.errors.CheckpointError, match="the same call of"):
        _ = begun.result
    done = (begun.path / "fold_1" / "DONE").read_bytes()
    whole = fw.cross_validate((X, Y), model=Net, run="a1", **QUICK)
    assert (whole.path / "fold_1" / "DONE").read_bytes() == done
    assert sha256(whole) == sha256(fw.cross_validate((X, Y), model=Net, run="b1", **QUICK))
    assert foldwise(["merge", "runs/a1"]) == 0
    with pytest.raises(fw.errors.CheckpointError, match="data \\(sha256\\)"):
        fw.cross_validate((X + 1, Y), model=Net, run="a1", **QUICK)


def test_rows_in_memory_cannot_be_had_by_the_command(train):
    fw.cross_validate((X, Y), run="a1", **QUICK)
    target = "trainer.data.sources.in_memory.load_in_memory"
    ended = train(f"data._target_={target}", "data.name=arrays", "data/preprocess=table", "run=a1")
    assert ended.code == 3
    assert "the same call of trainer.cross_validate" in ended.err


@pytest.mark.parametrize(
    "model", [Net, (Net, {"width": 5}), Recorder, build], ids=["class", "arguments", "record with logits", "function"]
)
def test_models_of_ones_own_need_no_names_of_ours(model):
    run = fw.cross_validate((X, Y), model=model, run="a1", **QUICK)
    assert len(run.oof) == len(X)
    assert (run.path / "fold_0" / "model.safetensors").is_file()


def test_a_record_with_logits_trains_to_the_bits_of_the_logits():
    plain = fw.cross_validate((X, Y), model=Net, run="a1", **QUICK)
    assert sha256(fw.cross_validate((X, Y), model=Recorder, run="b1", **QUICK)) == sha256(plain)


class FitOnly:
    """What ``skorch.NeuralNetClassifier(Net, module__width=5)`` is before it is fitted."""

    module = Net

    def get_params_for(self, prefix):
        return {"width": 5} if prefix == "module" else {}


def test_a_skorch_net_counts_by_its_module():
    named = fw.cross_validate((X, Y), model=(Net, {"width": 5}), run="a1", **QUICK)
    assert sha256(fw.cross_validate((X, Y), model=FitOnly(), run="b1", **QUICK)) == sha256(named)


def test_splitters_of_scikit_learn_split_as_they_do_there():
    given = {**QUICK, "cv": StratifiedKFold(4, shuffle=True, random_state=7)}
    folds = np.asarray(fw.cross_validate((X, Y), run="a1", **given).oof["fold"])
    for number, (_, held_out) in enumerate(StratifiedKFold(4, shuffle=True, random_state=7).split(X, Y)):
        assert np.flatnonzero(folds == number).tolist() == held_out.tolist()
    groups = np.arange(len(X)) // 4
    run = fw.cross_validate(fw.arrays(X, Y, group=groups), run="b1", **{**QUICK, "cv": GroupKFold(n_splits=5)})
    folds = np.asarray(run.oof["fold"])
    assert set(folds) == set(range(5))
    assert all(len(set(folds[groups == group])) == 1 for group in range(10))


def test_items_are_drawn_again_the_same_way_and_resumed():
    first = fw.cross_validate(Points(), model=Net, run="a1", **QUICK)
    state = torch.get_rng_state()
    again = fw.cross_validate(Points(), model=Net, run="b1", num_workers=1, **QUICK)
    assert sha256(first) == sha256(again)
    assert torch.equal(torch.get_rng_state(), state)
    assert sha256(fw.cross_validate(Points(0.0), model=Net, run="c1", **QUICK)) != sha256(first)


def test_arrays_in_any_shape_go_to_the_first_argument():
    pixels = np.random.default_rng(0).integers(0, 255, size=(40, 1, 8, 8), dtype=np.uint8)
    assert len(fw.cross_validate((pixels, Y), model="image_cnn", run="a1", **QUICK).oof) == 40
    items = torch.utils.data.TensorDataset(torch.from_numpy(pixels).float(), torch.arange(40) % 2)
    assert len(fw.cross_validate(items, model="image_cnn", run="b1", **QUICK).oof) == 40


def test_image_files_by_their_paths(tmp_path):
    random, paths = np.random.default_rng(0), []
    for row in range(8):
        paths.append(tmp_path / f"part{row % 2}" / f"{row}.png")
        paths[-1].parent.mkdir(exist_ok=True)
        Image.fromarray(random.integers(0, 255, (8, 8, 3), dtype=np.uint8)).save(paths[-1])
    run = fw.cross_validate(fw.images(paths, ["a", "b"] * 4), model="image_cnn", run="a1", **QUICK)
    assert np.asarray(run.oof["id"]).tolist()[:2] == ["part0/0.png", "part1/1.png"]


def test_columns_of_a_frame_with_texts():
    frame = pa.table({"review": ["good phone", "bad screen"] * 10, "mood": ["pos", "neg"] * 10})
    run = fw.cross_validate(fw.texts(frame, text="review", label="mood"), model="text_cnn", run="a1", **QUICK)
    assert len(run.oof) == 20


FRAME = pa.table({"a": [1.0, 2.0], "y": ["u", "v"]})


@pytest.mark.parametrize(
    "make",
    [
        lambda: fw.table(FRAME, lable="y"),
        lambda: fw.texts(["a"], ["b"], lable="y"),
        lambda: fw.arrays(X, Y, lable="y"),
    ],
)
def test_an_argument_that_there_is_not_is_said_at_once(make):
    with pytest.raises(fw.errors.ConfigError, match="did you mean 'label'"):
        make()


class Frame:
    """A frame of another library: columns, and Arrow's C stream."""

    def __init__(self, columns, table):
        self.columns, self.table = columns, table

    def __arrow_c_stream__(self, requested_schema=None):
        return self.table.__arrow_c_stream__(requested_schema)


TWICE = Frame(["a", "a", "label"], pa.table({"a": X[:, 0], "label": Y.tolist()}))
ON_ANOTHER_DEVICE = torch.zeros(40, 3, device="meta")


@pytest.mark.parametrize(
    ("data", "options", "said"),
    [
        ((X, np.where(Y == "pos", 1.0, np.nan)), {}, "no label in column 'label' in "),
        ((X, Y[:-1]), {}, "arrays: y has 39 values for 40 rows"),
        (TWICE, {}, "2 columns are called 'a'"),
        ((ON_ANOTHER_DEVICE, Y), {}, "arrays: X lies on meta: give X.cpu()"),
        ((X, torch.zeros(40, device="meta")), {}, "arrays: y lies on meta"),
        ((row for row in X), {}, "generator: it has no length"),
        ((X, Y), {"model": Net(1)}, "this Net is one object, which all folds would share"),
        ((X, Y), {"model": lambda n_outputs: Net(n_outputs)}, "model: a lambda has no name"),
        ((X, Y), {"loss": lambda logits, target: logits}, "loss: a lambda has no name"),
        ((X, Y), {"loss": torch.nn.CrossEntropyLoss()}, "loss: this CrossEntropyLoss is one object"),
        ((X, Y), {"model": partial(Net, width=3)}, "give model=(Net, {'argument': value})"),
        ((X, Y), {"model": "text_cn"}, "did you mean 'text_cnn'?"),
        ((X, Y), {"max_epoch": 2}, "max_epoch: unknown key: did you mean 'max_epochs'?"),
        ((X, Y), {"cv": StratifiedKFold(3, shuffle=True)}, "draws other folds each time: give it random_state"),
        ((X, Y), {"optimizer": {"lr": object()}}, "optimizer.lr: a object is no value of a configuration"),
        ((X, Y), {"profile": {"only": True}}, "foldwise train profile.only=true"),
        ((np.where(X > 2, np.inf, X), Y), {}, "arrays: X is infinite in row "),
        ((np.ma.masked_greater(X, 2), Y), {}, "arrays: X has "),
        ((X, np.ma.masked_equal(np.arange(40) % 3, 2)), {}, "arrays: y has 13 masked values"),
        ((X, "label"), {}, "arrays: y is a str, which has no rows"),
        ((X, set(Y)), {}, "arrays: y is a set"),
        ((X[:, :0], Y), {}, "X has the shape (40, 0): there is nothing to train on"),
        (({}, Y), {}, "the dict of inputs is empty"),
        ((["some text"] * 40, Y), {}, "X holds text: give texts(X, y)"),
        ((np.array(["some text"] * 40, dtype=object), Y), {}, "X holds text: give texts(X, y)"),
        ((X, Y), {"loss": torch.nn.CrossEntropyLoss}, "loss=ce is that loss"),
        (fw.texts(list(Y), [f"text {row}" for row in range(40)]), {}, "40 of 40 labels occur once, such as 'text 0'"),
        ([X, Y], {}, "list: row 1 is a ndarray without a label: give (X, y)"),
        ((X, Y), {"preprocess": StandardScaler}, "give an object, StandardScaler(), not its class"),
        ((X, Y), {"cv": 3}, "give cv={'n_splits': 3}"),
        ((X, Y), {"cv": [([0], [1])]}, "cv='predefined' and a column with the fold of each row"),
        ((np.full((40, 2, 2), np.nan), Y), {}, "arrays: X is NaN or infinite in row 1"),
        ((X.astype(str), Y), {}, "for columns of several kinds give a frame"),
        ({"a": X}, {}, "a dict alone has no labels: give (dict, y)"),
        ("nothing.csv", {}, "nothing.csv: no such file"),
        ("irsi", {}, "did you mean 'iris'?"),
        (Points(broken=5), {}, "Points: row 6 cannot be read: OSError: no such picture"),
        ((X, Y), {"cv": {"n_splits": 1}}, "cv.n_splits"),
    ],
)
def test_what_cannot_be_trained_is_said_in_one_sentence(data, options, said):
    settings = {key: value for key, value in QUICK.items() if key not in options}
    with pytest.raises(ERRORS) as refused:
        fw.cross_validate(data, run="a1", **settings, **options)
    assert said in str(refused.value)
    assert len(str(refused.value).splitlines()) <= 3
    assert not Path("runs/a1").exists()


def test_values_with_the_index_of_the_features_in_another_order_are_refused():
    pandas = pytest.importorskip("pandas")
    frame, labels = pandas.DataFrame(X), pandas.Series(Y)
    backwards = labels[::-1]
    with pytest.raises(fw.errors.DataError, match="y has the index of X in another order"):
        fw.arrays(frame, backwards)
    with pytest.raises(fw.errors.DataError, match="group has the index of X in another order"):
        fw.arrays(frame, labels, group=backwards)
    samples, _ = fw.arrays(frame, backwards.reindex(frame.index)).load(None)
    assert samples.target.tolist() == fw.arrays(X, Y).load(None)[0].target.tolist()
    fw.arrays(frame[20:], labels[:20])  # other names: put together by place, as scikit-learn does


def test_the_error_of_ones_own_item_is_kept():
    with pytest.raises(fw.errors.DataError) as refused:
        fw.cross_validate(Points(broken=5), model=Net, **QUICK)
    assert isinstance(refused.value.__cause__, OSError)


def script(body: str) -> subprocess.CompletedProcess[str]:
    """Run a script of its own; ``REPOSITORY`` is on its path."""
    Path("script.py").write_text(textwrap.dedent(body))
    command = [sys.executable, "script.py"]
    environment = {"PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1", "PATH": "/usr/bin:/bin"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240)


CLASS = """
    import sys, numpy as np, trainer as fw
    from torch import nn
    from trainer.run.steps import parallel
    import trainer.run.cross_validate as core
    core.starts_new_processes = lambda device: True  # as where torch sees a GPU

    class Net(nn.Module):
        def __init__(self, n_outputs):
            super().__init__()
            self.layer = nn.Linear(3, n_outputs)
        def forward(self, x):
            return self.layer(x)

    def go():
        X = np.random.default_rng(0).normal(size=(40, 3))
        options = dict(max_epochs=1, tracker="none", profile="off", audit="off", runtime={"progress": "off"})
        return fw.cross_validate((X, X[:, 0] > 0), model=Net, cv={"n_splits": 2, "parallel": 2}, run="a1", **options)
"""


def test_a_notebook_trains_one_fold_after_the_other_and_says_so(monkeypatch, capsys):
    main = types.ModuleType("__main__")  # as in a notebook: it has no file
    main.Net = type("Net", (Net,), {"__module__": "__main__", "__qualname__": "Net"})
    monkeypatch.setitem(sys.modules, "__main__", main)
    monkeypatch.setattr("trainer.run.steps.parallel.starts_new_processes", lambda device: True)
    run = fw.cross_validate((X, Y), model=main.Net, run="a1", **QUICK)
    assert run.missing == []
    assert "note: model of this notebook cannot be found by new processes" in capsys.readouterr().out
    with pytest.raises(fw.errors.ConfigError, match="put it into a module"):
        fw.cross_validate((X, Y), model=main.Net, run="b1", **{**QUICK, "cv": {"parallel": 2}})


@pytest.mark.battery  # torch is imported three times
def test_a_script_trains_its_own_class_in_new_processes():
    ended = script(CLASS + '\n    if __name__ == "__main__":\n        print(go())\n')
    assert ended.returncode == 0, ended.stderr
    assert "Run('runs/a1'" in ended.stdout


def test_a_call_in_a_process_that_imports_the_script_is_refused(monkeypatch):
    monkeypatch.setattr(multiprocessing.current_process(), "_inheriting", True, raising=False)
    with pytest.raises(fw.errors.ConfigError, match="if __name__ == '__main__':"):
        fw.cross_validate((X, Y), run="a1", **QUICK)
    assert not Path("runs").exists()


@pytest.mark.battery
def test_a_script_without_the_guard_starts_no_others():
    ended = script(CLASS + "\n    print('begun', flush=True)\n    go()\n")
    assert ended.returncode == 1
    assert ended.stdout.count("begun") <= 3  # the script itself, and each of the two processes once
    assert "put the call under   if __name__ == '__main__':" in ended.stderr

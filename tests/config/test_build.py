"""Nothing runs that the configuration has no business naming; users' own classes come in as plugins."""

from pathlib import Path

import pytest

from trainer.config.build import check_section, construct, resolve_target, with_step_counts
from trainer.config.value_types import fits
from trainer.errors import ConfigError

DANGEROUS = [
    "os.system",
    "builtins.eval",
    "builtins.exec",
    "torch.load",
    "pandas.read_pickle",
    "joblib.load",
    "torch.hub.load",
    "pathlib.Path.write_text",
    "subprocess.run",
    "trainer.models.mlp.torch.load",
    "trainer.models.mlp.torch",
    "trainer.models.mlp.pairwise",
    "trainer.models..mlp.MLP",
    "trainer.losses.ce.F",
]


@pytest.mark.parametrize("section", ["data", "model", "loss", "optimizer", "scheduler"])
@pytest.mark.parametrize("target", DANGEROUS)
def test_dangerous_targets_are_refused(section, target):
    with pytest.raises(ConfigError):
        resolve_target(section, target)


@pytest.mark.parametrize("target", ["os.system", "builtins.exec", "pathlib.Path.write_text"])
def test_a_canary_stays_absent(train, tmp_path: Path, target):
    canary = tmp_path / "canary"
    outcome = train(f"model._target_={target}", f"+model.command='touch {canary}'")
    assert outcome.code == 2
    assert not canary.exists()


def test_a_target_behind_an_interpolation_is_refused(train):
    outcome = train("run=os.system", "model._target_=${run}")
    assert outcome.code == 2
    assert "is not allowed" in outcome.err


def test_a_nested_target_is_not_instantiated(train, tmp_path):
    canary = tmp_path / "canary"
    nested = f"{{_target_:os.system,command:'touch {canary}'}}"
    outcome = train(f"model.hidden=[{nested}]")
    assert outcome.code == 2
    assert not canary.exists()


def test_missing_attribute_suggests_a_class():
    with pytest.raises(ConfigError, match=r"has no 'MPL'.*did you mean 'MLP'"):
        resolve_target("model", "trainer.models.mlp.MPL")


def test_missing_module_is_named():
    with pytest.raises(ConfigError, match=r"cannot import trainer\.models\.nothing"):
        resolve_target("model", "trainer.models.nothing.Net")


def test_required_and_unknown_arguments_are_listed_together():
    section = {"_target_": "torch.optim.lr_scheduler.StepLR", "gama": 0.1}
    assert check_section("scheduler", section) == [
        "scheduler.gama: torch.optim.lr_scheduler.StepLR takes no such argument: did you mean 'gamma'?",
        "scheduler.step_size is required: give scheduler.step_size=...",
    ]


def test_a_section_without_target():
    (problem,) = check_section("model", {})
    assert problem.startswith("model._target_ is missing: it names the class to build; choose model=image_cnn | mlp | ")


def test_an_argument_that_other_programs_call_otherwise_is_told():
    (problem,) = check_section(
        "data", {"_target_": "trainer.data.sources.csv_tabular.load_csv_tabular", "path": "t.csv", "target": "y"}
    )
    assert problem.endswith("takes no such argument: did you mean 'label'?")
    (problem,) = check_section("optimizer", {"_target_": "torch.optim.SGD", "learning_rate": 0.1})
    assert problem.endswith("takes no such argument: did you mean 'lr'?")


def test_a_path_for_bundled_data_is_told_what_reads_it():
    section = {"_target_": "trainer.data.sources.bundled.load_bundled", "name": "wine", "path": "my.csv", "label": "y"}
    (problem,) = check_section("data", section)
    assert problem.startswith("data.path=my.csv: is a file: type data=csv_tabular data.path=my.csv (a table), ")


@pytest.mark.parametrize(
    ("key", "value", "typed"),
    [
        ("path", 101, "data.path=./101"),
        ("encoding", 1252, "\"data.encoding='1252'\""),
        ("format", True, "data.format="),
    ],
)
def test_a_number_where_a_text_is_wanted_is_told_how_it_is_typed(key, value, typed):
    section = {
        "_target_": "trainer.data.sources.csv_tabular.load_csv_tabular",
        "path": "t.csv",
        "label": "y",
        key: value,
    }
    (problem,) = check_section("data", section)
    assert problem.startswith(f"data.{key}: {value!r} is not text")
    assert typed in problem


@pytest.mark.parametrize(("key", "kind"), [("text", "csv_text"), ("images", "image_csv"), ("folders", "image_folder")])
def test_an_option_of_another_kind_of_data_is_told_which(key, kind):
    section = {"_target_": "trainer.data.sources.csv_tabular.load_csv_tabular", "path": "t.csv", key: "x"}
    (problem,) = check_section("data", section)
    assert f"takes no such argument: it goes with data={kind}" in problem


def test_constructor_errors_become_config_errors():
    with pytest.raises(ConfigError, match=r"optimizer: torch\.optim\.SGD refused its arguments"):
        construct("optimizer", {"_target_": "torch.optim.SGD", "lr": 0.1, "nesterov": True}, params=[])


def test_what_torch_raises_in_cpp_is_told_without_its_frames():
    with pytest.raises(ConfigError, match="refused its arguments: empty") as caught:
        construct("model", {"_target_": "trainer.models.rnn.RNN", "hidden": 2**63 - 1}, n_outputs=2, vocab_size=9)
    assert len(str(caught.value).splitlines()) == 1
    assert "frame #0" in str(caught.value.__cause__)


def test_a_model_for_other_data_is_refused_with_the_right_one():
    with pytest.raises(ConfigError, match="wants n_features, which this data does not have") as caught:
        construct("model", {"_target_": "trainer.models.mlp.MLP"}, n_outputs=2, vocab_size=9)
    assert "model=text_cnn" in str(caught.value)


def test_the_fields_of_a_dataclass_are_arguments_like_any_other():
    section = {"_target_": "trainer.data.sources.csv_text.load_csv_text", "path": "x", "text": "t", "time": 3}
    assert check_section("data", {**section, "gruop": "g", "columns": {}, "encoding": None}) == [
        "data.time: 3 is not text or null: type \"data.time='3'\"",
        "data.gruop: trainer.data.sources.csv_text.load_csv_text takes no such argument: did you mean 'group'?",
        "data.columns: trainer.data.sources.csv_text.load_csv_text takes no such argument; have: path, label, id, "
        "group, time, split, weight, votes, label_delimiter, encoding, delimiter, format, table, task, "
        "quote, ...",
        "data.encoding: None is not text",
    ]


def test_a_dataclass_that_the_framework_offers_is_no_section_of_the_users():
    assert check_section("loss", {"_target_": "trainer.losses.bce.BinaryCrossEntropy"}) == []


def test_step_words_become_numbers():
    section = {"_target_": "x", "T_max": "total_steps", "step_size": "steps_per_epoch", "mode": "other"}
    counts = {"total_steps": 70, "steps_per_epoch": 7}
    assert with_step_counts(section, counts) == {"_target_": "x", "T_max": 70, "step_size": 7, "mode": "other"}


@pytest.mark.parametrize(
    ("value", "hint", "expected"),
    [
        (1, float, True),
        (True, float, False),
        (1.0, int, False),
        (True, int, False),
        ("x", str, True),
        (None, int | None, True),
        ("x", int | None, False),
        ([1, 2], list[int], True),
        ([1, "a"], list[int], False),
        ("ab", list[str], False),
        ([0.9, 0.999], tuple[float, float], True),
        ("anything", object, True),
    ],
)
def test_values_against_annotations(value, hint, expected):
    assert fits(value, hint) is expected


PLUGIN = """
from torch import nn


class Net(nn.Module):
    def __init__(self, n_features, n_outputs, width=8):
        super().__init__()
        self.width = width
        self.layers = nn.Sequential(nn.Linear(n_features, width), nn.ReLU(), nn.Linear(width, n_outputs))

    def forward(self, numeric):
        return self.layers(numeric)
"""


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    package = tmp_path / "my_net_package"
    package.mkdir()
    (package / "__init__.py").write_text(PLUGIN)
    monkeypatch.syspath_prepend(str(tmp_path))
    return "my_net_package"


def test_a_plugin_model_trains_without_the_defaults_of_the_other_model(train, plugin):
    outcome = train(f"plugins=[{plugin}]", f"model._target_={plugin}.Net", "model.width=16", "data=iris", "debug=fast")
    assert outcome.code == 0, outcome.err
    assert "report:" in outcome.out


BROKEN = """
from torch import nn


class Boom(nn.Module):
    def __init__(self, n_features, n_outputs):
        super().__init__()
        self.layer = nn.Linear(n_features, n_outputs)

    def forward(self, numeric):
        raise RuntimeError("boom in user code")


class BoomInit(nn.Module):
    def __init__(self, n_features, n_outputs):
        raise KeyError("no such layer")
"""


@pytest.fixture
def broken(tmp_path, monkeypatch):
    (tmp_path / "my_broken_package.py").write_text(BROKEN)
    monkeypatch.syspath_prepend(str(tmp_path))
    return "my_broken_package"


@pytest.mark.parametrize(("name", "code", "said"), [("Boom", 2, "boom in user code"), ("BoomInit", 2, "no such layer")])
def test_an_error_in_a_users_model_is_short_and_names_the_place(train, broken, name, code, said):
    arguments = (f"plugins=[{broken}]", f"model._target_={broken}.{name}", "data=iris", "debug=fast", "preflight=off")
    outcome = train(*arguments)
    assert outcome.code == code
    assert said in outcome.err
    assert "Traceback" not in outcome.err
    if name == "Boom":
        assert "my_broken_package.py:11" in outcome.err


def test_a_sweep_survives_an_error_in_a_users_model(train, tmp_path, broken):
    arguments = (f"plugins=[{broken}]", f"model._target_={broken}.Boom", "data=iris", "debug=fast", "preflight=off")
    outcome = train("-m", *arguments, "seed=1,2")
    assert outcome.code == 2
    (sweep,) = (tmp_path / "runs/sweeps").iterdir()
    assert (sweep / "leaderboard.csv").read_text().count("boom in user code") == 2


def test_a_plugin_that_cannot_be_imported(train, tmp_path, monkeypatch):
    (tmp_path / "my_faulty_package.py").write_text("1 / 0")
    monkeypatch.syspath_prepend(str(tmp_path))
    outcome = train("plugins=[my_faulty_package]", "data=iris")
    assert outcome.code == 2
    assert "cannot import 'my_faulty_package': division by zero" in outcome.err


def test_a_run_of_a_users_model_bears_its_name(train, plugin, tmp_path):
    assert train(f"plugins=[{plugin}]", f"model._target_={plugin}.Net", "data=iris", "debug=fast").code == 0
    assert [path.name.split("-")[1] for path in (tmp_path / "runs").iterdir()] == ["Net"]


def test_a_plugin_hides_no_other_problem(train, plugin):
    outcome = train(f"plugins=[{plugin}]", f"model._target_={plugin}.Net", "batch_size=0", "loss.gama=2")
    assert "batch_size=0: must be at least 1" in outcome.err
    assert "loss.gama: trainer.losses.ce.CrossEntropy takes no such argument" in outcome.err


def test_a_plugin_must_be_named(train, plugin):
    outcome = train(f"model._target_={plugin}.Net")
    assert outcome.code == 2
    assert "own code: plugins=[my_package]" in outcome.err


def test_plugins_in_a_file_are_refused(train, plugin, tmp_path):
    own = tmp_path / "own" / "experiment"
    own.mkdir(parents=True)
    (own / "sneaky.yaml").write_text(f"# @package _global_\nplugins: [{plugin}]\n")
    outcome = train("--config-dir", str(tmp_path / "own"), "experiment=sneaky")
    assert outcome.code == 2
    assert "only be named on the command line" in outcome.err

"""The preflight names every classic mistake and is silent on every sound combination."""

import itertools
import time

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hydra import compose, initialize_config_dir
from rich.console import Console
from torch import nn

from tests.battery import some_of
from tests.engine.preflight.broken_cases import CASES, document
from tests.engine.preflight.broken_models import (
    N_CLASSES,
    N_FEATURES,
    N_WORDS,
    Net,
    WithNorm,
    changed,
    make_batch,
    make_loss,
    make_probe,
)
from tests.places import REPOSITORY
from trainer.config.compose import register_schema, to_run_config
from trainer.config.keys import CONF
from trainer.config.schema import AmpConfig
from trainer.data.samples import DataSpec, Samples, Texts
from trainer.engine.preflight.preflight import findings, preflight
from trainer.errors import ConfigError
from trainer.models.mlp import MLP
from trainer.models.text_cnn import TextCNN
from trainer.run.fold_data import prepare_fold, training_sizes
from trainer.run.prepare import prepare
from trainer.run.steps.preflight import preflight_start, require_labels
from trainer.tasks import BINARY, MULTICLASS, MULTILABEL

DOCS = REPOSITORY / "docs/why/preflight.md"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.mistake)
def test_mistake_is_named_with_its_place_and_its_fix(case):
    *before, finding = case.findings()
    assert before == []
    assert finding.is_error == case.is_error
    assert case.what in finding.what
    assert case.where in finding.where
    assert case.fix in finding.fix


@pytest.mark.parametrize("case", [case for case in CASES if case.is_error], ids=lambda case: case.mistake)
def test_error_stops_with_at_most_five_lines(case):
    with pytest.raises(ConfigError) as caught:
        preflight(case.make())
    assert len(str(caught.value).splitlines()) <= 5
    assert "where: " in str(caught.value)
    assert "fix: " in str(caught.value)
    assert "preflight=off" in str(caught.value)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("case", [case for case in CASES if not case.is_error], ids=lambda case: case.mistake)
def test_warning_is_one_line(case):
    (line,) = preflight(case.make())
    assert "\n" not in line
    assert case.where in line


def test_the_page_shows_these_messages():
    assert DOCS.read_text(encoding="utf-8") == document(), (
        "python -m tests.engine.preflight.broken_cases > docs/why/preflight.md"
    )


PAIRS = [
    (BINARY, "ce", {}),
    (BINARY, "nll", {}),
    (BINARY, "bce", {}),
    (BINARY, "focal", {}),
    (MULTICLASS, "ce", {}),
    (MULTICLASS, "nll", {}),
    (MULTICLASS, "focal", {}),
    (MULTILABEL, "bce", {}),
    (MULTILABEL, "focal", {}),
    (MULTICLASS, "ce", {"class_weights": [0.2, 1.0, 9.0]}),
    (MULTICLASS, "ce", {"label_smoothing": 0.2}),
    (MULTICLASS, "nll", {"class_weights": "balanced"}),
    (BINARY, "bce", {"class_weights": [0.1, 5.0]}),
    (MULTILABEL, "bce", {"class_weights": [0.1, 5.0, 30.0]}),
    (BINARY, "focal", {"alpha": 0.25, "gamma": 5.0}),
    (MULTICLASS, "focal", {"gamma": 0.5, "alpha": [1.0, 2.0, 3.0]}),
]
LEVELS = [
    ("O0", "bf16"),
    ("O1", "bf16"),
    ("O2", "bf16"),
    ("O3", "bf16"),
    ("O1", "fp16"),
    ("O2", "fp16"),
    ("O3", "fp16"),
]


def shipped(kind, n_outputs):
    if kind == "tokens":
        return TextCNN(N_WORDS, n_outputs, embedding_dim=64, filters=20)
    return MLP(N_FEATURES, n_outputs, cardinalities=(5, 5) if kind == "categorical" else ())


KINDS = ("numeric", "categorical", "tokens")
SHORT_FORM = {(kind, level, dtype) for kind in KINDS for level, dtype in LEVELS if kind == "numeric" or level == "O0"}
SHORT_FORM |= {("categorical", "O2", "bf16"), ("tokens", "O1", "fp16"), ("tokens", "O3", "bf16")}


@pytest.mark.parametrize(
    ("kind", "opt_level", "dtype"), some_of([(kind, *level) for kind in KINDS for level in LEVELS], SHORT_FORM)
)
def test_shipped_models_with_shipped_losses_are_silent(kind, opt_level, dtype):
    for number, (task, name, options) in enumerate(PAIRS):
        torch.manual_seed(number)
        loss = make_loss(name, task, **options)
        model = shipped(kind, loss.n_outputs)
        amp = AmpConfig(opt_level=opt_level, dtype=dtype)
        probe = make_probe(model, loss, task, batch=make_batch(task, kind), amp=amp)
        assert preflight(probe) == [], (task, name, options)


def test_log_softmax_model_with_the_switch_is_silent():
    for amp in ("O0", "O1", "O2", "O3"):
        loss = make_loss("nll", MULTICLASS, model_outputs_log_probs=True)
        model = Net(end=nn.LogSoftmax(dim=1))
        assert preflight(make_probe(model, loss, MULTICLASS, amp=AmpConfig(opt_level=amp))) == []


class ZeroHead(Net):
    """Starts with a last layer of zeros, as many papers do."""

    def __init__(self, n_outputs=N_CLASSES):
        super().__init__(n_outputs)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)


class PriorBias(Net):
    """Starts at the share of a rare class."""

    def __init__(self):
        super().__init__(1)
        nn.init.constant_(self.head.bias, -3.4)


class FrozenBody(Net):
    def __init__(self):
        super().__init__()
        self.body.requires_grad_(False)


class Convolutions(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Unflatten(1, (1, N_FEATURES)), nn.Conv1d(1, 8, 3), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.5)
        )
        self.head = nn.Linear(8, N_CLASSES)

    def forward(self, numeric):
        return self.head(self.layers(numeric).mean(dim=2))


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(N_WORDS, 8, padding_idx=0)
        self.lstm = nn.LSTM(8, 8, batch_first=True)
        self.head = nn.Linear(8, N_CLASSES)

    def forward(self, tokens):
        return self.head(self.lstm(self.embedding(tokens))[0][:, -1])


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(N_WORDS, 8, padding_idx=0)
        layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
        self.head = nn.Linear(8, N_CLASSES)

    def forward(self, tokens):
        return self.head(self.encoder(self.embedding(tokens), src_key_padding_mask=tokens == 0).mean(dim=1))


SOUND = {
    "zero head": (ZeroHead, "numeric"),
    "frozen backbone": (FrozenBody, "numeric"),
    "batch norm": (WithNorm, "numeric"),
    "convolutions": (Convolutions, "numeric"),
    "recurrent": (Recurrent, "tokens"),
    "attention": (Attention, "tokens"),
}


@pytest.mark.parametrize("name", SOUND)
@pytest.mark.parametrize("opt_level", ["O0", "O1", "O2", "O3"])
def test_other_sound_models_are_silent(name, opt_level):
    model, kind = SOUND[name]
    for seed in range(3):
        torch.manual_seed(seed)
        batch = make_batch(MULTICLASS, kind)
        loss = make_loss("ce", MULTICLASS)
        assert preflight(make_probe(model(), loss, MULTICLASS, batch=batch, amp=AmpConfig(opt_level=opt_level))) == []


def test_a_head_that_starts_at_the_share_of_a_rare_class_is_silent():
    batch = make_batch(BINARY)
    batch.target.copy_(torch.arange(len(batch.target)) == 0)
    assert preflight(make_probe(PriorBias(), make_loss("bce", BINARY), BINARY, batch=batch)) == []


def test_outputs_that_happen_to_lie_within_0_and_1_are_no_sigmoid():
    def small(self, numeric):
        return self.head(self.body(numeric)) * 1e-3 + 0.5

    for loss, task, n_outputs in (("bce", BINARY, 1), ("ce", MULTICLASS, N_CLASSES)):
        torch.manual_seed(0)
        assert preflight(make_probe(changed(small, n_outputs), make_loss(loss, task), task)) == []


def test_batchnorm_fits_where_no_batch_has_one_row():
    for sizes, batch_size in itertools.product([(96, 98), (64,)], [32, 16]):
        probe = make_probe(
            WithNorm(), make_loss("ce", MULTICLASS), MULTICLASS, train_sizes=sizes, batch_size=batch_size
        )
        assert preflight(probe) == []


def test_advised_batch_size_leaves_no_lone_row():
    for sizes in [(97, 96), (33, 34, 35), (101, 11, 13), (2, 3)]:
        probe = make_probe(
            WithNorm(), make_loss("ce", MULTICLASS), MULTICLASS, train_sizes=sizes, batch_size=sizes[0] - 1
        )
        (advice,) = [f.fix for f in findings(probe) if f.is_error]
        size = int(advice.partition("batch_size=")[2].partition(":")[0])
        assert size > 1
        assert all(n % size != 1 for n in sizes)


def test_loss_numbers_are_those_of_the_loss_itself():
    batch = make_batch(MULTICLASS)
    batch.inputs["numeric"].mul_(1000)
    torch.manual_seed(3)
    model = Net()
    expected = F.cross_entropy(model(**batch.inputs), batch.target).item()
    (line,) = preflight(make_probe(model, make_loss("ce", MULTICLASS), MULTICLASS, batch=batch))
    assert f"the loss before training is {expected:.4g}," in line
    assert "1.099 = ln 3" in line


@pytest.mark.parametrize(("loss_scale", "errors"), [("dynamic", 0), ("1e7", 1)])
def test_gradients_that_overflow_at_a_loss_scale_that_can_come_down_are_no_finding(loss_scale, errors):
    torch.manual_seed(0)
    batch = make_batch(MULTICLASS)
    batch.inputs["numeric"].mul_(50)  # gradients beyond 65504 at the first dynamic scale of 2^16 as well
    amp = AmpConfig(opt_level="O2", dtype="fp16", loss_scale=loss_scale)
    probe = make_probe(Net(), make_loss("ce", MULTICLASS), MULTICLASS, batch=batch, amp=amp)
    found = [finding.what for finding in findings(probe) if finding.is_error]
    assert found == ["gradients: NaN or infinity in a training step under amp=O2 (float16)"][:errors]


def test_quick_on_a_small_model():
    probe = make_probe(MLP(N_FEATURES, N_CLASSES), make_loss("ce", MULTICLASS), MULTICLASS)
    started = time.perf_counter()
    preflight(probe)
    assert time.perf_counter() - started < 1


def test_a_run_stops_before_it_leaves_anything_behind(train, tmp_path, monkeypatch):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "__init__.py").write_text(
        "from torch import nn\n"
        "class Doubled(nn.Module):\n"
        "    def __init__(self, n_features, n_outputs):\n"
        "        super().__init__()\n"
        "        self.layers = nn.Sequential(nn.Linear(n_features, n_outputs), nn.Softmax(dim=1))\n"
        "    def forward(self, numeric):\n"
        "        return self.layers(numeric)\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    quick = (
        "data=iris",
        "plugins=[mine]",
        "model._target_=mine.Doubled",
        "max_epochs=1",
        "tracker=none",
        "cv.n_splits=2",
    )
    outcome = train(*quick)
    assert outcome.code == 2
    assert "softmax is applied twice" in outcome.err
    assert "module 'layers.1' (Softmax)" in outcome.err
    assert not (tmp_path / "runs").exists()
    assert train(*quick, "preflight=off", "profile=off").code == 0


def test_warnings_reach_the_screen_the_manifest_and_the_report(train, tmp_path):
    quick = ("data=wine", "data.preprocess.standardize=false", "max_epochs=1", "tracker=none", "profile=off")
    outcome = train(*quick, "cv.n_splits=2", "run=w")
    assert outcome.code == 0
    assert "warning: the loss before training is" in outcome.out
    assert "the loss before training is" in (tmp_path / "runs" / "w" / "manifest.json").read_text()
    assert "**Note:** the loss before training is" in (tmp_path / "runs" / "w" / "report.md").read_text()


def test_a_run_gives_the_same_with_and_without(train, tmp_path):
    quick = ("data=iris", "max_epochs=2", "tracker=none", "profile=off", "cv.n_splits=2", "cv.select=inner")
    assert train(*quick, "run=on").code == 0
    assert train(*quick, "run=off", "preflight=off").code == 0
    runs = tmp_path / "runs"
    for fold in ("fold_0", "fold_1"):
        assert (runs / "on" / fold / "oof.parquet").read_bytes() == (runs / "off" / fold / "oof.parquet").read_bytes()


@pytest.mark.parametrize("data", ["digits", "breast_cancer", "wine", "iris"])
@pytest.mark.parametrize("options", [("amp=O0",), ("amp=O3", "loss=focal"), ("amp=O1", "loss=nll", "batch_size=1")])
def test_bundled_data_is_silent(data, options):
    register_schema()
    overrides = [f"data={data}", *options]
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = to_run_config(compose("config", overrides=overrides), overrides)
    experiment = prepare(config)
    before = torch.get_rng_state()
    fold, sizes = prepare_fold(experiment, 0), training_sizes(experiment)
    assert preflight_start(experiment.recipe, experiment.spec, fold, sizes, Console(quiet=True)) == []
    assert torch.equal(torch.get_rng_state(), before)


def test_labels_are_checked_before_anything_counts_them():
    def samples(*target):
        return Samples(np.array(["a", "b", "c"]), Texts(("x", "y", "z")), np.array(target))

    require_labels(samples(0, 1, 1), DataSpec("own", BINARY, ("no", "yes")))
    with pytest.raises(ConfigError, match=r"label 2 is out of range: 2 classes are numbered 0 to 1\nwhere: .*row 1"):
        require_labels(samples(0, 2, 2), DataSpec("own", BINARY, ("no", "yes")))
    with pytest.raises(ConfigError, match="label 5 is out of range: a multi-label target"):
        require_labels(samples([0, 1], [1, 5], [0, 0]), DataSpec("own", MULTILABEL, ("p", "q")))

"""Which source files and libraries a run's identity counts, and that a byte of one of them is noticed."""

import shutil
from pathlib import Path

import pytest

from tests import quick_runs
from trainer.run import source_hash

PLAIN = {"torch", "numpy", "scikit-learn", "foldwise", "python"}
MODELS = {
    "digits": ("sources.bundled.load_bundled", "preprocess.table.TablePreprocess", "mlp.MLP", set()),
    "words": ("sources.csv_text.load_csv_text", "preprocess.vocabulary.TextVocabulary", "rnn.RNN", {"tokenizers"}),
    "transformer": (
        "sources.csv_text.load_csv_text",
        "preprocess.tokenizer.PretrainedTokenizer",
        "transformer.Transformer",
        {"tokenizers", "transformers"},
    ),
    "images": (
        "sources.image_folder.load_image_folder",
        "preprocess.pixels.ImagePixels",
        "image_cnn.ImageCNN",
        {"pillow", "torchvision"},
    ),
    "timm": (
        "sources.image_folder.load_image_folder",
        "preprocess.pixels.ImagePixels",
        "timm_models.TimmModel",
        {"pillow", "torchvision", "timm"},
    ),
}


def asked_for(kind="digits", model=None, plugins=()):
    data, preprocess, own, _ = MODELS[kind]
    sections = {
        "data": {"_target_": f"trainer.data.{data}", "preprocess": {"_target_": f"trainer.data.{preprocess}"}},
        "model": {"_target_": model or f"trainer.models.{own}"},
        "loss": {"_target_": "trainer.losses.ce.CrossEntropy"},
    }
    return sections, list(plugins)


def names(asked):
    return {key: {path.name for path in files} for key, files in source_hash.code_files(*asked).items()}


METRICS = ["trainer.metrics.accuracy", "trainer.folds.strategies.stratified"]


def counted(*asked, more=METRICS):
    found = source_hash.code_files(*asked, more=more)
    return {str(path.relative_to(source_hash.ROOT / "trainer")) for files in found.values() for path in files}


@pytest.mark.parametrize(
    "file",
    [
        "engine/fit.py",
        "engine/loops.py",
        "engine/mixing.py",
        "engine/precision/loss_scaler.py",
        "data/loading/batches.py",
        "system/seeds.py",
        "losses/class_weights.py",
        "metrics/scores.py",
        "metrics/accuracy.py",
        "folds/inner.py",
        "folds/strategies/stratified.py",
        "run/factories.py",
        "run/nested.py",
        "run/frozen_features.py",
        "weights/load.py",
    ],
)
def test_a_file_that_decides_numbers_counts(file):
    assert file in counted(*asked_for())


def test_what_shows_stores_or_words_does_not_count():
    out = (
        "report/",
        "trackers/",
        "store/",
        "executors/",
        "cli/",
        "search/",
        "audit/",
        "profiler/",
        "engine/preflight/",
    )
    files = counted(*asked_for())
    assert not [file for file in files if file.startswith((*out, "errors", "results", "system/files", "run/steps"))]


def test_a_module_that_the_engine_begins_to_import_counts_by_itself(tmp_path, monkeypatch):
    shutil.copytree(source_hash.ROOT / "trainer", tmp_path / "trainer", ignore=shutil.ignore_patterns("*.pyc"))
    monkeypatch.setattr(source_hash, "ROOT", tmp_path)
    before = set(source_hash.engine_files())
    loops = tmp_path / "trainer/engine/loops.py"
    (tmp_path / "trainer/engine/late.py").write_text(
        "def f():\n    from trainer.system import (  # why\n        later,\n    )\n"
    )
    (tmp_path / "trainer/system/later.py").write_text("import trainer.report.start\n")
    loops.write_text(f"{loops.read_text()}\n\ndef g():\n    from trainer.engine.late import f\n")
    added = set(source_hash.engine_files()) - before
    assert added == {tmp_path / "trainer/engine/late.py", tmp_path / "trainer/system/later.py"}


def test_the_quick_look_at_imports_finds_what_the_grammar_does():
    for path in sorted((source_hash.ROOT / "trainer").rglob("*.py")):
        ours = {name for name in source_hash._imports_of(path.read_bytes()) if name.split(".")[0] == "trainer"}
        assert source_hash.imports_of_ours(path.read_bytes()) >= ours, path


@pytest.mark.parametrize(
    ("kind", "part", "file"),
    [
        ("transformer", "trainer.models.transformer.Transformer", "pooling.py"),
        ("transformer", "trainer.models.transformer.Transformer", "load_body.py"),
        ("transformer", "trainer.data.preprocess.tokenizer.PretrainedTokenizer", "hf_tokenizer.py"),
        ("images", "trainer.data.preprocess.pixels.ImagePixels", "image_rows.py"),
        ("images", "trainer.data.preprocess.pixels.ImagePixels", "transforms.py"),
        ("timm", "trainer.models.timm_models.TimmModel", "image_networks.py"),
        ("words", "trainer.data.preprocess.vocabulary.TextVocabulary", "words.py"),
        ("digits", "trainer.losses.ce.CrossEntropy", "class_weights.py"),
    ],
)
def test_a_part_brings_what_it_imports(kind, part, file):
    assert file in names(asked_for(kind))[part]


def test_of_a_data_source_its_own_file_counts():
    assert names(asked_for("images"))["trainer.data.sources.image_folder.load_image_folder"] == {"image_folder.py"}


@pytest.mark.parametrize("kind", MODELS)
def test_a_library_counts_where_it_computes(kind):
    assert set(source_hash.versions(*asked_for(kind))) - PLAIN == MODELS[kind][3]


@pytest.fixture
def _read_each_time(monkeypatch):
    """Other tests read the sources of the house once."""
    for name, real in quick_runs.READ_ONCE.items():
        monkeypatch.setattr(source_hash, name, real)


@pytest.mark.usefixtures("_read_each_time")
@pytest.mark.parametrize(
    "file", ["trainer/engine/mixing.py", "trainer/data/images/image_rows.py", "trainer/models/pooling.py"]
)
def test_a_changed_byte_is_noticed_where_the_file_counts(monkeypatch, file):
    counts = {"engine": set(MODELS), "data": {"images", "timm"}, "models": {"transformer"}}[Path(file).parts[1]]
    before = {kind: source_hash.code(*asked_for(kind)) for kind in MODELS}
    whole = Path.open

    def changed(path, *arguments, **options):
        if str(path).endswith(file) and arguments == ("rb",) and not options:
            return whole(Path(__file__), "rb")
        return whole(path, *arguments, **options)

    monkeypatch.setattr(Path, "open", changed)
    assert {kind for kind in MODELS if source_hash.code(*asked_for(kind)) != before[kind]} == counts


def test_a_plugin_brings_what_it_uses_of_ours(tmp_path, monkeypatch):
    package = tmp_path / "plug_in_sources"
    (package / "old").mkdir(parents=True)
    (package / "__init__.py").write_text("from .net import Net\n")
    (package / "net.py").write_text(
        "from trainer.models import pooling\n"
        "from trainer.models.mlp import MLP\n"
        "def fast():\n    import timm\n    from PIL import Image\n"
        "class Net(MLP):\n    pool = pooling.masked_mean\n"
    )
    (package / "old" / "notes.py").write_text("print 'python 2'\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setitem(source_hash.PARTS_PACKAGES, "timm", "a-package-that-nobody-has")
    asked = asked_for(model="plug_in_sources.Net", plugins=["plug_in_sources"])
    ours = {"mlp.py", "pooling.py", "dropout.py"}
    assert {"net.py", "__init__.py", "notes.py", *ours} == names(asked)["plug_in_sources"]
    found = source_hash.versions(*asked)
    assert set(found) - PLAIN == {"a-package-that-nobody-has", "pillow"}
    assert found["a-package-that-nobody-has"] == "absent"


@pytest.mark.usefixtures("_read_each_time")
def test_a_plain_model_is_known_without_the_grammar_of_its_files(monkeypatch):
    """Which takes as long as the default run's profile."""
    monkeypatch.setattr(source_hash, "_imports_of", None)
    assert set(source_hash.versions(*asked_for("digits"))) == PLAIN
    assert "class_weights.py" in names(asked_for("digits"))["trainer.losses.ce.CrossEntropy"]

"""Which source files and libraries a run's identity counts, and that a byte of one of them is noticed."""

from pathlib import Path

import pytest

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


def test_the_engine_counts_all_that_trains_and_not_what_only_looks():
    engine = {
        str(path.relative_to(source_hash.ROOT / "trainer"))
        for path in source_hash.code_files(*asked_for())["the engine"]
    }
    assert {"engine/mixing.py", "engine/param_groups.py", "engine/modes.py", "run/frozen_features.py"} <= engine
    assert {
        "run/fold_data.py",
        "run/factories.py",
        "run/nested.py",
        "metrics/scores.py",
        "system/seeds.py",
        "data/loading/batches.py",
    } <= engine
    assert not any("preflight" in name for name in engine)
    assert all((source_hash.ROOT / "trainer").glob(pattern) for pattern in source_hash.ENGINE)


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
    assert file in names(*asked_for(kind))[part]


def test_of_a_data_source_its_own_file_counts():
    assert names(*asked_for("images"))["trainer.data.sources.image_folder.load_image_folder"] == {"image_folder.py"}


@pytest.mark.parametrize("kind", MODELS)
def test_a_library_counts_where_it_computes(kind):
    assert set(source_hash.versions(*asked_for(kind))) - PLAIN == MODELS[kind][3]


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
    assert {"net.py", "__init__.py", "notes.py", "mlp.py", "pooling.py"} == names(asked)["plug_in_sources"]
    found = source_hash.versions(*asked)
    assert set(found) - PLAIN == {"a-package-that-nobody-has", "pillow"}
    assert found["a-package-that-nobody-has"] == "absent"

"""Loading weights into a model: what fits is loaded and counted, what does not is said, too little is refused."""

import warnings

import pytest
import torch
from torch import nn

from trainer.errors import CheckpointError
from trainer.models.mlp import MLP
from trainer.models.text_cnn import TextCNN
from trainer.weights.load import compare, load_weights
from trainer.weights.weight_files import read_weights

N_OUTPUTS = 3
BODY = 2 * (8 * 16 + 16 + 16 * 16 + 16) // 2  # two hidden layers of 16 over 8 features
HEAD = 16 * N_OUTPUTS + N_OUTPUTS


def mlp(seed=0, n_outputs=N_OUTPUTS, hidden=(16, 16)) -> MLP:
    torch.manual_seed(seed)
    return MLP(8, n_outputs, hidden=hidden)


@pytest.fixture
def load(tmp_path):
    """``load(model, content, ...)``: through a real file."""

    def run(model, content, n_outputs=N_OUTPUTS, **options):
        torch.save(content, tmp_path / "w.pth")
        return load_weights(model, read_weights(tmp_path / "w.pth"), n_outputs=n_outputs, **options)

    return run


def assert_equal_states(model, other, without=()):
    mine, its = model.state_dict(), other.state_dict()
    for name in mine:
        assert torch.equal(mine[name], its[name]) != (name in without), name


def test_a_full_match(load):
    model, source = mlp(0), mlp(1)
    report = load(model, source.state_dict(), min_match=1.0)
    assert_equal_states(model, source)
    assert (report.tensors_loaded, report.tensors_model) == (6, 6)
    assert report.params_loaded == report.params_model == report.body_params == BODY + HEAD
    assert report.body_share == 1.0
    assert (report.missing, report.unexpected, report.reinitialised, report.dropped, report.notes) == ((),) * 5


def prefixed(state, prefix):
    return {f"{prefix}{name}": tensor for name, tensor in state.items()}


@pytest.mark.parametrize(
    ("prefix", "wrappers", "stripped"),
    [
        ("module.", ("module",), ""),
        ("_orig_mod.", ("_orig_mod",), ""),
        ("module._orig_mod.", ("module", "_orig_mod"), ""),
        ("model.", (), "model."),
        ("model.net.", (), "model.net."),
        ("module.backbone.", ("module",), "backbone."),
        ("a.very.odd.prefix.", (), "a.very.odd.prefix."),
    ],
)
def test_prefixes_are_found_stripped_and_said(load, prefix, wrappers, stripped):
    model, source = mlp(0), mlp(1)
    report = load(model, prefixed(source.state_dict(), prefix), min_match=1.0)
    assert_equal_states(model, source)
    assert (report.wrappers, report.stripped, report.added) == (wrappers, stripped, "")


def test_a_prefix_can_be_added_or_exchanged(load):
    source = mlp(1)
    for names, stripped in ((source.state_dict(), ""), (prefixed(source.state_dict(), "bert."), "bert.")):
        model = nn.ModuleDict({"backbone": mlp(0)})
        report = load(model, names, min_match=1.0)
        assert_equal_states(model["backbone"], source)
        assert (report.stripped, report.added) == (stripped, "backbone.")


def test_data_parallel_and_torch_compile(load):
    source = mlp(1)
    for wrapped in (nn.DataParallel(source), torch.compile(source), nn.DataParallel(torch.compile(source))):
        model = mlp(0)
        assert wrapped.state_dict().keys() != model.state_dict().keys()
        load(model, wrapped.state_dict(), min_match=1.0)
        assert_equal_states(model, source)


def test_a_compiled_part_and_a_model_that_is_itself_wrapped(load):
    source = nn.ModuleDict({"body": mlp(1), "head": nn.Linear(3, 3)})
    half = nn.ModuleDict({"body": torch.compile(source["body"]), "head": source["head"]})
    model = nn.DataParallel(nn.ModuleDict({"body": mlp(0), "head": nn.Linear(3, 3)}))
    load(model, half.state_dict(), min_match=1.0)
    assert_equal_states(model.module, source)


def test_names_that_would_fall_together_without_their_wrapper_stay_apart(load):
    source = nn.ModuleDict({"w": nn.Linear(4, 4), "module": nn.ModuleDict({"w": nn.Linear(4, 4)})})
    model = nn.ModuleDict({"w": nn.Linear(4, 4), "module": nn.ModuleDict({"w": nn.Linear(4, 4)})})
    load(model, source.state_dict(), min_match=1.0)
    assert_equal_states(model, source)


def test_real_thop_counters_are_dropped_and_said(load):
    source = mlp(1)
    clean = set(source.state_dict())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import thop

        thop.profile(source, inputs=(torch.zeros(1, 8),), verbose=False)
    polluted = source.state_dict()
    extra = set(polluted) - clean
    assert extra
    model = mlp(0)
    report = load(model, polluted, min_match=1.0)
    assert set(report.dropped) == extra
    assert report.unexpected == ()
    assert model.state_dict().keys() == clean
    assert_equal_states(model, mlp(1))


def test_a_models_own_buffer_called_total_ops_is_not_dropped(load):
    source, model = nn.Linear(2, 2), nn.Linear(2, 2)
    source.register_buffer("total_ops", torch.tensor(5.0))
    model.register_buffer("total_ops", torch.tensor(0.0))
    assert load(model, source.state_dict(), n_outputs=2).dropped == ()
    assert model.total_ops == 5


def test_a_head_for_other_classes_is_made_anew(load):
    model, source = mlp(0), mlp(1, n_outputs=7)
    before = {name: tensor.clone() for name, tensor in model.head.state_dict().items()}
    report = load(model, source.state_dict(), min_match=1.0)
    assert report.reinitialised == (("head.weight", (7, 16), (3, 16)), ("head.bias", (7,), (3,)))
    assert (report.params_loaded, report.body_params, report.params_model) == (BODY, BODY, BODY + HEAD)
    assert torch.equal(model.body[0].weight, source.body[0].weight)
    for name, tensor in before.items():
        assert torch.equal(model.head.state_dict()[name], tensor)


def test_another_width_is_another_architecture(load):
    with pytest.raises(CheckpointError) as caught:
        load(mlp(0), mlp(1, hidden=(32, 32)).state_dict())
    assert "only 0.6% of the model's backbone fits (3 of" in str(caught.value)  # the three biases of the head
    assert "body.0.weight (32, 8) there, (16, 8) here" in str(caught.value)


def test_a_vocabulary_of_another_size_is_not_a_head(load):
    model = TextCNN(50, 2, embedding_dim=64, filters=4)
    with pytest.raises(CheckpointError, match=r"embedding.weight \(60, 64\) there, \(50, 64\) here"):
        load(model, TextCNN(60, 2, embedding_dim=64, filters=4).state_dict(), n_outputs=2)


def test_a_model_that_is_all_head_loads_nothing_and_stops(load):
    with pytest.raises(CheckpointError, match=r"only 0.0% .* \(0 of 0 parameters"):
        load(nn.Linear(4, 3), nn.Linear(4, 5).state_dict())


def test_other_architecture_names_numbers_and_both_sides(load):
    model = mlp(0)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with pytest.raises(CheckpointError) as caught:
        load(model, TextCNN(50, 3, embedding_dim=8, filters=4).state_dict())
    lines = str(caught.value).splitlines()
    assert f"only 0.6% of the model's backbone fits (3 of {BODY + HEAD:,} parameters; init.min_match=0.9)" in lines[0]
    assert "only in the model: body.0.weight, body.0.bias, body.3.weight, ... 1 more" in lines
    assert any(line.startswith("only in the file: embedding.weight, convolutions.0.weight") for line in lines)
    assert len(lines) <= 5
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name])


def test_the_threshold_counts_parameters_of_the_body(load):
    """Without body.0 (8 x 16 + 16 values) the file has the rest."""
    state = {name: tensor for name, tensor in mlp(1).state_dict().items() if not name.startswith("body.0")}
    share = 1 - (8 * 16 + 16) / (BODY + HEAD)
    with pytest.raises(CheckpointError, match=f"only {share:.1%}"):
        load(mlp(0), state, min_match=share + 1e-6)
    report = load(mlp(0), state, min_match=share)
    assert report.missing == ("body.0.weight", "body.0.bias")
    assert report.body_share == pytest.approx(share)


def test_part_of_a_file_that_fits_twice_must_be_named(load):
    content = {**prefixed(mlp(1).state_dict(), "student."), **prefixed(mlp(2).state_dict(), "teacher.")}
    with pytest.raises(CheckpointError, match=r"'student.' and 'teacher.'\n.*init.prefix=student."):
        load(mlp(0), content)
    for prefix in ("teacher", "teacher."):
        model = mlp(0)
        report = load(model, content, prefix=prefix)
        assert_equal_states(model, mlp(2))
        assert len(report.unexpected) == 6
    model = mlp(0)
    load(model, {**mlp(1).state_dict(), **prefixed(mlp(2).state_dict(), "ema.")})
    assert_equal_states(model, mlp(1))


def test_a_prefix_that_the_file_does_not_have_stops(load):
    with pytest.raises(CheckpointError, match=r"only 0\.0%"):
        load(mlp(0), prefixed(mlp(1).state_dict(), "student."), prefix="techer")


def test_repeated_layers_are_not_shifted(load):
    source, model = (
        nn.Sequential(*(nn.Linear(4, 4) for _ in range(6))),
        nn.Sequential(*(nn.Linear(4, 4) for _ in range(6))),
    )
    load(model, prefixed(source.state_dict(), "encoder.layers."), min_match=1.0)
    assert_equal_states(model, source)


def test_tied_weights_count_once_and_one_name_is_enough(load):
    def tied():
        model = nn.ModuleDict({"embedding": nn.Embedding(10, 4), "out": nn.Linear(4, 10, bias=False)})
        model["out"].weight = model["embedding"].weight
        return model

    source, model = tied(), tied()
    report = load(model, {"embedding.weight": source["embedding"].weight}, n_outputs=2, min_match=1.0)
    assert (report.params_loaded, report.params_model, report.missing) == (40, 40, ())
    assert model["out"].weight is model["embedding"].weight
    assert torch.equal(model["out"].weight, source["out"].weight)


def test_batchnorm_statistics_are_loaded_and_missing_ones_said(load):
    source, model = nn.BatchNorm1d(4), nn.BatchNorm1d(4)
    source(torch.randn(9, 4))
    load(model, source.state_dict())
    assert_equal_states(model, source)
    report = load(nn.BatchNorm1d(4), {n: t for n, t in source.state_dict().items() if "num_batches" not in n})
    assert report.missing == ("num_batches_tracked",)


def test_half_weights_are_cast_and_it_is_said(load):
    model, source = mlp(0), mlp(1)
    report = load(model, {name: tensor.half() for name, tensor in source.state_dict().items()})
    assert report.notes == ("cast from float16 to float32",)
    assert torch.equal(model.head.weight, source.head.weight.half().float())


@pytest.mark.parametrize("dtype", [torch.int8, torch.float8_e4m3fn])
def test_numbers_of_another_kind_do_not_fit(load, dtype):
    with pytest.raises(CheckpointError, match=r"only 0\.0%"):
        load(mlp(0), {name: tensor.to(dtype) for name, tensor in mlp(1).state_dict().items()})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e300])
def test_weights_that_are_not_finite_are_refused(load, value):
    state = {name: tensor.double() for name, tensor in mlp(1).state_dict().items()}
    state["body.3.weight"][2, 2] = value
    with pytest.raises(CheckpointError, match=r"NaN or infinity in body\.3\.weight"):
        load(mlp(0), state)


def test_a_model_that_drops_its_weights_while_loading_is_found_out(load):
    class Stubborn(nn.Linear):
        def _load_from_state_dict(self, *_):
            return

    with pytest.raises(CheckpointError, match="does not hold its values: weight, bias"):
        load(Stubborn(4, 2), nn.Linear(4, 2).state_dict())


def test_layernorm_names_of_old_bert_files(load):
    source, model = nn.ModuleDict({"LayerNorm": nn.LayerNorm(4)}), nn.ModuleDict({"LayerNorm": nn.LayerNorm(4)})
    nn.init.normal_(source["LayerNorm"].weight)
    report = load(model, {"LayerNorm.gamma": source["LayerNorm"].weight, "LayerNorm.beta": source["LayerNorm"].bias})
    assert_equal_states(model, source)
    assert report.notes == ("2 names gamma / beta read as weight / bias",)


def test_bert_with_and_without_its_prefix(tmp_path):
    """A classifier's weights into the bare encoder and back, through files that transformers itself writes."""
    from transformers import BertConfig, BertForSequenceClassification, BertModel

    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    config = BertConfig(vocab_size=50, max_position_embeddings=20, num_labels=3, **sizes)
    torch.manual_seed(0)
    classifier, encoder = BertForSequenceClassification(config), BertModel(config)
    classifier.save_pretrained(tmp_path / "classifier")
    torch.save(encoder.state_dict(), tmp_path / "pytorch_model.bin")

    bare = BertModel(config)
    file = read_weights(tmp_path / "classifier" / "model.safetensors")
    report = load_weights(bare, file, n_outputs=3, min_match=1.0)
    assert report.stripped == "bert."
    assert report.unexpected == ("classifier.bias", "classifier.weight")
    assert_equal_states(bare, classifier.bert)

    fresh = BertForSequenceClassification(config)
    report = load_weights(fresh, read_weights(tmp_path / "pytorch_model.bin"), n_outputs=3, min_match=0.9)
    assert report.added == "bert."
    assert report.missing == ("classifier.weight", "classifier.bias")
    assert_equal_states(fresh.bert, encoder)

    exact = BertForSequenceClassification(config)
    assert load_weights(exact, file, n_outputs=3, min_match=1.0).stripped == ""
    assert_equal_states(exact, classifier)


def test_the_report_is_plain_values(load):
    import json

    report = load(mlp(0), mlp(1, n_outputs=7).state_dict())
    assert json.loads(json.dumps(report.to_dict()))["reinitialised"] == [
        ["head.weight", [7, 16], [3, 16]],
        ["head.bias", [7], [3]],
    ]
    assert report.summary().endswith(
        "100.0% of the backbone's parameters; 4 of 6 tensors; heads re-initialised: head.weight, head.bias"
    )


def test_comparing_changes_nothing(tmp_path):
    torch.save(mlp(1).state_dict(), tmp_path / "w.pth")
    model = mlp(0)
    compare(model, read_weights(tmp_path / "w.pth"), n_outputs=N_OUTPUTS)
    assert_equal_states(model, mlp(0))

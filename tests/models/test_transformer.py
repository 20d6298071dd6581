"""The transformer against transformers itself."""

import json

import pytest
import torch

from tests.models.transformer_cases import KINDS, batch, config_of, save
from trainer.config.build import construct
from trainer.config.schema import AmpConfig
from trainer.engine.precision.opt_levels import resolve_opt_level
from trainer.engine.precision.precision import Precision
from trainer.errors import ConfigError
from trainer.models.attention import NAME
from trainer.models.contract import Encoder, Layered
from trainer.models.dropout import Dropout
from trainer.models.transformer import Transformer

POOLINGS = ("cls", "mean", "attention")


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """``saved("bert")``: the directory of a tiny model."""
    directories = {}

    def get(kind):
        if kind not in directories:
            directories[kind] = save(kind, tmp_path_factory.mktemp(kind))
        return directories[kind]

    return get


def reference(directory, inputs, names=("input_ids", "attention_mask")):
    from transformers import AutoModel

    model = AutoModel.from_pretrained(directory, attn_implementation="eager").eval()
    with torch.no_grad():
        return model(**{name: inputs[name] for name in names}).last_hidden_state


def loaded(directory, **options):
    torch.manual_seed(0)
    return Transformer(directory, 3, **options)


@pytest.mark.parametrize("kind", [*KINDS, "electra", "albert"])
@pytest.mark.parametrize("pooling", ["cls", "mean"])
def test_logits_are_the_heads_weights_on_what_transformers_gives(saved, kind, pooling):
    inputs = batch(pad=config_of(kind).pad_token_id)
    names = ["input_ids", "attention_mask", *["token_type_ids"] * (kind in ("bert", "electra", "albert"))]
    hidden_BTD = reference(saved(kind), inputs, names).double()
    mask_BT1 = inputs["attention_mask"].unsqueeze(2)
    vectors = hidden_BTD[:, 0] if pooling == "cls" else (hidden_BTD * mask_BT1).sum(1) / mask_BT1.sum(1)
    model = loaded(saved(kind), pooling=pooling).eval()
    expected = vectors @ model.head.linear.weight.double().T + model.head.linear.bias.double()
    torch.testing.assert_close(model(**inputs).double(), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("pooling", ["cls", "mean"])
def test_the_head_on_stored_features_gives_the_same_logits(saved, pooling):
    model = loaded(saved("bert"), pooling=pooling).eval()
    inputs = batch()
    features = model.encode(**inputs)
    assert features.shape == (3, 16)
    assert torch.equal(model(features=features), model(**inputs))
    assert model.encodes
    assert isinstance(model, Encoder)
    assert isinstance(model, Layered)


def test_attention_pooling_belongs_to_the_head_and_has_no_features_to_store(saved):
    model = loaded(saved("bert"), pooling="attention")
    assert not model.encodes
    assert "pooling.query" in dict(model.head.named_parameters())
    with pytest.raises(ConfigError, match=r"model\.pooling=cls or mean"):
        model.encode(**batch())
    with pytest.raises(ConfigError, match="stored features"):
        model(features=torch.zeros(2, 16))


def test_token_types_reach_bert_and_only_models_that_have_them(saved):
    inputs = batch()
    without = {**inputs, "token_type_ids": None}
    for kind, differs in [("bert", True), ("distilbert", False), ("roberta", False)]:
        model = loaded(saved(kind)).eval()
        assert torch.equal(model(**inputs), model(**without)) != differs


def test_a_missing_mask_means_no_padding(saved):
    model = loaded(saved("bert"), pooling="mean").eval()
    inputs = batch((6, 6))
    torch.testing.assert_close(
        model(input_ids=inputs["input_ids"], token_type_ids=inputs["token_type_ids"]), model(**inputs)
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("pooling", POOLINGS)
def test_a_text_scores_the_same_alone_and_padded(saved, kind, pooling):
    pad = config_of(kind).pad_token_id
    model = loaded(saved(kind), pooling=pooling).eval()
    torch.nn.init.normal_(model.head.linear.weight)
    inputs = batch((5, 9, 2), pad, longest=17)
    together = model(**inputs)
    for row, length in enumerate((5, 9, 2)):
        alone = model(**{name: value[row : row + 1, :length] for name, value in inputs.items()})
        torch.testing.assert_close(together[row : row + 1], alone, atol=1e-5, rtol=1e-5)


def test_every_fold_starts_with_the_same_body_and_a_head_of_its_own(saved):
    torch.manual_seed(1)
    first = Transformer(saved("bert"), 3)
    torch.manual_seed(2)
    second = Transformer(saved("bert"), 3)
    assert all(torch.equal(value, second.body.state_dict()[name]) for name, value in first.body.state_dict().items())
    assert not torch.equal(first.head.linear.weight, second.head.linear.weight)
    torch.manual_seed(1)
    assert torch.equal(Transformer(saved("bert"), 3).head.linear.weight, first.head.linear.weight)


def test_fresh_weights_from_a_config_follow_the_seed(saved):
    def body(seed):
        torch.manual_seed(seed)
        return Transformer(f"{saved('bert')}/config.json", 3).body.embeddings.word_embeddings.weight

    assert torch.equal(body(1), body(1))
    assert not torch.equal(body(1), body(2))
    pretrained = Transformer(saved("bert"), 3).body.embeddings.word_embeddings.weight
    assert not torch.equal(body(1), pretrained)


def test_it_is_built_in_training_mode_with_its_dropout_on(saved):
    model = loaded(saved("bert"))
    assert all(module.training for module in model.modules())
    assert not torch.equal(model(**batch()), model(**batch()))


@pytest.mark.parametrize("kind", KINDS)
def test_its_masks_are_those_that_cost_little(saved, kind):
    kinds = {type(module) for module in loaded(saved(kind)).modules() if isinstance(module, torch.nn.Dropout)}
    assert kinds == {Dropout}


@pytest.mark.parametrize("kind", [*KINDS, "electra", "albert", "gpt2"])
def test_layers_hold_the_whole_body_once_and_every_parameter_learns(saved, kind):
    model = loaded(saved(kind), pooling="mean")
    held = [id(parameter) for layer in model.layers() for parameter in layer.parameters()]
    assert len(held) == len(set(held))
    assert set(held) == {id(parameter) for parameter in model.body.parameters()}
    model(**batch(pad=config_of(kind).pad_token_id or 0)).square().sum().backward()
    assert [name for name, parameter in model.named_parameters() if parameter.grad is None] == []


def test_layers_go_from_input_to_output(saved):
    bert, gpt2 = loaded(saved("bert")), loaded(saved("gpt2"), pooling="mean")
    assert [type(layer).__name__ for layer in bert.layers()] == ["ModuleList", "BertLayer", "BertLayer"]
    assert list(bert.layers()[0]) == [bert.body.embeddings]
    assert bert.layers()[1:] == list(bert.body.encoder.layer)
    assert list(gpt2.layers()[0]) == [gpt2.body.wte, gpt2.body.wpe]
    assert list(gpt2.layers()[-1]) == [gpt2.body.ln_f]


def test_gradient_checkpointing_gives_the_same_gradients_and_computes_again(saved):
    def gradients(**options):
        model = loaded(saved("bert"), **options)
        calls = []
        model.body.encoder.layer[0].attention.register_forward_hook(lambda *_: calls.append(1))
        torch.manual_seed(5)
        model(**batch()).square().sum().backward()
        return {name: parameter.grad for name, parameter in model.named_parameters()}, len(calls)

    (plain, once), (checkpointed, twice) = gradients(), gradients(gradient_checkpointing=True)
    assert (once, twice) == (1, 2)
    torch.testing.assert_close(checkpointed, plain, atol=1e-6, rtol=1e-5)


def test_sdpa_and_eager_attention_agree(saved):
    sdpa, eager = loaded(saved("bert")).eval(), loaded(saved("bert"), attention="eager").eval()
    assert (sdpa.body.config._attn_implementation, eager.body.config._attn_implementation) == (NAME, "eager")
    torch.testing.assert_close(sdpa(**batch()), eager(**batch()), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("level", ["O0", "O1", "O2", "O3"])
@pytest.mark.parametrize("dtype", ["fp16", "bf16"])
def test_every_amp_level(saved, level, dtype, pooling):
    inputs = batch()
    expected = loaded(saved("bert"), pooling=pooling, dropout=0.0).eval()(**inputs)
    model = loaded(saved("bert"), pooling=pooling, dropout=0.0).eval()
    precision = Precision(model, resolve_opt_level(AmpConfig(opt_level=level, dtype=dtype), torch.device("cpu")))
    logits = precision.forward(model, inputs)
    tolerance = 0.0 if level == "O0" else 0.05
    torch.testing.assert_close(logits, expected, atol=tolerance, rtol=tolerance)
    logits.square().mean().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in precision.model_parameters)


def test_a_tokenizer_with_more_tokens_than_the_embedding_is_refused(saved):
    assert loaded(saved("bert"), vocab_size=60)
    with pytest.raises(ConfigError, match="tokenizer has 61 tokens, the embedding 60"):
        loaded(saved("bert"), vocab_size=61)


def test_longest_text(saved):
    assert [loaded(saved(kind)).max_positions for kind in ("bert", "roberta")] == [40, 40]
    for kind in ("bert", "roberta"):
        model, pad = loaded(saved(kind)), config_of(kind).pad_token_id
        assert model(**batch((40,), pad)).isfinite().all()
        with pytest.raises(ConfigError, match=r"data\.preprocess\.max_length=40"):
            model(**batch((41,), pad))


def test_a_length_above_the_positions_is_refused_when_the_model_is_built(saved):
    section = {"_target_": "trainer.models.transformer.Transformer", "pretrained": saved("roberta")}
    assert construct("model", section, n_outputs=3, max_length=40)
    with pytest.raises(ConfigError, match=r"at most 40\nset data\.preprocess\.max_length=40"):
        construct("model", section, n_outputs=3, max_length=41)


def test_dropout_is_the_configurations_own_unless_given(saved, tmp_path):
    own = save("bert", tmp_path / "own", classifier_dropout=0.25)
    assert loaded(own).head.dropout.p == 0.25
    assert loaded(own, dropout=0.4).head.dropout.p == 0.4
    assert loaded(saved("distilbert")).head.dropout.p == config_of("distilbert").seq_classif_dropout == 0.2


@pytest.mark.parametrize(
    ("kind", "options", "words"),
    [
        ("t5", {}, "encoder-decoder"),
        ("fnet", {}, "attention_mask"),
        ("vit", {}, "no text"),
        ("gpt2", {"pooling": "cls"}, r"model\.pooling=mean"),
        ("bert", {"dropout": 1.0}, r"model\.dropout=1\.0"),
        ("bert", {"multi_sample_dropout": 0}, r"model\.multi_sample_dropout=0"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path, kind, options, words):
    config_of(kind).save_pretrained(tmp_path)
    with pytest.raises(ConfigError, match=words) as caught:
        Transformer(str(tmp_path / "config.json"), 3, **options)
    assert len(str(caught.value).splitlines()) <= 5


def test_it_prints_nothing_and_leaves_transformers_verbosity_alone(saved, capfd):
    from transformers.utils import logging

    directory = saved("bert")
    before = logging.get_verbosity()
    logging.set_verbosity_info()
    logging.enable_progress_bar()
    try:
        capfd.readouterr()
        loaded(directory)
        assert capfd.readouterr() == ("", "")
        assert logging.get_verbosity() == logging.INFO
        assert logging.is_progress_bar_enabled()
    finally:
        logging.set_verbosity(before)


@pytest.mark.parametrize("wanted", [False, True])
@pytest.mark.parametrize("weights", [True, False])
def test_gradient_checkpointing_is_our_option_whatever_config_json_says(tmp_path, wanted, weights):
    directory = save("bert", tmp_path)
    path = tmp_path / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "gradient_checkpointing": not wanted}))
    model = Transformer(directory if weights else str(path), 2, gradient_checkpointing=wanted)
    flags = [module.gradient_checkpointing for module in model.modules() if hasattr(module, "gradient_checkpointing")]
    assert flags
    assert set(flags) == {wanted}
    computed: list[int] = []
    model.body.encoder.layer[0].attention.register_forward_hook(lambda *_: computed.append(1))
    model.train()(**batch()).square().sum().backward()
    assert len(computed) == 1 + wanted


@pytest.mark.parametrize("said", ["bfloat16", "float16", None])
@pytest.mark.parametrize("weights", [True, False])
def test_o0_is_float32_whatever_files_and_configuration_say(tmp_path, said, weights):
    from transformers import AutoModel

    AutoModel.from_pretrained(save("bert", tmp_path / "full")).bfloat16().save_pretrained(tmp_path / "half")
    path = tmp_path / "half" / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "dtype": said, "torch_dtype": said}))
    model = Transformer(str(path.parent if weights else path), 2)
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    assert model(**batch()).dtype is torch.float32

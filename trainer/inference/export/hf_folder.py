"""A directory that ``AutoModelForSequenceClassification.from_pretrained`` and ``AutoTokenizer`` load.

Our head is one linear layer over the class token's vector; that of transformers' classes has a dense layer and an
activation before it. These are set so that they let the vector through: a tanh of numbers that are made so small that
it is the identity, or a ReLU of numbers that are shifted so far that none is negative. Both are taken back in the layer
after them, to within the rounding of float32, and the loaded directory is compared with the run like any other export.
"""

from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from trainer.errors import ConfigError
from trainer.inference.export.networks import float32_model
from trainer.inference.fold_model import FoldModel
from trainer.inference.predictor import Predictor
from trainer.models.pooling import first_token
from trainer.system.transformers_quiet import quiet

SMALL = 2.0**-14  # x times this is its own tanh in float32 for |x| up to about 8, and to 1e-6 of it up to 60
FAR = 64.0  # vectors that a layer norm made have no entry below minus this
TANH = ("roberta", "classifier.dense", "classifier.out_proj")  # backbone, layer with an activation, last layer
FORMS = {
    "bert": ("bert", "bert.pooler.dense", "classifier"),
    "roberta": TANH,
    "xlm-roberta": TANH,
    "camembert": TANH,
    "distilbert": ("distilbert", "pre_classifier", "classifier"),
}


def require_hf(predictor: Predictor) -> None:
    """Refuse what such a directory cannot hold.

    Raises:
        ConfigError: several folds, another architecture or pooling; says what holds it.
    """
    if len(predictor.models) > 1:
        raise ConfigError("--format hf holds one model: give --mode fold=0, soup or all; onnx holds all folds")
    model: Any = predictor.models[0].model
    if model.body.config.model_type not in FORMS:
        raise ConfigError(
            f"--format hf holds {', '.join(FORMS)}, not {model.body.config.model_type}: give --format onnx"
        )
    if model._pool is not first_token:
        raise ConfigError("--format hf holds a head over the class token (model.pooling=cls): give --format onnx")


def write_hf(predictor: Predictor, facts: dict[str, Any], folder: Path) -> None:
    """Write config.json, model.safetensors and the tokenizer; ``facts`` say afterwards how logits are read.

    Args:
        predictor: of one fold.
        facts: of model.json.
        folder: to write into.
    """
    from safetensors.torch import save_file
    from transformers import MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING

    [fold], [fitted] = predictor.models, facts["fitted"]
    trained: Any = float32_model(fold)
    weight, bias = _last_layer(trained.head.linear, fold, fitted)
    config = _config(trained.body.config, predictor, n_outputs=len(bias))
    made_class: Any = MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING[type(config)]
    with quiet():
        made = made_class(config)
    backbone, dense, last = FORMS[config.model_type]
    made.get_submodule(backbone).load_state_dict(trained.body.state_dict(), strict=False)
    _let_through(made.get_submodule(dense), made.get_submodule(last), weight, bias, by_tanh=dense != "pre_classifier")
    config.architectures = [made_class.__name__]
    tensors = {name: tensor.contiguous() for name, tensor in made.state_dict().items()}
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    config.to_json_file(folder / "config.json")
    _write_tokenizer(fold.fitted, folder)


def _last_layer(linear: nn.Linear, fold: FoldModel, fitted: dict[str, Any]) -> tuple[Tensor, Tensor]:
    """Return weights and bias in the terms of transformers, and note in ``fitted`` how its logits are read.

    One output for yes or no becomes two, whose softmax is the same; numbers are in the unit of the target.
    """
    weight, bias = linear.weight.detach().double(), linear.bias.detach().double()
    if fitted["proba"] == "sigmoid of two":
        fitted["proba"] = "softmax"
        return torch.cat([torch.zeros_like(weight), weight]), torch.cat([torch.zeros_like(bias), bias])
    if fold.scale is not None:
        fitted["scale"] = None
        return weight * fold.scale.sd, bias * fold.scale.sd + fold.scale.mean
    return weight, bias


def _let_through(dense: Any, last: Any, weight: Tensor, bias: Tensor, *, by_tanh: bool) -> None:
    unit = torch.eye(weight.shape[1], dtype=torch.float64)
    with torch.no_grad():
        dense.weight.copy_(unit * SMALL if by_tanh else unit)
        dense.bias.fill_(0.0 if by_tanh else FAR)
        last.weight.copy_(weight / SMALL if by_tanh else weight)
        last.bias.copy_(bias if by_tanh else bias - weight.sum(dim=1) * FAR)


def _config(of_body: Any, predictor: Predictor, *, n_outputs: int) -> Any:
    """Return the backbone's configuration with the labels of the run."""
    config, spec = deepcopy(of_body), predictor.run.spec
    classes = spec.classes if spec.task.has_classes else ("value",)
    config.num_labels = n_outputs
    config.id2label = dict(enumerate(classes))
    config.label2id = {name: place for place, name in enumerate(classes)}
    kinds = {(True, False): "single_label_classification", (True, True): "multi_label_classification"}
    config.problem_type = kinds.get((spec.task.has_classes, spec.task.several_labels), "regression")
    config.dtype, config.name_or_path = torch.float32, ""
    return config


def _write_tokenizer(fitted: Any, folder: Path) -> None:
    from transformers import PreTrainedTokenizerFast

    maker = fitted.maker
    made_class: Any = PreTrainedTokenizerFast  # without types
    tokenizer = made_class(
        tokenizer_object=maker.backend,
        pad_token=maker.backend.id_to_token(maker.pad_id),
        model_max_length=fitted.max_length,
        padding_side="right",
        truncation_side="left" if maker.cut_left else "right",
        model_input_names=["input_ids", *["token_type_ids"] * maker.has_types, "attention_mask"],
    )
    with quiet():
        tokenizer.save_pretrained(folder)

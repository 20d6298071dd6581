"""The transformer below the head: built by transformers, filled with the weights, and looked at before it is used."""

import inspect
import warnings
from dataclasses import dataclass
from pickle import UnpicklingError
from typing import Any

import torch
from torch import Tensor, nn

from trainer.errors import CheckpointError, ConfigError
from trainer.models.attention import use_own_attention
from trainer.models.pretrained import Pretrained, first_line
from trainer.system.transformers_quiet import max_positions, quiet, transformers_config
from trainer.wording.lists import first_with_dots

LEAST_LOADED = 0.9  # share of the backbone's parameters that must come from the files
POOLER = "pooler"


@dataclass(frozen=True)
class Body:
    """A transformer without any head.

    Attributes:
        module: float32, every parameter of use.
        config: transformers' own.
        width: of a token's vector, D.
        inputs: the forward pass' arguments among attention_mask, token_type_ids.
        causal: whether a token sees only those before it.
        max_positions: most tokens of a text, or None.
        loaded: what came from which file, in one line.
    """

    module: nn.Module
    config: Any
    width: int
    inputs: tuple[str, ...]
    causal: bool
    max_positions: int | None
    loaded: str


def load_body(found: Pretrained, *, attention: str = "sdpa") -> Body:
    """Build a transformer's backbone from its files; nothing is printed, executed or downloaded.

    Args:
        found: its files; without weights they are drawn from torch's random numbers.
        attention: sdpa (where the architecture has it) | eager.

    Raises:
        ConfigError: no text encoder that gives one vector per token.
        CheckpointError: the weights cannot be read, or too little of the backbone is among them.
    """
    with quiet():
        config, options = _configure(found, attention)
        module, info = _build(found, config, options)
        if options["attn_implementation"] == "sdpa":
            use_own_attention(module)
        if isinstance(getattr(module, POOLER, None), nn.Module):
            module.register_module(POOLER, nn.Identity())  # its output is not used: no dead parameters
        loaded, lacking = _what_loaded(found, module, info)
        width, causal = _look(found, module, config)
        most = max_positions(module, config)
    if lacking:
        warnings.warn(loaded, stacklevel=3)
    names = inspect.signature(module.forward).parameters
    types = "token_type_ids" in names and (getattr(config, "type_vocab_size", 0) > 1 or _has_segments(module))
    inputs = ("attention_mask", "token_type_ids") if types else ("attention_mask",)
    return Body(module, config, width, inputs, causal, most, loaded)


def _configure(found: Pretrained, attention: str) -> tuple[Any, dict[str, Any]]:
    """Return the configuration and the constructor's options; refuse what is no text encoder before it is built."""
    from transformers import MODEL_MAPPING

    option = f"model.pretrained={found.name}"
    try:
        config = transformers_config(found.config)
        built: Any = MODEL_MAPPING[type(config)]
    except Exception as error:  # of transformers, which raises many
        raise ConfigError(f"{option}: transformers does not take its configuration: {first_line(error)}") from error
    built = built[0] if isinstance(built, (list, tuple)) else built
    takes = inspect.signature(built.forward).parameters
    if getattr(config, "is_encoder_decoder", False) or "decoder_input_ids" in takes:  # T5's encoder says it is none
        raise ConfigError(
            f"{option}: {config.model_type} is an encoder-decoder, and its encoder alone is not built either\n"
            "use a BERT-like model"
        )
    if not {"input_ids", "attention_mask"} <= takes.keys():
        lacking = "text" if "input_ids" not in takes else "attention_mask, so padding would change its results"
        raise ConfigError(f"{option}: {config.model_type} takes no {lacking}; use a BERT-like model")
    config.return_dict, config.use_cache = True, False
    config.output_hidden_states, config.output_attentions = False, False
    config.gradient_checkpointing = False  # true, as old training scripts saved it, would override our own option
    config.transformers_weights = None  # a file name that would replace the standard ones
    options: dict[str, Any] = {"dtype": torch.float32, "attn_implementation": attention}
    if not getattr(built, "_supports_sdpa", True):
        options["attn_implementation"] = "eager"
    return config, options


def _build(found: Pretrained, config: Any, options: dict[str, Any]) -> tuple[nn.Module, dict[str, Any]]:
    from transformers import AutoModel

    auto: Any = AutoModel  # without types
    if not found.weights:
        try:
            module: nn.Module = auto.from_config(config, trust_remote_code=False, **options)
        except Exception as error:
            raise ConfigError(f"model.pretrained={found.name}: it cannot be built: {first_line(error)}") from error
        return module, {}
    try:
        module, info = auto.from_pretrained(
            found.directory,
            config=config,
            local_files_only=True,
            trust_remote_code=False,
            weights_only=True,
            ignore_mismatched_sizes=True,
            output_loading_info=True,
            **options,
        )
    except Exception as error:
        pickled = isinstance(error, UnpicklingError)
        reason = "a pickle of more than tensors, which is not run, or damaged" if pickled else first_line(error)
        raise CheckpointError(
            f"{found.weights[0]}: not readable as weights of a {config.model_type}: {reason}\n"
            "save the model with transformers' save_pretrained"
        ) from error
    return module, info


def _what_loaded(found: Pretrained, module: nn.Module, info: dict[str, Any]) -> tuple[str, bool]:
    """Return in one line what the files gave the backbone, and whether something was missing; refuse where much is."""
    if not found.weights:
        return f"{found.config.path}: fresh weights", False
    differing = {
        name: f"{name} {tuple(there)} there, {tuple(here)} here" for name, there, here in info["mismatched_keys"]
    }
    lacking = {*info["missing_keys"], *differing}
    names: dict[Tensor, list[str]] = {}
    for name, parameter in module.named_parameters(remove_duplicate=False):
        names.setdefault(parameter, []).append(name)
    fresh = {parameter: same[0] for parameter, same in names.items() if lacking.issuperset(same)}
    total = sum(parameter.numel() for parameter in names)
    share = 1 - sum(parameter.numel() for parameter in fresh) / total
    said = f"{found.weights[0]}: {share:.1%} of the backbone's parameters"
    if fresh and found.config.completed:
        raise CheckpointError(
            f"{said}; not among them: {first_with_dots(sorted(fresh.values()))}\n"
            f"so it is no {found.config.values['model_type']}, as which it was read ({found.config.note})\n"
            f'say what it is in {found.config.path.name}: "model_type": "..."'
        )
    if share < LEAST_LOADED or info["error_msgs"]:
        lines = [f"shapes that differ: {first_with_dots(sorted(differing.values()), between='; ')}"] * bool(differing)
        missing = sorted(set(fresh.values()) - differing.keys())
        lines += [f"only in the model: {first_with_dots(missing)}"] * bool(missing)
        lines += [f"only in the file: {first_with_dots(sorted(info['unexpected_keys']))}"] * bool(
            info["unexpected_keys"]
        )
        raise CheckpointError(
            "\n".join([f"{said}, which is too little", *lines, "config.json and weights must belong together"])
        )
    bad = [same[0] for parameter, same in names.items() if not bool(torch.isfinite(parameter).all())]
    if bad:
        raise CheckpointError(f"{found.weights[0]}: NaN or infinity in {first_with_dots(bad)}")
    if fresh:
        said += f"; not among them, so fresh: {first_with_dots(sorted(fresh.values()))}"
    if info["unexpected_keys"]:
        said += f"; not used: {first_with_dots(sorted(info['unexpected_keys']))}"
    return said, bool(fresh)


def _look(found: Pretrained, module: nn.Module, config: Any) -> tuple[int, bool]:
    """Run two texts that differ in their last token; return the width, and whether the first token's vector did not."""
    pad = getattr(config, "pad_token_id", None)
    first, *second = [token for token in range(5) if token != pad][:3]
    try:
        with torch.no_grad():
            ids = torch.tensor([[first, token] for token in second])
            hidden_BTD = module.eval()(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state
        n_texts, n_tokens, width = hidden_BTD.shape
    except Exception as error:
        raise ConfigError(
            f"model.pretrained={found.name}: {config.model_type} gives no vector per token: {first_line(error)}"
        ) from error
    if (n_texts, n_tokens) != (2, 2):
        raise ConfigError(f"model.pretrained={found.name}: {config.model_type} gives no vector per token")
    return width, bool(torch.equal(hidden_BTD[0, 0], hidden_BTD[1, 0]))


def _has_segments(module: nn.Module) -> bool:
    """Return whether layers tell a text's parts by vectors of their own (XLNet; its configuration says nothing)."""
    return any(name.endswith(".seg_embed") for name, _ in module.named_parameters())

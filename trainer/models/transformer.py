"""A pretrained transformer (BERT and its kin) with a fresh head."""

from collections.abc import Iterator
from typing import Any, Literal

from torch import Tensor, nn

from trainer.errors import ConfigError
from trainer.models.dropout import replace_dropout
from trainer.models.load_body import load_body
from trainer.models.pooling import AttentionPooling, PooledHead, first_token, last_token, masked_mean
from trainer.models.pretrained import find_pretrained
from trainer.models.stated_pooling import choose_pooling, stated_pooling
from trainer.system.paths import PathText

MOST_SAMPLES = 1000  # masks of one step, one after the other
DROPOUTS = ("classifier_dropout", "seq_classif_dropout", "hidden_dropout_prob", "dropout")  # where configs say it
DEFAULT_DROPOUT = 0.1


class Transformer(nn.Module):
    """A transformer's backbone, one vector per text from its tokens, and a head.

    The backbone comes from transformers and is the same in every fold; the head is drawn afresh. ``pooling=cls`` takes
    the class token's last hidden state as it is: BERT's own pooler (a layer trained to tell the next sentence) is left
    out, as are the heads of pre-training.

    Args:
        pretrained: a directory, the name of a model on the Hugging Face hub, or a ``config.json`` (fresh weights).
        n_outputs: logits per text.
        vocab_size: tokens of the tokenizer, checked against the embedding.
        max_length: most tokens per text, checked against the positions.
        class_token: where the tokenizer puts it: first | last (XLNet) | none.
        pooling: cls (class token) | mean (without padding) | attention (weighted by a learned query) | auto (as the
            files of sentence-transformers say, else cls, or mean where there is no class token that sees the text).
        dropout: probability on the text's vector; None = as the configuration says.
        multi_sample_dropout: dropout masks whose logits are averaged while training.
        gradient_checkpointing: compute activations again in the backward pass: less memory, more time.
        attention: sdpa (fused, where the architecture has it) | eager.
        allow_network: download what is not at hand.

    Attributes:
        encodes: whether ``encode`` gives the text's vector: not where the pooling is trained with the head.
        max_positions: most tokens of a text, or None.
        loaded: what came from which file, in one line.

    Raises:
        ConfigError: not at hand, no text encoder, or it does not fit the tokenizer.
        CheckpointError: its weights cannot be read or do not fit its configuration.
    """

    def __init__(
        self,
        pretrained: PathText,
        n_outputs: int,
        *,
        vocab_size: int | None = None,
        max_length: int | None = None,
        class_token: Literal["first", "last", "none"] = "first",
        pooling: Literal["auto", "cls", "mean", "attention"] = "auto",
        dropout: float | None = None,
        multi_sample_dropout: int = 1,
        gradient_checkpointing: bool = False,
        attention: Literal["sdpa", "eager"] = "sdpa",
        allow_network: bool = False,
    ) -> None:
        super().__init__()
        _check_numbers(dropout, multi_sample_dropout)
        found = find_pretrained(pretrained, allow_network=allow_network)
        body = load_body(found, attention=attention)
        self.body = body.module.train()
        replace_dropout(self.body)
        self.max_positions = body.max_positions
        self._passed_on = body.inputs
        _check_vocabulary(pretrained, self.body, vocab_size)
        _check_length(max_length, self.max_positions)
        option = f"model.pretrained={pretrained}"
        blind = body.causal and class_token == "first"
        if pooling == "cls" and blind:
            raise ConfigError(
                f"{option}: in {body.config.model_type} the first token sees no other\n"
                "use model.pooling=mean or model.pooling=attention"
            )
        stated = stated_pooling(option, found.directory)
        chosen, said = choose_pooling(option, pooling, stated, "none" if blind else class_token)
        self.loaded = "; ".join(part for part in (body.loaded, found.config.note, said) if part)
        if gradient_checkpointing:
            _checkpoint_gradients(pretrained, self.body)
        self.head = PooledHead(
            body.width,
            n_outputs,
            dropout=_configured_dropout(body.config) if dropout is None else dropout,
            samples=multi_sample_dropout,
            pooling=AttentionPooling(body.width) if chosen == "attention" else None,
            std=getattr(body.config, "initializer_range", 0.02),
        )
        self._pool = {"cls": last_token if class_token == "last" else first_token, "mean": masked_mean}.get(chosen)

    @property
    def encodes(self) -> bool:
        """Whether the text's vector is computed without any parameter of the head."""
        return self._pool is not None

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        features: Tensor | None = None,
    ) -> Tensor:
        """Return logits (B, n_outputs) for tokens (B, T), or for ``features`` (B, D) that ``encode`` gave."""
        if features is None:
            features = self._vectors(input_ids, attention_mask, token_type_ids)
        elif not self.encodes:
            raise ConfigError("model.pooling=attention is trained with the head: it takes no stored features")
        logits: Tensor = self.head(features)
        return logits

    def encode(
        self, input_ids: Tensor, attention_mask: Tensor | None = None, token_type_ids: Tensor | None = None
    ) -> Tensor:
        """Return one vector per text (B, D).

        Raises:
            ConfigError: the pooling is part of the head.
        """
        if not self.encodes:
            raise ConfigError("model.pooling=attention is trained with the head: use model.pooling=cls or mean")
        return self._vectors(input_ids, attention_mask, token_type_ids)

    def get_input_embeddings(self) -> nn.Module:
        """Return the table of the tokens."""
        found: nn.Module = self.body.get_input_embeddings()  # type: ignore[operator]
        return found

    def layers(self) -> list[nn.Module]:
        """Return the backbone from input to output: embeddings, each layer, and what comes after them, if anything."""
        stack = max(_stacks(self.body), key=_size, default=None)
        if stack is None or not len(stack):
            return [self.body]
        before, after = nn.ModuleList(), nn.ModuleList()
        seen = False
        for part in _around(self.body, stack):
            seen = seen or part is stack
            if part is not stack and any(True for _ in part.parameters()):
                (after if seen else before).append(part)
        return [*[before] * bool(len(before)), *stack, *[after] * bool(len(after))]

    def _vectors(
        self, input_ids: Tensor | None, attention_mask: Tensor | None, token_type_ids: Tensor | None
    ) -> Tensor:
        if input_ids is None:
            raise ConfigError("model=transformer wants input_ids: use data/preprocess=tokenizer")
        _check_length(input_ids.shape[1], self.max_positions)
        mask_BT = input_ids.new_ones(input_ids.shape) if attention_mask is None else attention_mask
        offered = {"attention_mask": mask_BT, "token_type_ids": token_type_ids}
        given = {name: offered[name] for name in self._passed_on}
        hidden_BTD = self.body(input_ids=input_ids, **given).last_hidden_state
        pool: Any = self.head.pooling if self._pool is None else self._pool
        vectors: Tensor = pool(hidden_BTD, mask_BT)
        return vectors


def _check_numbers(dropout: float | None, samples: int) -> None:
    if dropout is not None and not 0 <= dropout < 1:
        raise ConfigError(f"model.dropout={dropout}: a probability from 0 to below 1, or null")
    if not 1 <= samples <= MOST_SAMPLES:
        raise ConfigError(f"model.multi_sample_dropout={samples}: at least 1, at most {MOST_SAMPLES}")


def _configured_dropout(config: Any) -> float:
    said = [getattr(config, name, None) for name in DROPOUTS]
    return next((float(value) for value in said if isinstance(value, (int, float))), DEFAULT_DROPOUT)


def _check_vocabulary(pretrained: str, body: nn.Module, vocab_size: int | None) -> None:
    embedding: Any = body.get_input_embeddings()  # type: ignore[operator]
    rows = getattr(embedding, "num_embeddings", None)
    if vocab_size is not None and rows is not None and vocab_size > rows:
        raise ConfigError(
            f"model.pretrained={pretrained}: the tokenizer has {vocab_size} tokens, the embedding {rows}\n"
            "use the tokenizer that belongs to the model"
        )


def _check_length(n_tokens: int | None, max_positions: int | None) -> None:
    if n_tokens is not None and max_positions is not None and n_tokens > max_positions:
        raise ConfigError(
            f"texts of up to {n_tokens} tokens, but the transformer takes at most {max_positions}\n"
            f"set data.preprocess.max_length={max_positions}"
        )


def _checkpoint_gradients(pretrained: str, body: Any) -> None:
    enable = getattr(body, "activation_checkpointing_enable", None) or body.gradient_checkpointing_enable
    try:
        enable({"use_reentrant": False})
    except ValueError as error:
        raise ConfigError(f"model.gradient_checkpointing=true: {pretrained} cannot: it has no such switch") from error


def _size(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def _stacks(body: nn.Module) -> Iterator[nn.ModuleList]:
    """Yield the backbone's lists of modules, outer before inner: the largest holds the layers."""
    return (module for module in body.modules() if isinstance(module, nn.ModuleList))


def _around(module: nn.Module, stack: nn.ModuleList) -> Iterator[nn.Module]:
    """Yield ``stack`` and the parts next to it in the order they were made, parameters of their own first."""
    if own := list(module.parameters(recurse=False)):
        yield nn.ParameterList(own)
    for child in module.children():
        if child is stack or all(inner is not stack for inner in child.modules()):
            yield child
        else:
            yield from _around(child, stack)

"""Whether a tokenizer knows the texts: without its vocabulary it makes the same of all of them, and no error."""

import numpy as np
from numpy.typing import NDArray

from trainer.data.samples import Texts
from trainer.data.texts.hf_tokenizer import TokenMaker, Tokens
from trainer.errors import ConfigError

MANY_UNKNOWN = 0.2  # share of all tokens from which on it is said
SPACES = "▁ĠĊ "  # how tokenizers write spaces and line ends


def mostly_unknown(unknown_T: NDArray[np.bool_], offsets: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return (N,) whether at least half of the tokens of a text are unknown.

    Args:
        unknown_T: of every token.
        offsets: (N + 1,) where each text starts; none is empty.
    """
    if len(offsets) == 1:
        return np.zeros(0, dtype=bool)
    counts_N = np.add.reduceat(unknown_T.astype(np.int64), offsets[:-1])
    return np.asarray(counts_N * 2 >= np.diff(offsets))


def unknown_note(pretrained: str, maker: TokenMaker, texts: Texts, tokens: Tokens) -> str:
    """Refuse rows that say nothing of their texts; return what to say where many tokens are unknown, or nothing.

    Raises:
        ConfigError: no token of any text is known, or all texts that differ have the same tokens.
    """
    if not any(text.strip() for text in texts.texts):
        return ""
    used, counts = np.unique(tokens.tokens_T, return_counts=True)
    special = {number for number, token in maker.backend.get_added_tokens_decoder().items() if token.special}
    special |= {maker.empty_id, maker.pad_id}
    known = [i for i in used.tolist() if i not in special and (maker.backend.id_to_token(i) or "").strip(SPACES)]
    if not known or _all_the_same(texts, tokens):
        token = maker.backend.id_to_token(maker.empty_id)
        raise ConfigError(
            f"model.pretrained={pretrained}: its tokenizer ({maker.vocab_size} tokens) makes the same of all texts: "
            f"{'no token is known' if not known else 'the same row'} ({token} stands for what is unknown)\n"
            "its vocabulary does not belong to them, or is not there: data.preprocess.pretrained=DIR names another"
        )
    unknown = counts[used == maker.empty_id].sum() / len(tokens.tokens_T)
    if unknown < MANY_UNKNOWN:
        return ""
    return f"{unknown:.0%} of the tokens are unknown to the tokenizer: does its vocabulary belong to these texts?"


def _all_the_same(texts: Texts, tokens: Tokens) -> bool:
    lengths_N = np.diff(tokens.offsets)
    if (lengths_N != lengths_N[0]).any() or (len(set(texts.texts)) == 1 and len(set(texts.pairs or ("",))) == 1):
        return False
    rows_NT = tokens.tokens_T.reshape(len(lengths_N), -1)
    return bool((rows_NT == rows_NT[0]).all())

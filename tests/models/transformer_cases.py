"""Tiny transformers, saved as their authors would save them."""

from pathlib import Path

import torch

SMALL = {"vocab_size": 60, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
KINDS = ("bert", "distilbert", "roberta", "deberta-v2")


def config_of(kind: str, **changed):
    import transformers as t

    return {
        "bert": lambda: t.BertConfig(**{**SMALL, "max_position_embeddings": 40, **changed}),
        "distilbert": lambda: t.DistilBertConfig(
            **{"vocab_size": 60, "dim": 16, "n_layers": 2, "n_heads": 2, "hidden_dim": 32, **changed}
        ),
        "roberta": lambda: t.RobertaConfig(
            **{**SMALL, "type_vocab_size": 1, "max_position_embeddings": 42, "pad_token_id": 1, **changed}
        ),
        "deberta-v2": lambda: t.DebertaV2Config(
            **{
                **SMALL,
                "relative_attention": True,
                "pos_att_type": ["p2c", "c2p"],
                "position_biased_input": False,
                **changed,
            }
        ),
        "electra": lambda: t.ElectraConfig(**{**SMALL, "embedding_size": 8, **changed}),
        "albert": lambda: t.AlbertConfig(**{**SMALL, "embedding_size": 8, **changed}),
        "gpt2": lambda: t.GPT2Config(vocab_size=60, n_embd=16, n_layer=2, n_head=2, bos_token_id=0, eos_token_id=0),
        "xlnet": lambda: t.XLNetConfig(vocab_size=60, d_model=16, n_layer=2, n_head=2, d_inner=32, d_head=8, **changed),
        "t5": lambda: t.T5Config(vocab_size=60, d_model=16, d_kv=8, d_ff=32, num_layers=2, num_heads=2),
        "fnet": lambda: t.FNetConfig(vocab_size=60, hidden_size=16, num_hidden_layers=2, intermediate_size=32),
        "vit": lambda: t.ViTConfig(hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32),
    }[kind]()


def save(kind: str, directory: Path, *, auto: str = "AutoModel", **changed) -> str:
    """Save a model with random weights that are not near zero, as ``auto`` builds it; return the directory."""
    import transformers

    with torch.random.fork_rng():
        torch.manual_seed(7)
        model = getattr(transformers, auto).from_config(config_of(kind, initializer_range=0.3, **changed))
        model.save_pretrained(directory)
    return str(directory)


def batch(lengths=(5, 9, 2), pad=0, longest=None):
    """Token numbers, mask and token types of random texts, padded on the right."""
    generator = torch.Generator().manual_seed(3)
    width = longest or max(lengths)
    ids = torch.full((len(lengths), width), pad)
    mask = torch.zeros(len(lengths), width, dtype=torch.int64)
    types = torch.zeros(len(lengths), width, dtype=torch.int64)
    for row, length in enumerate(lengths):
        ids[row, :length] = torch.randint(5, 60, (length,), generator=generator)
        mask[row, :length] = 1
        types[row, length // 2 : length] = 1
    return {"input_ids": ids, "attention_mask": mask, "token_type_ids": types}

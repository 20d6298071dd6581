"""A tiny BERT with its tokenizer, and reviews for it to read, saved as users have them."""

import csv
import itertools
from pathlib import Path

import numpy as np
import torch

GOOD = ("clean", "friendly", "quiet", "很好", "干净")
BAD = ("dirty", "rude", "loud", "很差", "太吵")
THINGS = ("room", "staff", "view", "房间", "酒店", "早餐")
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def reviews(n_rows: int = 48) -> list[tuple[str, str]]:
    """Texts of one to four statements, English and Chinese, all different, with their label."""
    random = np.random.default_rng(0)
    found: dict[str, str] = {}
    for label in itertools.cycle(("good", "bad")):
        words = GOOD if label == "good" else BAD
        said = [f"{random.choice(THINGS)} {random.choice(words)}" for _ in range(random.integers(1, 5))]
        found.setdefault(", ".join(said), label)
        if len(found) == n_rows:
            return list(found.items())
    raise AssertionError


def write_reviews(path: Path, n_rows: int = 48) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *reviews(n_rows)])
    return path


def save_model(directory: Path, seed: int = 0) -> Path:
    """Save a BERT of two layers, with random weights, and a WordPiece tokenizer trained on the reviews."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
    from transformers import BertConfig, BertModel, BertTokenizerFast

    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(vocab_size=200, special_tokens=SPECIAL, show_progress=False)
    tokenizer.train_from_iterator([text for text, _ in reviews()], trainer)
    fast = BertTokenizerFast(tokenizer_object=tokenizer)
    fast.save_pretrained(directory)
    shape = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        config = BertConfig(vocab_size=len(fast), initializer_range=0.2, max_position_embeddings=64, **shape)
        BertModel(config).save_pretrained(directory)
    return directory

"""Four pieces of work that every tool does alike: the same rows, folds, model, batches, epochs and learning rate.

``tab`` is scikit-learn's digits; the others are made from a seed: sentences whose lengths and word frequencies are like
those of movie reviews, and 28 x 28 pictures of ten kinds of garment-like blots.
"""

import csv
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

N_SPLITS = 5
SEED = 42
LR = 1e-3
WORDS = 18_000
BERT = {"hidden_size": 256, "num_hidden_layers": 4, "num_attention_heads": 4, "intermediate_size": 1024}
BERT_TOKENS = 128


@dataclass(frozen=True)
class Workload:
    """Attributes: what it is, epochs, batch_size and the options of ``train.py`` for it, given the files' folder."""

    description: str
    epochs: int
    batch_size: int
    options: Callable[[Path], list[str]]


WORKLOADS = {
    "tab": Workload("Digits of scikit-learn, MLP 64-256-256-10, batch 32, 20 epochs", 20, 32, lambda folder: []),
    "text": Workload(
        "10,662 made sentences as long as those of movie reviews (MR), TextCNN of 128 dimensions, batch 50, 3 epochs",
        3,
        50,
        lambda folder: [
            "data=csv_text",
            f"data.path={folder / 'text.csv'}",
            "model=text_cnn",
            "model.embedding_dim=128",
            "data.preprocess.min_frequency=2",
        ],
    ),
    "bert": Workload(
        "2,500 made sentences, BERT 4 x 256 from random weights, at most 128 tokens, batch 32, 1 epoch",
        1,
        32,
        lambda folder: [
            "data=csv_text",
            f"data.path={folder / 'bert.csv'}",
            "model=transformer",
            f"model.pretrained={folder / 'bert'}",
            f"data.preprocess.max_length={BERT_TOKENS}",
        ],
    ),
    "image": Workload(
        "6,000 made pictures of 28 x 28, small CNN, batch 64, 3 epochs",
        3,
        64,
        lambda folder: ["data=image_folder", f"data.path={folder / 'image'}", "model=image_cnn"],
    ),
}


@dataclass(frozen=True)
class Prepared:
    """One fold's inputs as tensors of all rows (text padded to the longest), lengths where rows have them, a model."""

    inputs: dict[str, Tensor]
    lengths_N: NDArray[np.int64] | None
    model: Callable[[], nn.Module]


def make_files(name: str, folder: Path) -> None:
    """Write what a workload reads into ``folder``, unless it is there."""
    folder.mkdir(parents=True, exist_ok=True)
    if name in ("text", "bert") and not (folder / f"{name}.csv").exists():
        _write_sentences(folder / f"{name}.csv", n_rows=10_662 if name == "text" else 2_500)
    if name == "bert" and not (folder / "bert").exists():
        _save_bert(folder)
    if name == "image" and not (folder / "image").exists():
        _write_images(folder / "image", n_rows=6_000)


def load(name: str, folder: Path) -> tuple[list[str] | NDArray[np.generic], NDArray[np.int64]]:
    """Return the raw rows and their classes."""
    if name == "tab":
        from sklearn.datasets import load_digits

        digits = load_digits()
        return digits.data, digits.target.astype(np.int64)
    if name == "image":
        return _read_images(folder / "image")
    with (folder / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [row["text"] for row in rows], np.array([int(row["label"]) for row in rows])


def folds(target: NDArray[np.int64]) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yield training and held-out rows, the same in every tool."""
    from sklearn.model_selection import StratifiedKFold

    yield from StratifiedKFold(N_SPLITS, shuffle=True, random_state=SEED).split(target, target)


def prepare(name: str, raw: list[str] | NDArray[np.generic], train: NDArray[np.int64], folder: Path) -> Prepared:
    """Fit what is fitted on the training rows and return all rows as tensors."""
    return {"tab": _prepare_tab, "text": _prepare_text, "bert": _prepare_bert, "image": _prepare_image}[name](
        raw, train, folder
    )


def _prepare_tab(raw: NDArray[np.float64], train: NDArray[np.int64], folder: Path) -> Prepared:
    from sklearn.preprocessing import StandardScaler

    from trainer.models.mlp import MLP

    numeric = StandardScaler().fit(raw[train]).transform(raw).astype(np.float32)
    return Prepared({"numeric": torch.from_numpy(numeric)}, None, lambda: MLP(64, 10))


def _prepare_text(raw: list[str], train: NDArray[np.int64], folder: Path) -> Prepared:
    from trainer.models.text_cnn import TextCNN

    counts = Counter(word for row in train for word in raw[row].split())
    words = [word for word, count in counts.most_common() if count >= 2]
    place = {word: number for number, word in enumerate(words, start=2)}
    ids = [torch.tensor([place.get(word, 1) for word in text.split()]) for text in raw]
    tokens = nn.utils.rnn.pad_sequence(ids, batch_first=True)
    return Prepared(
        {"tokens": tokens},
        np.array([len(row) for row in ids]),
        lambda: TextCNN(len(words) + 2, 2, embedding_dim=128),
    )


def _prepare_bert(raw: list[str], train: NDArray[np.int64], folder: Path) -> Prepared:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder / "bert")
    encoded = tokenizer(raw, truncation=True, max_length=BERT_TOKENS, padding=True, return_tensors="pt")
    inputs = {name: encoded[name] for name in ("input_ids", "attention_mask", "token_type_ids")}
    return Prepared(inputs, inputs["attention_mask"].sum(dim=1).numpy(), lambda: BertClassifier(folder / "bert"))


def _prepare_image(raw: NDArray[np.uint8], train: NDArray[np.int64], folder: Path) -> Prepared:
    from trainer.models.image_cnn import ImageCNN

    mean, sd = raw[train].mean() / 255, raw[train].std() / 255
    images = ((raw / 255 - mean) / sd).astype(np.float32)[:, None]
    return Prepared({"images": torch.from_numpy(images)}, None, lambda: ImageCNN(1, 10))


class BertClassifier(nn.Module):
    """transformers' own classifier around the saved body, returning logits."""

    def __init__(self, directory: Path) -> None:
        super().__init__()
        from transformers import AutoModelForSequenceClassification
        from transformers.utils import logging

        logging.set_verbosity_error()
        logging.disable_progress_bar()
        self.model = AutoModelForSequenceClassification.from_pretrained(directory, num_labels=2)

    def forward(self, **inputs: Tensor) -> Tensor:
        logits: Tensor = self.model(**inputs).logits
        return logits


def _write_sentences(path: Path, n_rows: int) -> None:
    """Zipf words, lengths like those of MR (median 20, longest near 60); some words lean to one class."""
    random = np.random.default_rng(SEED)
    labels = np.arange(n_rows) % 2
    lengths = np.clip(random.gamma(4.2, 5.0, n_rows).round(), 1, 59).astype(int)
    leaning = random.choice(np.arange(50, 3_000), 400, replace=False).reshape(2, -1)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        for label, length in zip(labels, lengths, strict=True):
            ranks = np.minimum(random.zipf(1.35, length), WORDS)
            hints = random.random(length) < 0.15
            side = np.where(random.random(length) < 0.9, label, 1 - label)
            ranks[hints] = leaning[side[hints], (random.zipf(1.35, int(hints.sum())) - 1) % 200]
            writer.writerow([" ".join(f"w{rank}" for rank in ranks), label])


def _save_bert(folder: Path) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers
    from transformers import BertConfig, BertModel, BertTokenizerFast

    with (folder / "bert.csv").open(encoding="utf-8", newline="") as file:
        texts = [row["text"] for row in csv.DictReader(file)]
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    trainer = trainers.WordPieceTrainer(vocab_size=4_000, special_tokens=special, show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    fast = BertTokenizerFast(tokenizer_object=tokenizer)
    fast.save_pretrained(folder / "bert")
    torch.manual_seed(SEED)
    BertModel(BertConfig(vocab_size=len(fast), **BERT)).save_pretrained(folder / "bert")


def _write_images(folder: Path, n_rows: int) -> None:
    """Ten outlines, each drawn with its own jitter, brightness and noise."""
    from PIL import Image

    random = np.random.default_rng(SEED)
    outlines = random.random((10, 7, 7)) > 0.55
    for row in range(n_rows):
        kind = row % 10
        picture = np.kron(outlines[kind], np.ones((4, 4))) * random.uniform(90, 220)
        picture = np.roll(picture, random.integers(-4, 5, 2), axis=(0, 1)) + random.normal(0, 45, (28, 28))
        place = folder / str(kind)
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8)).save(place / f"{row:05d}.png")


def _read_images(folder: Path) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    from PIL import Image

    files = sorted(folder.rglob("*.png"))
    return np.stack([np.asarray(Image.open(file)) for file in files]), np.array(
        [int(file.parent.name) for file in files]
    )


@dataclass(frozen=True)
class Fold:
    """What a tool is given of one fold: all rows, prepared, and which of them to train on and to predict."""

    work: Workload
    prepared: Prepared
    labels: Tensor
    train: NDArray[np.int64]
    held: NDArray[np.int64]

    def inputs(self, rows: NDArray[np.int64]) -> dict[str, Tensor]:
        return {name: tensor[rows] for name, tensor in self.prepared.inputs.items()}


def cross_validate(train_and_predict: Callable[[Fold], NDArray[np.int64]]) -> None:
    """Let a tool train on every fold of the workload and folder that the command line names; print the mean accuracy.

    Args:
        train_and_predict: returns the class of each held-out row, in their order.
    """
    name, folder = sys.argv[1], Path(sys.argv[2])
    raw, target = load(name, folder)
    accuracies = []
    for train, held in folds(target):
        torch.manual_seed(SEED)
        prepared = prepare(name, raw, train, folder)
        predicted = train_and_predict(Fold(WORKLOADS[name], prepared, torch.from_numpy(target), train, held))
        accuracies.append(float((predicted == target[held]).mean()))
    print(json.dumps({"accuracy": float(np.mean(accuracies))}), flush=True)

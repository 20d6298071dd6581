"""What a step with each trick costs in plain steps: processor seconds, in turns in one process, on the same batches.

    python -m benchmarks.tricks [--models mlp table bert] [--tricks fgm awp sam] [--turns 30]

``mlp``: 64 numbers, two layers of 256, 128 rows; ``table``: two columns of categories more; ``words``: a CNN of 200
weights over 24 words, 32 texts of 20; ``texts``: one of 560,000 over 5,000; ``bert``: a fresh BERT of 4 layers x 256
over 21,128 tokens, 16 texts of 32; ``tiny``: one of 2 layers x 32. AdamW steps. A ratio is the median over the turns;
the order of the two changes with each.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import nn

from trainer.config.keys import CONF
from trainer.config.schema import AmpConfig
from trainer.data.loading.batches import Batch
from trainer.engine.loops import Learner, Totals, train_step
from trainer.engine.modes import training
from trainer.engine.precision.opt_levels import resolve_opt_level
from trainer.engine.precision.precision import Precision
from trainer.engine.tricked import Tricks
from trainer.errors import ConfigError
from trainer.losses.ce import CrossEntropy
from trainer.models.mlp import MLP
from trainer.models.text_cnn import TextCNN
from trainer.models.transformer import Transformer
from trainer.tasks import MULTICLASS
from trainer.tricks.build import make
from trainer.tricks.contract import Setting

CPU = torch.device("cpu")
CLASSES = 2
CODES = (200, 1000)
TOKENS = 21128
STEPS = 5  # of each before it is the other's turn
Made = tuple[nn.Module, Batch]


def mlp(cardinalities: Sequence[int] = (), n_rows: int = 128) -> Made:
    """Return a network over numbers, and categories if any, and a batch."""
    inputs = {"numeric": torch.randn(n_rows, 64)}
    if cardinalities:
        inputs["categorical"] = torch.stack([torch.randint(size, (n_rows,)) for size in cardinalities], dim=1)
    return MLP(64, CLASSES, cardinalities=cardinalities), _batch(inputs, n_rows)


def bert(layers: int = 4, width: int = 256, n_rows: int = 16, length: int = 32) -> Made:
    """Return a fresh transformer and a batch."""
    config = {
        "model_type": "bert",
        "vocab_size": TOKENS,
        "hidden_size": width,
        "num_hidden_layers": layers,
        "num_attention_heads": max(1, width // 64),
        "intermediate_size": 4 * width,
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "config.json"
        path.write_text(json.dumps(config))
        model = Transformer(str(path), CLASSES)
    ids = torch.randint(1, TOKENS, (n_rows, length))
    return model, _batch({"input_ids": ids, "attention_mask": torch.ones_like(ids)}, n_rows)


def text_cnn(vocab_size: int, width: int, filters: int, n_rows: int = 32, length: int = 20) -> Made:
    """Return a CNN over words and a batch."""
    model = TextCNN(vocab_size, CLASSES, embedding_dim=width, filters=filters)
    return model, _batch({"tokens": torch.randint(1, vocab_size, (n_rows, length))}, n_rows)


MODELS: Mapping[str, Callable[[], Made]] = {
    "mlp": mlp,
    "table": lambda: mlp(CODES),
    "tiny": lambda: bert(2, 32),
    "bert": bert,
    "words": lambda: text_cnn(24, 4, 2),
    "texts": lambda: text_cnn(5000, 100, 50),
}


def _batch(inputs: dict[str, torch.Tensor], n_rows: int) -> Batch:
    return Batch(inputs, torch.arange(n_rows) % CLASSES, torch.ones(n_rows), torch.arange(n_rows))


def named_tricks() -> dict[str, dict[str, Any]]:
    """Return the sections of the tricks that have a class, by name."""
    read = {path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(CONF.glob("tricks/*.yaml"))}
    return {name: {name: section[name]} for name, section in read.items() if "_target_" in (section.get(name) or {})}


def learner(model: nn.Module, sections: Mapping[str, Any]) -> Learner:
    """Return a learner around the model, with AdamW and the tricks."""
    tricks = make(sections)
    for trick in tricks.values():
        trick.attach(Setting(model, MULTICLASS, CLASSES, CLASSES, 100, 10_000, pretrained=True))
    precision = Precision(model, resolve_opt_level(AmpConfig("O0"), CPU))
    optimizer = torch.optim.AdamW(precision.parameters, lr=1e-4)
    constant = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1.0)
    loss = CrossEntropy(n_classes=CLASSES, class_counts=[1] * CLASSES)
    made = Learner(model, loss, optimizer, constant, precision)
    if tricks:
        made.tricks = kept = Tricks(tricks)
        made.average = kept.bind(precision, model)
    return made


def seconds(trained: Learner, batch: Batch, totals: Totals) -> float:
    """Return the processor seconds of ``STEPS`` steps."""
    began = time.process_time()
    with training(trained.model):
        for _ in range(STEPS):
            train_step(trained, [batch], None, totals)
    return time.process_time() - began


def compared(model: str, sections: Mapping[str, Any], turns: int) -> tuple[float, float]:
    """Return the median ratio of a step with the tricks over a plain one, and the plain one's milliseconds."""
    both = []
    for own in ({}, sections):
        torch.manual_seed(0)
        made, batch = MODELS[model]()
        both.append((learner(made, own), batch, Totals.start(CPU)))
    took: list[list[float]] = [[], []]
    for turn in range(turns + 1):
        for which in (0, 1) if turn % 2 else (1, 0):
            took[which].append(seconds(*both[which]))
    plain, tricked = (one[1:] for one in took)  # the first turn warms up
    ratio = statistics.median(b / a for a, b in zip(plain, tricked, strict=True))
    return ratio, statistics.median(plain) / STEPS * 1e3


def main() -> None:
    """Print one line for each model and trick."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="*", default=list(MODELS), choices=MODELS)
    parser.add_argument("--tricks", nargs="*", default=list(named_tricks()), choices=named_tricks())
    parser.add_argument("--turns", type=int, default=30, help=f"of {STEPS} steps each (default 30)")
    parsed = parser.parse_args()
    torch.set_num_threads(1)
    for model in parsed.models:
        for name in parsed.tricks:
            try:
                ratio, plain = compared(model, named_tricks()[name], parsed.turns)
            except ConfigError as error:
                print(f"{model}: {str(error).splitlines()[0]}", flush=True)
                continue
            print(f"{model}: tricks={name} takes {ratio:.2f} times a plain step of {plain:.2f} ms", flush=True)


if __name__ == "__main__":
    main()

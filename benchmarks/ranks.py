"""A fold by several processes of torchrun against one process: the same numbers, and how much sooner.

``python -m benchmarks.ranks equality`` prints the table of docs/guide/cluster.md; ``python -m benchmarks.ranks speed``
trains a small BERT with two processes of one thread and with one, in turns.
"""

import json
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

from benchmarks.processes import measured, processor

REPOSITORY = Path(__file__).resolve().parent.parent
QUIET = ("profile=off", "audit=off", "baseline=off", "tracker=none", "runtime.progress=off", "runtime.threads=1")
TABLE = ("data=wine", "cv=holdout", "max_epochs=5", "batch_size=20", "model.dropout=0", "checkpoint.every_minutes=null")
LOSSES = {
    "cross entropy": ("loss=ce",),
    "class weights": ("loss=ce", "loss.class_weights=balanced"),
    "focal": ("loss=focal",),
}
WORDS, TOKENS, ROWS, TURNS = 4000, 64, 320, 5


def train(place: Path, run: str, options: Sequence[str]) -> Path:
    """Run a command to train; return the folder of its only fold."""
    command = ["-m", "trainer", "train", f"run={run}", *QUIET, *options]
    measured(command, place, {"PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1", "FOLDWISE_LANG": "en"})
    return place / "runs" / run / "fold_0"


def in_processes(number: int) -> tuple[str, ...]:
    """Return the options that train a fold by so many processes."""
    return () if number == 1 else ("executor=torchrun", f"executor.nproc={number}")


def difference(one: Path, other: Path) -> tuple[float, float]:
    """Return the largest difference of the weights, and of the losses of the epochs."""
    ours, theirs = (load_file(fold / "model.safetensors") for fold in (one, other))
    weights = max(float(np.abs(ours[name] - theirs[name]).max()) for name in ours)
    losses = [[epoch["train_loss"] for epoch in epochs(fold)] for fold in (one, other)]
    return weights, float(np.abs(np.subtract(*losses)).max())


def epochs(fold: Path) -> list[dict[str, float]]:
    """Return what each epoch recorded."""
    return [json.loads(line) for line in (fold / "metrics.jsonl").read_text().splitlines()]


def equality(place: Path) -> None:
    """Print how far the runs of several processes are from those of one."""
    print("| loss | accumulate_steps | processes | weights | loss of an epoch |\n|---|---|---|---|---|")
    for loss, options in LOSSES.items():
        for accumulate in (1, 2, 3):
            fixed = (*TABLE, *options, f"fit.accumulate_steps={accumulate}")
            folds = [
                train(place, f"{loss[0]}{loss[-1]}{accumulate}-{n}", (*fixed, *in_processes(n))) for n in (1, 2, 3)
            ]
            for number, fold in enumerate(folds[1:], start=2):
                weights, of_epoch = difference(folds[0], fold)
                print(f"| {loss} | {accumulate} | {number} | {weights:.1e} | {of_epoch:.1e} |", flush=True)


def small_bert(place: Path) -> tuple[str, ...]:
    """Save a BERT of four layers with random weights, and texts for it; return the options that train it."""
    from transformers import BertConfig, BertModel

    random = np.random.default_rng(0)
    words = [f"w{number}" for number in range(WORDS)]
    shape = {"hidden_size": 256, "num_hidden_layers": 4, "num_attention_heads": 4, "intermediate_size": 1024}
    BertModel(BertConfig(vocab_size=WORDS + 5, max_position_embeddings=128, **shape)).save_pretrained(place / "bert")
    (place / "bert/vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words]))
    rows = [f"{' '.join(random.choice(words, TOKENS - 2))},{'ab'[n % 2]}" for n in range(ROWS)]
    (place / "texts.csv").write_text("\n".join(["text,label", *rows]))
    texts = ("data=csv_text", "data.path=texts.csv", "data/preprocess=tokenizer")
    return (*texts, "model=transformer", "model.pretrained=bert", "cv=holdout", "max_epochs=2", "preflight=off")


def speed(place: Path) -> None:
    """Print the seconds of an epoch by one process and by two, in turns."""
    options, seconds = small_bert(place), {1: list[float](), 2: list[float]()}
    for turn in range(TURNS):
        for number, found in seconds.items():
            fold = train(place, f"speed{turn}-{number}", (*options, *in_processes(number)))
            found.append(epochs(fold)[-1]["seconds"])
    one, two = (statistics.median(found) for found in seconds.values())
    print(f"{processor()}: one process {one:.2f} s, two {two:.2f} s: {one / two:.2f}x", seconds)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        {"equality": equality, "speed": speed}[sys.argv[1]](Path(folder))

"""Prediction from a run against what people use: whole processes, in turns; prints medians and their ratios.

    python -m benchmarks.predict                        # all
    python -m benchmarks.predict --kinds table --sizes 100000,1000000

``table`` against ``predict_proba`` of skorch with pandas around it, in rows per second beyond start-up (two sizes), by
the clock and by processor time, which other work on the machine disturbs less;
``text`` against a ``pipeline`` of transformers in batches, a BERT of 4 layers of 256; ``folds``: five folds that share
a frozen body against one; ``memory``: peak MiB of growing Parquet files. The first needs skorch and pandas.
"""

import argparse
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.processes import Measured, measured

REPOSITORY = Path(__file__).resolve().parents[1]
QUICK = ("profile=off", "tracker=none", "audit=off", "baseline=off", "runtime.progress=off", "max_epochs=1")
N_FEATURES, BATCH = 20, 32
WORDS = [f"word{number}" for number in range(500)]
SKORCH = """
import json, sys
import numpy, pandas, torch
from safetensors.torch import load_file
from skorch import NeuralNetClassifier
from trainer.models.mlp import MLP
run, data, out = sys.argv[1:]
fitted = json.load(open(f"{run}/fold_0/preprocess.json"))
net = NeuralNetClassifier(MLP, module__n_features=len(fitted["numeric"]), module__n_outputs=2,
                          criterion=torch.nn.CrossEntropyLoss)
net.initialize()
net.module_.load_state_dict(load_file(f"{run}/fold_0/model.safetensors"))
frame = pandas.read_csv(data)
X = ((frame[fitted["numeric"]].to_numpy() - fitted["means"]) / fitted["scales"]).astype(numpy.float32)
proba = net.predict_proba(X)
columns = {"id": numpy.arange(len(X)), "prediction": proba.argmax(1), "no": proba[:, 0], "yes": proba[:, 1]}
pandas.DataFrame(columns).to_csv(out, index=False)
"""
PIPELINE = """
import csv, sys
from transformers import pipeline
model, data, out = sys.argv[1:]
texts = [row["text"] for row in csv.DictReader(open(data))]
classify = pipeline("text-classification", model=model, device="cpu")
found = classify(texts, batch_size=32, truncation=True, top_k=None)
with open(out, "w") as file:
    csv.writer(file).writerows([number, *[one["score"] for one in scores]] for number, scores in enumerate(found))
"""


def write_numbers(path: Path, n_rows: int, *, labelled: bool = True) -> Path:
    import pyarrow as pa
    from pyarrow import csv, parquet

    random = np.random.default_rng(0)
    columns = {f"f{place}": random.normal(size=n_rows).round(5) for place in range(N_FEATURES)}
    label = {"label": np.where(columns["f0"] > 0, "yes", "no")} if labelled else {}  # would be scored
    table = pa.table({**columns, **label})
    (parquet.write_table if path.suffix == ".parquet" else csv.write_csv)(table, path)
    return path


def write_texts(path: Path, n_rows: int) -> Path:
    random = np.random.default_rng(0)
    rows = (" ".join(random.choice(WORDS, random.integers(5, 120))) for _ in range(n_rows))
    path.write_text("text,label\n" + "\n".join(f"{text},{'ab'[place % 2]}" for place, text in enumerate(rows)) + "\n")
    return path


def save_bert(folder: Path) -> Path:
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast

    vocabulary = {word: place for place, word in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS])}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    BertTokenizerFast(tokenizer_object=tokenizer).save_pretrained(folder)
    shape = {"hidden_size": 256, "num_hidden_layers": 4, "num_attention_heads": 4, "intermediate_size": 1024}
    BertForSequenceClassification(BertConfig(vocab_size=len(vocabulary), **shape)).save_pretrained(folder)
    return folder


def train(folder: Path, name: str, *options: str) -> Path:
    measured([str(REPOSITORY / "train.py"), f"run={name}", *QUICK, *options], folder)
    return folder / "runs" / name


def predict(run: Path, data: Path, out: Path, *options: str) -> list[str]:
    return ["-m", "trainer", "predict", str(run), str(data), "-o", str(out), *options]


@dataclass(frozen=True)
class Took:
    """The median of several processes: seconds by the clock, and of processor time."""

    seconds: float
    cpu_seconds: float

    def over(self, other: "Took") -> str:
        by_clock, by_cpu = self.seconds / other.seconds, self.cpu_seconds / other.cpu_seconds
        return f"{by_clock:.2f}x by the clock, {by_cpu:.2f}x by processor time"

    def __sub__(self, other: "Took") -> "Took":
        return Took(self.seconds - other.seconds, self.cpu_seconds - other.cpu_seconds)

    def __str__(self) -> str:
        return f"{self.seconds:.2f} s ({self.cpu_seconds:.2f} s of processor time)"


def in_turns(one: list[str], other: list[str], times: int, folder: Path) -> tuple[Took, Took]:
    """Return what each took, run one after the other."""
    environment = {"PYTHONPATH": os.pathsep.join([str(REPOSITORY), os.environ.get("PYTHONPATH", "")])}
    pairs = [[measured(command, folder, environment) for command in (one, other)] for _ in range(times)]
    ours, theirs = zip(*pairs, strict=True)
    return _median(ours), _median(theirs)


def _median(found: Sequence[Measured]) -> Took:
    return Took(median(one.seconds for one in found), median(one.cpu_seconds for one in found))


def tables(folder: Path, run: Path, sizes: list[int], times: int) -> None:
    (folder / "skorch_script.py").write_text(SKORCH)
    found = []
    for size in sizes:
        data = write_numbers(folder / f"{size}.csv", size, labelled=False)
        ours = predict(run, data, folder / "ours.csv")
        found.append(in_turns(ours, ["skorch_script.py", str(run), str(data), "theirs.csv"], times, folder))
        print(f"table, {size:,} rows: {found[-1][0]}, skorch {found[-1][1]}", flush=True)
    beyond = [last - first for last, first in zip(found[-1], found[0], strict=True)]
    print(f"table: {sizes[-1] - sizes[0]:,} rows more: {beyond[0]}, skorch {beyond[1]}: {beyond[1].over(beyond[0])}")


def texts(folder: Path, n_rows: int, times: int) -> None:
    model, data = save_bert(folder / "bert"), write_texts(folder / "texts.csv", n_rows)
    first = write_texts(folder / "few.csv", 64)
    options = (
        "data=csv_text",
        f"data.path={first}",
        "data.text=text",
        "model=transformer",
        f"model.pretrained={model}",
    )
    run = train(folder, "text", *options, "cv=holdout")
    (folder / "pipeline_script.py").write_text(PIPELINE)
    ours, theirs = in_turns(
        predict(run, data, folder / "ours.csv"),
        ["pipeline_script.py", str(model), str(data), "theirs.csv"],
        times,
        folder,
    )
    print(f"text, {n_rows:,} rows: {ours}, pipeline {theirs}: {theirs.over(ours)}", flush=True)
    run = train(folder, "frozen", *options, "cv.n_splits=5", "fit.freeze_epochs=all")
    five, one = in_turns(
        predict(run, data, folder / "five.csv"), predict(run, data, folder / "one.csv", "--folds", "0"), times, folder
    )
    print(f"folds: five with one frozen body {five}, one {one}: {five.over(one)}", flush=True)


def memory(folder: Path, run: Path, sizes: list[int]) -> None:
    for size in sizes:
        data = write_numbers(folder / f"{size}.parquet", size, labelled=False)
        found = measured(predict(run, data, folder / "out.parquet"), folder, {"PYTHONPATH": str(REPOSITORY)})
        print(f"memory, {size:,} rows: peak {found.peak_mib:,.0f} MiB, {found.seconds:.1f} s", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kinds", default="table,text,memory")
    parser.add_argument("--sizes", default="100000,1000000")
    parser.add_argument("--texts", type=int, default=1000)
    parser.add_argument("--times", type=int, default=3)
    given = parser.parse_args()
    sizes = [int(size) for size in given.sizes.split(",")]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if "table" in given.kinds or "memory" in given.kinds:
            first = write_numbers(folder / "train.csv", 5000)
            run = train(folder, "table", "data=csv_tabular", f"data.path={first}", "cv=holdout")
        if "table" in given.kinds:
            tables(folder, run, sizes, given.times)
        if "text" in given.kinds:
            texts(folder, given.texts, given.times)
        if "memory" in given.kinds:
            memory(folder, run, sizes)


if __name__ == "__main__":
    main()

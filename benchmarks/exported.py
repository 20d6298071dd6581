"""An exported graph against torch on one core: the same rows in turns, in one process and as whole processes.

    python -m benchmarks.exported
    python -m benchmarks.exported --kinds table,tokens --rows 2000

In one process: rows in memory to the probabilities of every fold, by the predictor of ``foldwise predict`` and by the
graph, processor time of alternating turns. Whole processes: ``predict.py`` of the folder against ``foldwise predict``.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"  # before numpy and torch are imported

import numpy as np

from benchmarks.predict import in_turns, predict, save_bert, train, write_numbers, write_texts

FOLDS = "cv.n_splits=5"


def table(folder: Path, n_rows: int) -> tuple[tuple[str, ...], Path]:
    first = write_numbers(folder / "train.csv", 5000)
    return ("data=csv_tabular", f"data.path={first}"), write_numbers(folder / "new.csv", n_rows * 100, labelled=False)


def words(folder: Path, n_rows: int) -> tuple[tuple[str, ...], Path]:
    first = write_texts(folder / "train.csv", 500)
    return ("data=csv_text", f"data.path={first}", "data.text=text", "model=text_cnn"), write_texts(
        folder / "new.csv", n_rows * 4
    )


def tokens(folder: Path, n_rows: int) -> tuple[tuple[str, ...], Path]:
    first, model = write_texts(folder / "train.csv", 64), save_bert(folder / "bert")
    section = ("model=transformer", f"model.pretrained={model}")
    return ("data=csv_text", f"data.path={first}", "data.text=text", *section), write_texts(folder / "new.csv", n_rows)


def images(folder: Path, n_rows: int) -> tuple[tuple[str, ...], Path]:
    from PIL import Image

    random = np.random.default_rng(0)
    for number in range(n_rows + 64):
        top = folder / ("new" if number < n_rows else "train") / "ab"[number % 2]
        top.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(top / f"{number}.png")
    return ("data=image_folder", f"data.path={folder / 'train'}", "model=image_cnn"), folder / "new"


KINDS: dict[str, Callable[[Path, int], tuple[tuple[str, ...], Path]]] = {
    "table": table,
    "words": words,
    "tokens": tokens,
    "images": images,
}


def compare(kind: str, folder: Path, n_rows: int, times: int) -> None:
    from trainer.inference.export.blended import export

    options, new = KINDS[kind](folder, n_rows)
    run = train(folder, kind, *options, FOLDS)
    said = export(run, folder / "model").line
    ours, theirs = in_one_process(run, folder / "model", new, times)
    print(
        f"{kind}, rows in memory, 5 folds: graph {ours:.2f} s, torch {theirs:.2f} s, {theirs / ours:.2f}x ({said})",
        flush=True,
    )
    graph, torch = in_turns(
        [str(folder / "model" / "predict.py"), str(new), "-o", str(folder / "graph.csv")],
        predict(run, new, folder / "torch.csv"),
        times,
        folder,
    )
    print(f"{kind}, whole processes: predict.py {graph}, foldwise predict {torch}: {torch.over(graph)}", flush=True)


def in_one_process(run: Path, model: Path, new: Path, times: int) -> tuple[float, float]:
    """Return seconds of processor time by the graph and by torch."""
    import torch

    from trainer.inference.export.networks import raw_inputs
    from trainer.inference.export.steps.predict_file import facts_in, model_of, said_by
    from trainer.inference.new_rows import Asked, open_new_rows
    from trainer.inference.predictor import open_predictor

    torch.set_num_threads(1)
    predictor = open_predictor(run, device="cpu")
    blocks = [block.inputs for block in open_new_rows(predictor, str(new), Asked()).blocks()]
    facts, graph = facts_in(model), model_of(model, facts_in(model))
    took: dict[str, list[float]] = {"graph": [], "torch": []}

    def timed(name: str, work: Callable[[Any], Any]) -> None:
        start = time.process_time()
        for inputs in blocks:
            work(inputs)
        took[name].append(time.process_time() - start)

    for _ in range(times + 1):
        timed("graph", lambda inputs: said_by(graph, raw_inputs(model, facts, inputs), facts, None))
        timed("torch", predictor.predict)
    return median(took["graph"][1:]), median(took["torch"][1:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--times", type=int, default=3)
    given = parser.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # one core, for every process that is started too
    for kind in given.kinds.split(","):
        with tempfile.TemporaryDirectory() as name:
            compare(kind, Path(name), given.rows, given.times)


if __name__ == "__main__":
    main()

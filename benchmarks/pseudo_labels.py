"""What pseudo-labels claim and what they are worth, with labels that leak and without (docs/guide/pseudo.md).

    python -m benchmarks.pseudo_labels digits --draws 5
    python -m benchmarks.pseudo_labels mr --draws 3        # FOLDWISE_REAL_DATA: the directory of the public data sets

Labelled rows are drawn three ways: a few keep their label, more lose it, the rest are the test. Five folds are trained
on the few (the teacher), then again with the unlabelled rows, for some rounds: each round's run is the next one's
teacher. A run *claims* the accuracy of its held-out rows; the *truth* is the mean accuracy of the same five models on
the test rows, which nothing has seen. Claim less truth is the optimism: 0 on average where nothing leaks.
"""

import argparse
import csv
import os
import sys
import tempfile
from pathlib import Path

import numpy as np

import trainer as fw
from trainer.cli.train_job import run
from trainer.config.compose import compose_run
from trainer.inference.new_rows import Asked, open_new_rows
from trainer.inference.predictor import open_predictor
from trainer.report import markdown
from trainer.run.validate import check_config

SIZES = {"digits": (150, 600), "mr": (600, 3000)}  # labelled, unlabelled
QUIET = ("baseline=off", "profile=off", "tracker=none", "audit=off", "runtime.progress=off", "cv.parallel=1")
MODEL = {
    "digits": ("data=csv_tabular", "model=mlp", "max_epochs=20"),
    "mr": ("data=csv_text", "model=text_cnn", "model.embedding_dim=64", "model.filters=32", "max_epochs=20"),
}
ROUNDS = 2
SETTINGS = ("pseudo.threshold=0.7", "pseudo.agreement=0")  # the models of mode=all need not agree either


def rows_of(name: str) -> tuple[list[str], list[list[object]]]:
    """Column names and rows, the label last."""
    if name == "digits":
        from sklearn.datasets import load_digits

        data = load_digits()
        names = [f"p{place}" for place in range(data.data.shape[1])]
        return [*names, "label"], [[*row, f"d{label}"] for row, label in zip(data.data, data.target, strict=True)]
    path = Path(os.environ["FOLDWISE_REAL_DATA"]) / "text" / "mr.csv"
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))[1:]
    return ["text", "label"], [list(row) for row in dict(rows).items()]  # a text once


def write(path: Path, names: list[str], rows: list[list[object]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([names, *rows])
    return path


def claim(directory: Path) -> float:
    """Accuracy of the held-out rows."""
    return float(fw.open_run(directory).metrics["accuracy"]["oof"])


def truth(directory: Path, test: Path) -> float:
    """Mean accuracy of the folds' models on the test rows."""
    predictor = open_predictor(directory)
    right, n_rows = 0.0, 0
    for block in open_new_rows(predictor, str(test), Asked()).blocks():
        target, _ = block.labels
        right += sum(float((one.proba.argmax(1) == target).sum()) for one in predictor.predict(block.inputs))
        n_rows += len(target)
    return right / n_rows / len(predictor.models)


def one_draw(name: str, draw: int, folder: Path) -> dict[tuple[str, int], tuple[float, float]]:
    """(claim, truth) by mode and round; round 0 is the teacher."""
    names, rows = rows_of(name)
    order = np.random.default_rng(draw).permutation(len(rows))
    labelled, unlabelled = SIZES[name]
    parts = np.split(order, [labelled, labelled + unlabelled])
    few = write(folder / "few.csv", names, [rows[i] for i in parts[0]])
    test = write(folder / "test.csv", names, [rows[i] for i in parts[2]])
    bare = write(folder / "unlabelled.csv", names[:-1], [rows[i][:-1] for i in parts[1]])

    def trained(name_of_run: str, *options: str) -> Path:
        where = (f"data.path={few}", f"paths.runs={folder}/runs", f"run={name_of_run}")
        run(*compose_run([*MODEL[name], *QUIET, *where, *options], check_config))
        return folder / "runs" / name_of_run

    found = {}
    first = trained("teacher")
    found["none", 0] = claim(first), truth(first, test)
    for mode in ("per_fold", "all"):
        teacher = first
        for number in range(1, ROUNDS + 1):
            labels = (f"pseudo.path={bare}", f"pseudo.teacher={teacher}", f"pseudo.mode={mode}", *SETTINGS)
            teacher = trained(f"{mode}{number}", *labels, f"pseudo.force_leak={mode == 'all'}")
            found[mode, number] = claim(teacher), truth(teacher, test)
    return found


def main() -> None:
    markdown.draw_pictures = lambda *_, **__: {}  # the figures of the reports: most of the time of such small runs
    parser = argparse.ArgumentParser()
    parser.add_argument("name", choices=SIZES)
    parser.add_argument("--draws", type=int, default=3)
    asked = parser.parse_args()
    draws = []
    for draw in range(asked.draws):
        with tempfile.TemporaryDirectory() as folder:
            draws.append(one_draw(asked.name, draw, Path(folder)))
        print(draw, draws[-1], file=sys.stderr, flush=True)
    print("| labels | round | claimed | true | optimism |\n|---|---:|---:|---:|---:|")
    for key in draws[0]:
        claimed, true = np.array([draw[key] for draw in draws]).T
        gap = claimed - true
        error = gap.std(ddof=1) / len(gap) ** 0.5 if len(gap) > 1 else float("nan")
        print(f"| {key[0]} | {key[1]} | {claimed.mean():.4f} | {true.mean():.4f} | {gap.mean():+.4f} ± {error:.4f} |")


if __name__ == "__main__":
    main()

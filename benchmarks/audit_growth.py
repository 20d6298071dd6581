"""How long does the leak audit take, and how much memory, as the number of texts, or of columns and labels, grows?

    python -m benchmarks.audit_growth                       # 10,000, 30,000 and 100,000 texts, three kinds each
    python -m benchmarks.audit_growth --rows 100000 --kind templates
    python -m benchmarks.audit_growth --wide            # 978 rows x 1,449 columns x 45 labels, with and without bounds

Each measurement is a process of its own; its peak memory holds the texts themselves and Python. The texts are made of
English-like words (Zipf), or of Chinese characters; one in twenty is a copy, one in twenty a copy with a word more.
``templates`` are sentences that differ in a number only: the worst case for a search of near copies.

``--wide`` has the shape of the public multi-label set ``medical``. Its audit is timed as it is, and with a tree for
every column and label (no bound spares any), in turns; both must find the same.
"""

import argparse
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from unittest import mock

import numpy as np

from trainer.audit.checks import features
from trainer.audit.run import audit
from trainer.data.samples import DataSpec, Samples, TableColumns, Texts
from trainer.tasks import BINARY, MULTILABEL

ROWS = (10_000, 30_000, 100_000)
FOLDS = 5
WIDE = (978, 1449, 45)  # rows, columns, labels
TURNS = 3
LETTERS = "abcdefghijklmnopqrstuvwxyz"
FIRST_HAN = 0x4E00


def words(n_rows: int, random: np.random.Generator) -> list[str]:
    """Return texts of 5 to 39 words out of 20,000."""
    lengths = random.integers(2, 10, 20_000)
    vocabulary = np.array(["".join(random.choice(list(LETTERS), length)) for length in lengths])
    weights = 1.0 / np.arange(1, len(vocabulary) + 1)
    return [
        " ".join(random.choice(vocabulary, length, p=weights / weights.sum()))
        for length in random.integers(5, 40, n_rows)
    ]


def chinese(n_rows: int, random: np.random.Generator) -> list[str]:
    """Return texts of 10 to 199 characters out of 3,000, a comma now and then."""
    weights = 1.0 / np.arange(1, 3001)
    texts = []
    for length in random.integers(10, 200, n_rows):
        places = random.choice(3000, length, p=weights / weights.sum())
        texts.append("".join(chr(FIRST_HAN + place) + ("，" if place == 0 else "") for place in places))
    return texts


def templates(n_rows: int, random: np.random.Generator) -> list[str]:
    """Return sentences that differ in one number."""
    sentence = "Dear customer, your order {} has left our warehouse and will arrive within three working days."
    return [sentence.format(number) for number in random.integers(0, 10**9, n_rows)]


KINDS: dict[str, Callable[[int, np.random.Generator], list[str]]] = {
    "words": words,
    "chinese": chinese,
    "templates": templates,
}


def with_copies(texts: list[str], random: np.random.Generator) -> list[str]:
    """Overwrite one text in twenty by a copy of another, and one in twenty by a nearly equal one."""
    picked = random.permutation(len(texts))
    share = len(texts) // 20
    for row, source in zip(picked[:share], picked[-share:], strict=True):
        texts[row] = texts[source].upper() + " !"
    for row, source in zip(picked[share : 2 * share], picked[-2 * share : -share], strict=True):
        texts[row] = texts[source] + " indeed"
    return texts


def measure(kind: str, n_rows: int) -> None:
    """Audit once and print a row of the table."""
    random = np.random.default_rng(0)
    texts = with_copies(KINDS[kind](n_rows, random), random)
    samples = Samples(np.arange(n_rows).astype(np.str_), Texts(tuple(texts)), random.integers(0, 2, n_rows))
    fold_of_row = random.integers(0, FOLDS, (1, n_rows))
    start = time.perf_counter()
    findings = audit(samples, DataSpec("growth", BINARY, ("0", "1")), fold_of_row)
    seconds = time.perf_counter() - start
    found = {finding.kind: finding.n_rows for finding in findings}
    length = sum(map(len, texts)) / n_rows
    peak_gb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    copies = f"{found.get('exact_copies', 0):,} | {found.get('near_copies', 0):,}"
    print(f"| {kind} | {n_rows:,} | {length:.0f} | {seconds:.1f} | {peak_gb:.2f} | {copies} |", flush=True)


def wide(n_rows: int, n_columns: int, n_labels: int, random: np.random.Generator) -> tuple[Samples, DataSpec]:
    """Return rows of words that are there or not, with about 1.25 labels each; every 15th label has a column."""
    weights_L = 1.0 / np.arange(1, n_labels + 1)
    target = np.zeros((n_rows, n_labels), dtype=np.int64)
    for labels_L in target:
        n_of_row = 1 + (random.random() < 0.23) + (random.random() < 0.02)
        labels_L[random.choice(n_labels, n_of_row, replace=False, p=weights_L / weights_L.sum())] = 1
    words_NF = (random.random((n_rows, n_columns)) < 0.03).astype(float)
    words_NF[:, :n_labels:15] = target[:, ::15]
    names = tuple(f"word{place}" for place in range(n_columns))
    table = TableColumns(words_NF, np.empty((n_rows, 0), dtype=object), names)
    labels = tuple(f"label{place}" for place in range(n_labels))
    return Samples(np.arange(n_rows).astype(np.str_), table, target), DataSpec("wide", MULTILABEL, labels)


def measure_wide() -> None:
    """Audit with and without bounds, in turns, and print the seconds of each."""
    random = np.random.default_rng(0)
    samples, spec = wide(*WIDE, random)
    fold_of_row = random.integers(0, FOLDS, (1, len(samples)))
    audit(samples.only(np.arange(len(samples)) < 100), spec, None)  # imports scikit-learn

    def no_bound(*arguments: np.ndarray) -> np.ndarray:
        return np.ones(len(arguments[-1])) * (arguments[-1].sum(axis=1) > 0)

    print(f"| {' x '.join(map(str, WIDE))} | seconds | findings |\n|---|---:|---:|", flush=True)
    found = []
    for turn in range(TURNS):
        for how, bound in (("with bounds", features.recall_bound), ("a tree for each", no_bound)):
            start = time.perf_counter()
            with mock.patch.object(features, "recall_bound", bound):
                found.append(audit(samples, spec, fold_of_row))
            print(f"| {how}, turn {turn} | {time.perf_counter() - start:.2f} | {len(found[-1])} |", flush=True)
    if any(findings != found[0] for findings in found):
        raise SystemExit("the findings differ")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int)
    parser.add_argument("--kind", choices=KINDS)
    parser.add_argument("--wide", action="store_true")
    parsed = parser.parse_args()
    if parsed.wide:
        measure_wide()
        return
    if parsed.rows and parsed.kind:
        measure(parsed.kind, parsed.rows)
        return
    print("| texts | rows | characters | seconds | peak GB | copies held out | near copies held out |")
    print("|---|---:|---:|---:|---:|---:|---:|", flush=True)
    for kind in [parsed.kind] if parsed.kind else KINDS:
        for n_rows in [parsed.rows] if parsed.rows else ROWS:
            command = [sys.executable, "-m", "benchmarks.audit_growth", "--kind", kind, "--rows", str(n_rows)]
            subprocess.run(command, check=True)


if __name__ == "__main__":
    main()

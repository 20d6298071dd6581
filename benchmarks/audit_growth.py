"""How long does the leak audit take, and how much memory, as the number of texts grows?

    python -m benchmarks.audit_growth                       # 10,000, 30,000 and 100,000 texts, three kinds each
    python -m benchmarks.audit_growth --rows 100000 --kind templates

Each measurement is a process of its own; its peak memory holds the texts themselves and Python. The texts are made of
English-like words (Zipf), or of Chinese characters; one in twenty is a copy, one in twenty a copy with a word more.
``templates`` are sentences that differ in a number only: the worst case for a search of near copies.
"""

import argparse
import resource
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np

from trainer.audit.run import audit
from trainer.data.samples import DataSpec, Samples, Texts
from trainer.tasks import BINARY

ROWS = (10_000, 30_000, 100_000)
FOLDS = 5
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int)
    parser.add_argument("--kind", choices=KINDS)
    parsed = parser.parse_args()
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

"""Made-up tables and texts of any size, written chunk by chunk: the memory it takes does not depend on the rows.

A table has 20 numeric columns (5 % of the cells of every fourth are missing), 3 categorical ones of 5, 100 and 5,000
words (2 % missing) and a label of 3 classes that follows from some of them. A text has about 20 words out of 50,000
(Zipf), of which the label decides a few. A long table, for more rows, has 7 of the numeric columns, and those of 5 and
100 words.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

CHUNK_ROWS = 100_000  # rows made and written at a time, whatever the size of the file
NUMERIC, CATEGORIES, CLASSES = 20, (5, 100, 5_000), 3
LONG_NUMERIC, LONG_CATEGORIES = 7, (5, 100)
WORDS, LETTERS = 50_000, "abcdefghijklmnopqrstuvwxyz"
MEAN_LOG_LENGTH, SD_LOG_LENGTH, MOST_WORDS = 2.85, 0.55, 200  # 20 words on average
TOPIC_WORDS, TOPIC_SHARE = 200, 0.1


def write_file(path: Path, kind: str, n_rows: int, seed: int = 0) -> None:
    """Write ``n_rows`` rows of a kind (``table``, ``long``, ``text``) as CSV or Parquet, by the ending of ``path``."""
    from pyarrow import csv, parquet

    if kind == "text":
        chunks = texts(n_rows, seed)
    elif kind == "long":
        chunks = tables(n_rows, seed, LONG_NUMERIC, LONG_CATEGORIES)
    else:
        chunks = tables(n_rows, seed)
    first = next(chunks)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.part")
    writer: Any = csv.CSVWriter if path.suffix == ".csv" else parquet.ParquetWriter
    with writer(str(unfinished), first.schema) as file:
        file.write_table(first)
        for chunk in chunks:
            file.write_table(chunk)
    unfinished.rename(path)


def tables(
    n_rows: int, seed: int, n_numeric: int = NUMERIC, categories: Sequence[int] = CATEGORIES
) -> Iterator[pa.Table]:
    """Yield a table in chunks; a chunk depends on the seed and its place only."""
    for place, n_chunk in enumerate(_chunk_sizes(n_rows)):
        random = np.random.default_rng((seed, place))
        numeric = random.normal(size=(n_numeric, n_chunk)) * np.logspace(-1, 3, n_numeric)[:, None]
        words = [random.integers(0, count, n_chunk) for count in categories]
        hidden = numeric[0] / 0.1 + 0.5 * numeric[-1] / 1000 + (words[0] - 2) + random.normal(size=n_chunk)
        columns = {f"number_{i}": _with_nulls(values, random, 0.05 * (i % 4 == 0)) for i, values in enumerate(numeric)}
        for i, codes in enumerate(words):
            texts_of = pa.array([f"word {code}" for code in range(categories[i])])
            columns[f"category_{i}"] = texts_of.take(_with_nulls(codes, random, 0.02))
        columns["label"] = pa.array(["low", "middle", "high"]).take(pa.array(np.digitize(hidden, [-1, 1])))
        yield pa.table(columns)


def texts(n_rows: int, seed: int) -> Iterator[pa.Table]:
    """Yield texts and labels in chunks; a chunk depends on the seed and its place only."""
    vocabulary = _vocabulary(seed)
    shares = np.cumsum(1.0 / np.arange(1, WORDS + 1))
    for place, n_chunk in enumerate(_chunk_sizes(n_rows)):
        random = np.random.default_rng((seed, place))
        label_N = random.integers(0, CLASSES, n_chunk)
        length_N = np.clip(random.lognormal(MEAN_LOG_LENGTH, SD_LOG_LENGTH, n_chunk), 1, MOST_WORDS).astype(np.int64)
        word_T = np.searchsorted(shares, random.random(length_N.sum()) * shares[-1])
        topic_T = 100 + TOPIC_WORDS * np.repeat(label_N, length_N) + random.integers(0, TOPIC_WORDS, len(word_T))
        word_T = np.where(random.random(len(word_T)) < TOPIC_SHARE, topic_T, word_T)
        offsets = pa.array(np.concatenate([[0], np.cumsum(length_N)]), pa.int32())
        split: Any = pa.ListArray.from_arrays(offsets, vocabulary.take(pa.array(word_T)))
        yield pa.table({"text": pc.binary_join(split, " "), "label": pa.array(label_N)})


def _chunk_sizes(n_rows: int) -> Iterator[int]:
    return (min(CHUNK_ROWS, n_rows - start) for start in range(0, n_rows, CHUNK_ROWS))


def _with_nulls(values: NDArray[Any], random: np.random.Generator, share: float) -> pa.Array:
    return pa.array(values, mask=random.random(len(values)) < share)


def _vocabulary(seed: int) -> pa.Array:
    random = np.random.default_rng((seed, WORDS))
    letters = random.choice(list(LETTERS), (WORDS, 10))
    lengths = random.integers(2, 10, WORDS)
    return pa.array(["".join(row[:length]) for row, length in zip(letters, lengths, strict=True)])

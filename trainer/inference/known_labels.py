"""Labels of new rows, where they have some, as the classes of the run: for scores, never for a prediction."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from trainer.data.columns.joined import split_labels
from trainer.data.columns.list_labels import is_list, read_lists
from trainer.data.columns.number_forms import FORMS, PLAIN_NUMBERS, read_written_as
from trainer.data.columns.roles import is_blank, text_cells
from trainer.data.columns.spellings import NUMBER, canonical
from trainer.data.columns.unlabelled import left_out
from trainer.errors import shown
from trainer.system.arrow_files import as_numpy
from trainer.system.spellings import spelling_key
from trainer.tasks import Target, Task

MOST_NAMED = 3
COMMAS = ("decimal comma", "comma thousands")  # forms of numbers that are told from others by their cells
TRUTH = {"1": 1, "1.0": 1, "true": 1, "0": 0, "0.0": 0, "false": 0}


@dataclass
class KnownLabels:
    """Reads labels block by block.

    Attributes:
        task: of the run.
        classes: of the run.
        columns: with the labels.
        delimiter: between labels of one cell, or None.
        missing: labels that mean no label.
        unknown: labels that are no class of the run, and their rows.
        form: how numbers are written here.
    """

    task: Task
    classes: Sequence[str]
    columns: Sequence[str]
    delimiter: str | None = None
    missing: Sequence[object] = ()
    unknown: Counter[str] = field(default_factory=Counter)
    form: str = PLAIN_NUMBERS

    def read(self, table: pa.Table, file: str) -> tuple[Target, NDArray[np.bool_]]:
        """Return the target of a block, and (B,) which of its rows have a label that the run knows."""
        if len(self.columns) > 1:
            return self._several(table, file)
        name = self.columns[0]
        if is_list(table[name].type):
            lists = read_lists(table[name], name, file, self.missing)
            if self.task.several_labels:
                places = np.arange(len(lists.texts_P))
                return self._joined(lists.texts_P.to_pylist(), lists.rows_P, places, table.num_rows)
            cells = lists.cells()
        else:
            cells = text_cells(table, name, file)
        has_none: NDArray[np.bool_] = is_blank(cells) | left_out(cells, self.missing)
        if self.task.several_labels:
            texts = pa.chunked_array([pa.array([text or "" for text in cells.to_pylist()], pa.string())])
            found, rows_P, codes_P, _ = split_labels(texts, str(self.delimiter), f"{file}: column '{name}'", "join")
            return self._joined(found, rows_P, codes_P, table.num_rows)
        encoded: Any = (cells if isinstance(cells, pa.ChunkedArray) else pa.chunked_array([cells])).combine_chunks()
        encoded = encoded.dictionary_encode()
        texts, codes_B = encoded.dictionary.to_pylist(), as_numpy(encoded.indices.fill_null(-1))
        if not self.task.has_classes:
            target_B = np.array([*self._numbers(texts, np.unique(codes_B[~has_none])), np.nan])[codes_B]
            known_B = np.isfinite(target_B) & ~has_none
        else:
            places = np.array([*self._places(texts), -1], dtype=np.int64)[codes_B]
            target_B, known_B = places, np.asarray((places >= 0) & ~has_none)
        self._count(texts, codes_B[~known_B & ~has_none])
        return target_B, known_B

    def note(self) -> list[str]:
        """Return what to say of labels that are no class of the run."""
        said = [f"labels hold {FORMS[self.form][0]}: read as such"] if self.form != PLAIN_NUMBERS else []
        if not self.unknown:
            return said
        words = list(self.unknown)[:MOST_NAMED]
        named = ", ".join(f"'{shown(word, 30)}'{self._near(word)}" for word in words)
        more = ", ..." if len(self.unknown) > MOST_NAMED else ""
        have = f"the run has {shown(', '.join(self.classes), 80)}" if self.task.has_classes else "the run has numbers"
        n_labels = self.unknown.total()
        are = "1 label is" if n_labels == 1 else f"{n_labels} labels are"
        return [*said, f"warning: {are} none of the run's ({named}{more}; {have}): not scored"]

    def _near(self, word: str) -> str:
        """Return the class that a label may mean: a few letters differ, or one of them has a prefix."""
        folded = {spelling_key(label): label for label in self.classes}
        written = spelling_key(word)
        near = get_close_matches(written, folded, n=1, cutoff=0.8)
        near = near or [label for label in folded if label and _end_alike(label, written)][:1]
        return f" (did you mean '{shown(folded[near[0]], 30)}'?)" if near else ""

    def _numbers(self, texts: Sequence[str], codes: NDArray[np.int64]) -> list[float]:
        """Return the number in each text, NaN where there is none.

        Args:
            texts: of a block, each once.
            codes: places of those that are labels.
        """
        values = [float(text) if NUMBER.fullmatch(text.strip()) else np.nan for text in texts]
        labels = [texts[code].strip() for code in codes.tolist()]
        if not self.task.has_classes and labels and np.isnan([values[code] for code in codes.tolist()]).any():
            for form in COMMAS if self.form == PLAIN_NUMBERS else (self.form,):
                found = read_written_as(labels, form, sure=form == self.form)
                if found is not None:
                    self.form = form
                    for code, value in zip(codes.tolist(), found, strict=True):
                        values[code] = value
                    break
        return values

    def _places(self, texts: Sequence[str]) -> list[int]:
        """Return the class of each text; another writing of exactly one class is that class; -1 = none."""
        exact = {label: place for place, label in enumerate(self.classes)}
        forms = Counter(map(canonical, self.classes))
        alike = {canonical(label): place for place, label in enumerate(self.classes) if forms[canonical(label)] == 1}
        return [exact.get(text.strip(), alike.get(canonical(text), -1)) for text in texts]

    def _count(self, texts: Sequence[str], codes: NDArray[np.int64]) -> None:
        for code, count in zip(*np.unique(codes, return_counts=True), strict=True):
            self.unknown[texts[code]] += int(count)

    def _several(self, table: pa.Table, file: str) -> tuple[Target, NDArray[np.bool_]]:
        target_BL = np.full((table.num_rows, len(self.columns)), -1, dtype=np.int64)
        for place, name in enumerate(self.columns):
            cells = [str(cell or "").strip() for cell in text_cells(table, name, file).to_pylist()]
            target_BL[:, place] = [TRUTH.get(cell.lower(), -1) for cell in cells]
            wrong = [cell for cell, value in zip(cells, target_BL[:, place], strict=True) if value < 0 and cell]
            self.unknown.update(wrong)
        known_B: NDArray[np.bool_] = np.all(target_BL >= 0, axis=1)
        return target_BL, known_B

    def _joined(
        self, found: Sequence[str], rows_P: NDArray[np.int64], codes_P: NDArray[np.int64], n_rows: int
    ) -> tuple[Target, NDArray[np.bool_]]:
        """Return the labels of rows that may have several, from the row and the label of each that holds."""
        places_P = np.array([*self._places(found), -1], dtype=np.int64)[codes_P]
        known_P = places_P >= 0
        target_BL = np.zeros((n_rows, len(self.classes)), dtype=np.int64)
        target_BL[rows_P[known_P], places_P[known_P]] = 1
        known_B = np.ones(n_rows, dtype=bool)
        known_B[rows_P[~known_P]] = False
        self._count(found, codes_P[~known_P])
        return target_BL, known_B


def _end_alike(one: str, other: str) -> bool:
    """Whether one is the other behind a prefix: __label__good and good, class_1 and 1."""
    short, long = sorted((one, other), key=len)
    before = long[: -len(short)]
    return bool(short) and long.endswith(short) and bool(before) and not before[-1].isalnum()

"""Columns of words by number: what an (N, K) array of Python's own objects says, in four bytes a cell, on the disk."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

MISSING = -1  # the code of a cell without a word


class CodedWords:
    """Behaves as an (N, K) object array of words, None = missing, as far as anybody looks at one.

    Args:
        codes_NK: int32, the place of each cell's word among those of its column, ``MISSING`` = none.
        words: the different words of each column.
    """

    def __init__(self, codes_NK: NDArray[np.int32], words: Sequence[Sequence[str]]) -> None:
        self.codes_NK = codes_NK
        self.words = tuple(map(tuple, words))
        self._objects = [np.array([*column, None], dtype=object) for column in self.words]

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return len(self.codes_NK), len(self.words)

    def __len__(self) -> int:
        return len(self.codes_NK)

    @property
    def T(self) -> Iterator[NDArray[np.object_]]:
        """The columns (N,), one after the other."""
        return (self[:, place] for place in range(len(self.words)))

    def __getitem__(self, key: Any) -> Any:
        """Return the words of rows, of (rows, columns), or of (rows, one column), as NumPy does."""
        rows, columns = key if isinstance(key, tuple) else (key, slice(None))
        places = np.arange(len(self.words))[columns]
        if not places.ndim:
            return self._objects[places][self.codes_NK[rows, places]]
        parts = [self._objects[place][self.codes_NK[rows, place]] for place in places]
        return np.stack(parts, axis=-1) if parts else np.empty((*self.codes_NK[rows].shape[:-1], 0), dtype=object)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.asarray(self[:], dtype=dtype)

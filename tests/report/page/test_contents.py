import numpy as np
import pytest

from trainer.data.samples import Samples, Texts
from trainer.report.page import contents


@pytest.mark.parametrize("chunk", [1, 3, 1000])
def test_rows_are_found_by_their_ids_some_at_a_time(monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    monkeypatch.setattr(contents, "CHUNK_ROWS", chunk)
    samples = Samples(np.array(list("abcdefg")), Texts(tuple(f"text {name}" for name in "abcdefg")), np.zeros(7, int))
    found = contents.contents_of(samples)(["g", "a", "d", "a"])
    assert [row.text for row in found] == ["text g", "text a", "text d", "text a"]

import numpy as np
import pytest

from trainer.data.readers.agreement import agreement_note, fleiss_kappa

FLEISS_1971 = [  # ratings of ten subjects by fourteen raters, five categories: kappa 0.210
    [0, 0, 0, 0, 14],
    [0, 2, 6, 4, 2],
    [0, 0, 3, 5, 6],
    [0, 3, 9, 2, 0],
    [2, 2, 8, 1, 1],
    [7, 7, 0, 0, 0],
    [3, 2, 6, 3, 0],
    [2, 5, 3, 2, 2],
    [6, 5, 2, 1, 0],
    [0, 2, 2, 3, 7],
]


def test_fleiss_kappa_of_the_usual_example():
    labels = [np.repeat(np.arange(5), counts) for counts in FLEISS_1971]
    rows = [{f"rater {place}": (str(label),) for place, label in enumerate(row)} for row in labels]
    assert fleiss_kappa(rows) == pytest.approx(0.20993, abs=1e-5)
    assert agreement_note(rows, "texts").startswith("10 texts have several annotators, who agree on 1 (10.0 %): Fleiss")


def test_all_of_one_class():
    assert agreement_note([{"a": ("x",), "b": ("x",)}], "texts").endswith("kappa is undefined where all say the same")

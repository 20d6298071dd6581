"""An unknown key is answered with the one that is most likely meant."""

import pytest

from trainer.config.near_keys import ELSEWHERE, is_known, nearest_key, open_keys, unknown_key


@pytest.mark.parametrize(
    ("word", "key"),
    [
        ("epochs", "max_epochs"),
        ("lr", "optimizer.lr"),
        ("n_splits", "cv.n_splits"),
        ("hidden", "model.hidden"),
        ("hidden_size", "model.hidden"),
        ("class_weight", "loss.class_weights"),
        ("cv.nsplits", "cv.n_splits"),
        ("cv.inner.gird", "cv.inner.grid"),
        ("los", "loss"),
        ("loss", "loss"),
        ("trainer.max_epochs", "max_epochs"),
        ("weight_decy", "optimizer.weight_decay"),
        ("qqqqqq", None),
    ],
)
def test_the_nearest_key(word, key):
    assert nearest_key(word) == key


def test_what_other_programs_call_it_names_a_key_of_here():
    assert [key for key in ELSEWHERE.values() if not is_known(key)] == []


def test_open_sections_are_known_by_their_files():
    assert {"data.path", "data.label", "data.preprocess.max_length", "loss.gamma", "optimizer.betas"} <= set(
        open_keys()
    )


def test_the_line():
    assert unknown_key("lr") == "lr: unknown key: did you mean 'optimizer.lr'?"
    assert unknown_key("qqqqqq").startswith("qqqqqq: unknown key; have: experiment, debug, run")

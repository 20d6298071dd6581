"""Torch's kernel libraries are switched back to what they were."""

from contextlib import suppress
from types import SimpleNamespace

from trainer.system.kernels import switched_off


def test_each_is_put_back_to_what_it_was_after_an_error_too():
    one, other = SimpleNamespace(enabled=True), SimpleNamespace(enabled=False)
    with suppress(KeyError), switched_off(one, other):
        assert (one.enabled, other.enabled) == (False, False)
        raise KeyError
    assert (one.enabled, other.enabled) == (True, False)

"""``python -m trainer`` is ``foldwise``."""

import runpy
import sys

import pytest

from trainer.cli.main import main as foldwise


def test_it_ends_and_prints_as_foldwise_does(monkeypatch, capsys):
    assert foldwise(["--help"]) == 0
    expected = capsys.readouterr().out
    monkeypatch.setattr(sys, "argv", ["foldwise", "--help"])
    with pytest.raises(SystemExit) as as_module:
        runpy.run_module("trainer", run_name="__main__")
    assert (as_module.value.code, capsys.readouterr().out) == (0, expected)
    assert "merge" in expected

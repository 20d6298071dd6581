"""``foldwise audit`` from the command line."""

import numpy as np
import pytest

from trainer.cli import main as foldwise


@pytest.fixture
def table(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(80, 2)).round(4)
    x[70:] = x[:10]
    rows = [f"{a},{b},{int(a + b > 0)},{'train' if i < 60 else 'test'}" for i, (a, b) in enumerate(x)]
    path = tmp_path / "t.csv"
    path.write_text("a,b,label,part\n" + "\n".join(rows) + "\n")
    return str(path)


def test_a_leak_is_named_with_its_rows_and_what_it_is_worth(table, capsys):
    assert foldwise(["audit", table, "--label", "label", "--split", "part", "--measure"]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "10 of 20 held-out rows are copies of training rows" in printed
    assert "the leak is worth" in printed
    assert "71" in printed


def test_strict_ends_with_the_exit_code_of_data_errors(table, capsys):
    assert foldwise(["audit", table, "--label", "label", "--split", "part", "--strict"]) == 3
    assert "leak (--strict)" in capsys.readouterr().err


def test_what_is_wrong_with_the_file_is_said(table, capsys):
    assert foldwise(["audit", table, "--label", "lable"]) == 3
    assert "did you mean 'label'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "code", "message"),
    [
        (["--text", "part", "--drop", "absent"], 2, "--drop has no effect with --text"),
        (["--group", "parts"], 3, "no column 'parts' (--group): did you mean 'part'? set --group part"),
        (["--id", "part"], 3, "repair them, or leave --id out to number the rows"),
    ],
)
def test_errors_speak_of_the_options_of_this_command(table, capsys, given, code, message):
    assert foldwise(["audit", table, "--label", "label", *given]) == code
    err = capsys.readouterr().err
    assert message in err
    assert "data." not in err

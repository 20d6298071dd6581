"""Paths by type, and the home directory in them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import pytest

from trainer.system.paths import PATH, PathText, at_home, is_path, path_problem


@pytest.mark.parametrize(
    "hint",
    [Path, Path | None, PathText, PathText | None, list[PathText] | None, Sequence[Path], Annotated[str, "x", PATH]],
)
def test_paths(hint):
    assert is_path(hint)


@pytest.mark.parametrize("hint", [str, str | None, list[str], Annotated[str, "a path"], int, None, "Path"])
def test_what_is_no_path(hint):
    assert not is_path(hint)


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("https://a.org/b.csv", "is an address: give a path on this machine (download it first)"),
        ("s3:/a/b", "is an address: give a path on this machine (download it first)"),
        ("x" * 3000, "is too long for a path"),
        ("a\0b", "holds a NUL character"),
        ("absent/a.csv", None),
        ("a:b", None),
        ("C:/a.csv", None),
        ("", None),
    ],
)
def test_what_can_be_no_path(path, why):
    assert path_problem(path) == why


@pytest.mark.parametrize(
    ("value", "written_out"),
    [
        ("~/a", "/users/me/a"),
        (Path("~/a"), Path("/users/me/a")),
        (["~", "b/~"], ["/users/me", "b/~"]),
        (("~/a",), ("/users/me/a",)),
        ("", ""),
        ("./~", "./~"),
        ("~nobody-of-this-name/a", "~nobody-of-this-name/a"),
        (None, None),
        (3, 3),
    ],
)
def test_the_home_directory_is_written_out(monkeypatch, value, written_out):
    monkeypatch.setenv("HOME", "/users/me")
    assert at_home(value) == written_out

"""Templates are packed, strict about names, and escape in HTML."""

import tomllib
from pathlib import Path

import pytest
from jinja2 import UndefinedError

import trainer.report.rendering as rendering
from tests.places import REPOSITORY
from trainer.report.rendering import render


def test_every_template_is_packed_with_the_package():
    packed = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    folder = Path(rendering.__file__).parent
    found = {path for pattern in packed["trainer.report"] for path in folder.glob(pattern)}
    kept = [path for name in ("templates", "bundled") for path in (folder / name).rglob("*") if path.is_file()]
    assert found == set(kept)
    assert any(path.name.startswith("LICENSE") for path in found)
    assert {"compare.html.j2", "drift.html.j2", "report.html.j2", "report.md.j2", "serve.html.j2"} <= {
        path.name for path in found
    }


def test_a_name_that_is_not_given_is_an_error():
    with pytest.raises(UndefinedError, match="'rows' is undefined"):
        render("metrics.html.j2", title="x")


def test_values_are_escaped_in_html():
    page = render("metrics.html.j2", rows=[("<script>", ["a & b"])])
    assert "&lt;script&gt;" in page
    assert "a &amp; b" in page

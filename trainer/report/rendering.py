"""The report's text from its templates, the ``*.j2`` files in ``templates/``."""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainer.report.formatting import folds_text, interval, number, plus_minus
from trainer.report.markdown_text import cell, mapping_section, nested_facts, plain_facts, table

if TYPE_CHECKING:
    from jinja2 import Environment


TEMPLATES = ("report.md.j2", "report.html.j2")


def load_templates() -> None:
    """Read and compile the templates of a run's report, which the first of them would wait for."""
    for template in TEMPLATES:
        _environment().get_template(template)


def render(template: str, **values: Any) -> str:
    """Return a template with its values; a name that it uses and is not given is an error."""
    return _environment().get_template(template).render(values)


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates", encoding="utf-8"),
        autoescape=select_autoescape(["html.j2"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    for function in (cell, folds_text, interval, mapping_section, nested_facts, number, plain_facts, plus_minus, table):
        environment.globals[function.__name__] = function
    environment.filters["cell"] = cell
    return environment

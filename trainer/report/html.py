"""A Markdown report as one HTML file that needs nothing else."""

import base64
from collections.abc import Mapping

from trainer.report.rendering import render


def self_contained_html(markdown_text: str, pictures: Mapping[str, bytes]) -> str:
    """Return a whole page with the pictures inside.

    Args:
        markdown_text: names its pictures by the keys of ``pictures``.
        pictures: PNG bytes by relative path.
    """
    import markdown  # type: ignore[import-untyped]

    body = markdown.markdown(markdown_text, extensions=["tables", "fenced_code"])
    for path, data in pictures.items():
        source = f"data:image/png;base64,{base64.b64encode(data).decode()}"
        body = body.replace(f'src="{path}"', f'src="{source}"')
    return render("report.html.j2", title="Cross validation report", body=body)

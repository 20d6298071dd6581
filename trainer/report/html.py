"""A Markdown report as one HTML file that needs nothing else."""

import base64
from collections.abc import Mapping

_STYLE = """
body { font: 15px/1.5 system-ui, "Segoe UI", "Noto Sans", "Noto Sans CJK SC", sans-serif; color: #1d2330;
       max-width: 62rem; margin: 2rem auto; padding: 0 1.2rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2.2rem; border-bottom: 1px solid #dde1e8; }
h3 { font-size: 1rem; }
table { border-collapse: collapse; display: block; overflow-x: auto; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .8rem; text-align: right; border-bottom: 1px solid #e8ebf0; white-space: nowrap; }
th { border-bottom: 2px solid #c3c9d4; } th:first-child, td:first-child { text-align: left; }
tr:hover td { background: #f5f8fc; }
img { max-width: 100%; height: auto; }
blockquote { margin: 1rem 0; padding: .1rem 1rem; border-left: 4px solid #d55e00; background: #fdf3ec; }
pre { background: #f4f6f9; padding: .8rem 1rem; overflow-x: auto; }
"""


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
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Cross validation report</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head>\n'
        f"<body>\n{body}\n</body></html>\n"
    )

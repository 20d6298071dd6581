"""What ``foldwise look`` says of each format: ``python -m benchmarks.look_formats > docs/reference/looks.md``.

``python -m benchmarks.look_formats zh > docs/zh/reference/looks.md`` writes the same outputs between Chinese words. The
files are made by what tests the readers (tests/look/format_files.py), with the formats' own tools where they install.
"""

import contextlib
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.look.format_files import FILES, FormatFile
from trainer.look.look_at import look_at
from trainer.look.page import as_page

LANGUAGES = ("en", "zh")
INTRODUCTIONS = (
    """\
# What `foldwise look` says

One small file of each [format](../guide/formats.md), and what [`foldwise look`](../guide/look.md) prints of it. The
commands at the end of each output run as they stand: tests train and audit with all of them, and the same 40 rows in
17 of these files give one `oof.parquet`, byte for byte.

This page is written by `python -m benchmarks.look_formats`; a test holds it to the code.""",
    """\
# `foldwise look` 的输出

每种[格式](../guide/formats.md)各一个小文件，以及 [`foldwise look`](../guide/look.md) 对它的输出。
每段输出末尾的命令可以原样运行：测试用它们逐一训练和审计；同样的 40 行写成其中 17 种文件，
得到的 `oof.parquet` 逐字节相同。

本页由 `python -m benchmarks.look_formats zh` 写出；有一个测试让它与代码保持一致。""",
)


def section(file: FormatFile, folder: Path, language: str = "en") -> str:
    """Write a file into an empty folder, look at it there, and return the part of the page about it."""
    file.write(folder)
    with contextlib.chdir(folder):
        page = as_page(look_at(file.path))
    title = file.title[LANGUAGES.index(language)]
    return f"## {title}\n\n```console\n$ foldwise look {file.path}\n{page}\n```"


def whole_page(language: str) -> str:
    """Return the page."""
    parts = [INTRODUCTIONS[LANGUAGES.index(language)]]
    for file in FILES.values():
        with tempfile.TemporaryDirectory() as folder:
            parts.append(section(file, Path(folder), language))
    return "\n\n".join(parts) + "\n"


def main(arguments: Sequence[str]) -> None:
    """Print the page in a language."""
    print(whole_page(*(arguments or LANGUAGES[:1])), end="")


if __name__ == "__main__":
    main(sys.argv[1:])

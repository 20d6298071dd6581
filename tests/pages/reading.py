"""The pages for users, in the order they are read, and what stands in their fences."""

import re
from dataclasses import dataclass
from pathlib import Path

from tests.places import REPOSITORY

DOCS = REPOSITORY / "docs"
CHINESE = DOCS / "zh"
GUIDE = (
    "look tables formats texts images labels numbers splits audit epochs class-weights pseudo tricks sweeps search "
    "jobs cluster results resume predict blend inspect explain compare runs trackers decide export serve parts python "
    "weights"
)
README = REPOSITORY / "README.md"
PAGES = [
    README,
    DOCS / "start.md",
    *(DOCS / f"guide/{name}.md" for name in f"{GUIDE} container mistakes".split()),
    DOCS / "reference/files.md",
    DOCS / "why/amp.md",
    DOCS / "why/speed.md",
]
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#+ ", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A fenced shell block, the page it is on, and the output quoted after it, before another heading."""

    page: Path
    commands: tuple[str, ...]
    quoted: str


def in_chinese(page: Path) -> Path:
    """Return the page that says the same in Chinese."""
    return page.with_suffix(".zh-CN.md") if page == README else CHINESE / page.relative_to(DOCS)


def fences(page: Path) -> list[tuple[str, str]]:
    """Return language and text of each fence."""
    return FENCE.findall(page.read_text(encoding="utf-8"))


def blocks(page: Path) -> list[Block]:
    """Return the shell blocks of a page."""
    text = page.read_text(encoding="utf-8")
    found = list(FENCE.finditer(text))
    return [
        Block(page, tuple(lines_of(one[2])), after[2] if after and quotes(text, one, after) else "")
        for one, after in zip(found, [*found[1:], None], strict=False)
        if one[1] == "sh"
    ]


def quotes(text: str, commands: re.Match[str], after: re.Match[str]) -> bool:
    """Whether a fence says what the commands before it print."""
    return after[1] == "text" and not HEADING.search(text[commands.end() : after.start()])


def lines_of(text: str) -> list[str]:
    """Return the commands of a shell block; a backslash joins lines."""
    return text.replace("\\\n", " ").strip().splitlines()


BLOCKS = [block for page in PAGES for block in blocks(page)]

"""Links of the pages lead somewhere."""

import re
from pathlib import Path

import pytest

from tests.pages.reading import DOCS, README, in_chinese
from tests.places import REPOSITORY


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


EVERY_PAGE = [README, in_chinese(README), *sorted(DOCS.rglob("*.md"))]


@pytest.mark.parametrize("page", EVERY_PAGE, ids=lambda page: page.relative_to(REPOSITORY).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)]+)\)", page.read_text(encoding="utf-8"))
    for target in [target for target in targets if not target.startswith("http")]:
        name, _, anchor = target.partition("#")
        file = page.parent / name if name else page
        assert file.is_file(), target
        assert not anchor or anchor in anchors(file), target


def test_every_page_has_one_in_chinese() -> None:
    pages = [page for folder in ("guide", "reference", "why") for page in sorted((DOCS / folder).glob("*.md"))]
    assert [page.name for page in pages if not in_chinese(page).is_file()] == []

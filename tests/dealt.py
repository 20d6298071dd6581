"""How the files of tests are dealt to the processes of ``pytest -n 2 --dist loadfile``."""

from functools import cache

from xdist.scheduler import LoadFileScheduling

from tests.places import REPOSITORY


class Dealing(LoadFileScheduling):
    """Each file to one process, as ever, and those that fork runs all to the same: one fork server starts, not two."""

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        return "tests/faults, forked" if file.startswith("tests/faults/") and forks(file) else file


@cache
def forks(file: str) -> bool:
    """Whether tests of a file take the workshop of tests/faults/conftest.py."""
    return "(shop" in (REPOSITORY / file).read_text(encoding="utf-8")

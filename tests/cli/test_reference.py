"""The page of all commands is what their help says."""

from tests.places import REPOSITORY
from trainer.cli.main import COMMANDS
from trainer.cli.reference import reference


def test_the_page_is_up_to_date():
    page = (REPOSITORY / "docs" / "reference" / "commands.md").read_text(encoding="utf-8")
    assert page == reference(), "run: make reference"


def test_every_command_is_on_the_page():
    names, page = [command.__name__ for command, *_ in COMMANDS], reference()
    in_chinese = (REPOSITORY / "docs/zh/reference/commands.md").read_text(encoding="utf-8")
    assert [name for name in names if f"## `foldwise {name}`" not in page] == []
    assert [name for name in names if f"| `foldwise {name}` |" not in in_chinese] == []

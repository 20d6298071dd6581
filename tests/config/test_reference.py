"""The page of all options is that of the code."""

from tests.places import REPOSITORY
from trainer.config.bounds import options_of
from trainer.config.reference import reference
from trainer.config.schema import RunConfig


def test_the_page_is_up_to_date():
    """What it says is what the code says, in that order; a part that was added since may be missing from it."""
    page = (REPOSITORY / "docs" / "reference" / "options.md").read_text(encoding="utf-8")
    now = iter(reference().splitlines())
    lists_strategies = "| `cv.strategy` | "  # a line that grows with every file of its folder
    old = [line for line in page.splitlines() if not line.startswith(lists_strategies) and line not in now]
    assert old == [], "run: make reference"


def test_every_closed_option_and_every_choice_of_conf_is_on_the_page():
    page = reference()
    keys = [option.key for option in options_of(RunConfig) if option.about]
    assert [key for key in keys if f"| `{key}` | " not in page] == []
    files = (REPOSITORY / "conf").rglob("*/[!_]*.yaml")
    choices = [f"{path.parent.relative_to(REPOSITORY / 'conf').as_posix()}={path.stem}" for path in files]
    assert [choice for choice in choices if f"`{choice}`" not in page] == []


def test_options_of_a_file_are_read_with_their_comments():
    page = reference().splitlines()
    assert any(line.startswith("| `data.preprocess.views` | `[]` | averaged at prediction") for line in page)
    assert any(line.startswith("| `model.pretrained` | has to be given | a directory") for line in page)
    assert '| `data.suffix` | `""` | added to every file name, such as .jpg where the column has none |' in page


def test_every_metric_is_on_the_page_with_its_values_and_direction():
    page = reference().splitlines()
    for line in (
        "| `accuracy` | 0 to 1 | larger | binary, multiclass | Accuracy: ",
        "| `log_loss` | 0 to ∞ | smaller | binary, multiclass | Log loss: ",
        "| `r2` | -∞ to 1 | larger | regression | Coefficient of determination: ",
    ):
        assert [one for one in page if one.startswith(line)]

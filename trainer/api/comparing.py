"""``compare`` of a Python program: the command's, by the same code."""

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainer.api.in_notebooks import FRAME
from trainer.api.runs import Run

if TYPE_CHECKING:
    from trainer.inference.compare import Comparison


@dataclass(frozen=True)
class Compared:
    """Runs that were compared: printed, the answer and the tables; in a notebook a page.

    Attributes:
        found: every figure.
    """

    found: "Comparison"

    @property
    def answer(self) -> str:
        """What was found, in a sentence."""
        from trainer.inference.compare_answer import answer

        return answer(self.found)

    def to_dict(self) -> dict[str, Any]:
        """Return all figures as plain values, as ``foldwise compare --json`` prints them."""
        from trainer.inference.compare_page import to_dict

        return to_dict(self.found)

    def plot(self, path: str | PathLike[str]) -> Path:
        """Write the differences with their intervals as a picture (.png), or everything as a page (.html)."""
        from trainer.inference.compare_html import write_picture

        place = Path(path).expanduser()
        write_picture(place, self.found)
        return place

    def __str__(self) -> str:
        from trainer.inference.compare_page import as_text

        return as_text(self.found)

    def __repr__(self) -> str:
        return f"Compared({self.answer!r})"

    def _repr_html_(self) -> str:
        from html import escape

        from trainer.inference.compare_html import whole_page

        return FRAME.format(escape(whole_page(self.found)))


def compare(
    *runs: Run | str | PathLike[str],
    metric: str | None = None,
    rope: float | None = None,
    unpaired: bool = False,
    seed: int = 0,
    plugins: Sequence[str] = (),
) -> Compared:
    """Say whether a run is better than another, on the same rows and folds, or the difference is chance.

    Args:
        *runs: two at least, as ``open_run`` returns them or by their directories.
        metric: to compare by; None = that of the first run.
        rope: a difference within it does not matter; None = 0.01, or a hundredth of a metric without fixed ends.
        unpaired: take runs of other rows, labels or folds too: a wider interval, and no other test.
        seed: of the drawing of rows.
        plugins: packages that the metric is from.

    Raises:
        ConfigError: a setting cannot be.
        DataError: the runs do not fit together; says in what.
        CheckpointError: a run is not finished or damaged.

    Example:
        >>> import trainer as fw
        >>> QUIET = {"max_epochs": 1, "cv": {"n_splits": 2}, "runtime": {"progress": "off"}}
        >>> one, two = (fw.cross_validate("iris", loss=loss, run=loss, **QUIET) for loss in ("ce", "nll"))
        >>> fw.compare(one, two).answer
        'no difference: ce and nll have the same accuracy (0...) whatever rows are drawn'
    """
    from trainer.inference.compare import compare as compare_runs

    directories = [run.path if isinstance(run, Run) else Path(run).expanduser() for run in runs]
    return Compared(compare_runs(directories, metric=metric, rope=rope, unpaired=unpaired, seed=seed, plugins=plugins))

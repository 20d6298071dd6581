"""A search as one page that needs nothing else: what the best trial is worth, how it went, every trial."""

import base64
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from trainer.config.search_space import Dimension, Range
from trainer.report.formatting import duration, number
from trainer.report.plots import png_bytes
from trainer.report.rendering import render
from trainer.report.search_plots import DrawnTrial, search_plot
from trainer.search.search_table import Standing, counted_lines, settings_text
from trainer.system.files import write_bytes
from trainer.wording.printable import one_line
from trainer.wording.translations import N_

if TYPE_CHECKING:
    from optuna import Study

PAGE = "search.html"
FEWEST = 4  # complete trials that importances are computed of


def write_page(
    directory: Path, now: Standing, study: "Study", metric: str, space: Sequence[Dimension], lines: Sequence[str]
) -> None:
    """Write ``search.html``.

    Args:
        directory: of the search.
        now: its trials.
        study: Optuna's.
        metric: that is searched for.
        space: what is searched.
        lines: what the best trial is worth, in sentences.

    Raises:
        StorageError: it cannot be written.
    """
    drawn = [DrawnTrial(row.number, row.value, row.state == "complete", row.settings) for row in now.rows]
    logs = {one.key: isinstance(one, Range) and one.kind == "log" for one in space}
    greater = study.direction.name == "MAXIMIZE"
    picture = png_bytes(search_plot(drawn, metric, logs, importances(now, study), greater=greater))
    heading = ["trial", metric, "folds", "time", "state", "settings", "why"]
    rows = [
        [
            str(row.number),
            number(row.value),
            f"{row.n_folds}/{now.n_folds}",
            "–" if math.isnan(row.seconds) else duration(row.seconds),
            row.state,
            one_line(settings_text(row.settings)),
            one_line(row.why),
        ]
        for row in now.rows
    ]
    text = render(
        "search.html.j2",
        title=one_line(f"{directory.name}: {metric}"),
        lines=[*map(one_line, lines), *map(one_line, counted_lines(now))],
        picture=base64.b64encode(picture).decode(),
        table={"heading": heading, "rows": rows},
    )
    write_bytes(directory / PAGE, text.encode(), root=directory, what=N_("report"))


def importances(now: Standing, study: "Study") -> dict[str, float]:
    """Return how much of the differences between complete trials each setting makes; empty where too few tell."""
    from optuna.importance import get_param_importances

    values = {row.value for row in now.rows if row.state == "complete"}
    if now.count("complete") < FEWEST or len(values) < 2:
        return {}
    try:
        return dict(get_param_importances(study))
    except (ValueError, RuntimeError):  # no setting is common to all, or none varies
        return {}

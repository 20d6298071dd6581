"""A search as one page that needs nothing else: what the best trial is worth, how it went, every trial."""

import base64
import math
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from trainer.config.search_space import Dimension, Range
from trainer.report.formatting import duration, number
from trainer.report.page.note_words import note_word
from trainer.report.page.page_words import LANG
from trainer.report.plots import png_bytes
from trainer.report.rendering import render
from trainer.report.search_plots import DrawnTrial, search_plot
from trainer.search.search_table import Standing, counted_lines, front_lines, settings_text
from trainer.search.worth import Honest
from trainer.system.files import write_bytes
from trainer.wording.printable import one_line
from trainer.wording.translations import N_, translated

if TYPE_CHECKING:
    from optuna import Study

PAGE = "search.html"
FEWEST = 4  # complete trials that importances are computed of


WORDS = {
    "search": N_("Search"),
    "worth": N_("What the best trial is worth"),
    "went": N_("How it went"),
    "trials": N_("Trials"),
    "pictures": N_(
        "History, settings of the complete trials, importance of the settings; the figures are in the table"
    ),
}
HEADINGS = (N_("folds"), N_("time"), N_("state"), N_("settings"), N_("why"))


def write_page(
    directory: Path, now: Standing, study: "Study", space: Sequence[Dimension], honest: Honest, language: str = "en"
) -> None:
    """Write ``search.html``.

    Args:
        directory: of the search.
        now: its trials.
        study: Optuna's.
        space: what is searched.
        honest: what the best trial is worth.
        language: of the page, ``en`` or ``zh``.

    Raises:
        StorageError: it cannot be written.
    """
    say, metric = translated(language), honest.metric
    drawn = [
        DrawnTrial(row.number, row.value, row.state == "complete", row.settings, row.training, row.number in now.front)
        for row in now.rows
    ]
    logs = {one.key: isinstance(one, Range) and one.kind == "log" for one in space}
    greater = study.directions[0].name == "MAXIMIZE"
    picture = png_bytes(search_plot(drawn, metric, logs, importances(now, study), greater=greater, say=say))
    text = render(
        "search.html.j2",
        lang=LANG[language],
        words={name: say(text) for name, text in WORDS.items()},
        title=one_line(f"{directory.name}: {metric}"),
        lines=list(map(one_line, [*honest.lines(say), *counted_lines(now, say), *front_lines(now, metric, say)])),
        picture=base64.b64encode(picture).decode(),
        table={"heading": [say("trial"), metric, *map(say, HEADINGS)], "rows": _rows(now, say)},
    )
    write_bytes(directory / PAGE, text.encode(), root=directory, what=N_("report"))


def _rows(now: Standing, say: Callable[[str], str]) -> list[list[str]]:
    return [
        [
            str(row.number),
            number(row.value),
            f"{row.n_folds}/{now.n_folds}",
            "–" if math.isnan(row.seconds) else duration(row.seconds),
            say(row.state),
            one_line(settings_text(row.settings)),
            one_line(note_word(row.why, say)),
        ]
        for row in now.rows
    ]


def importances(now: Standing, study: "Study") -> dict[str, float]:
    """Return how much of the differences between complete trials each setting makes; empty where too few tell."""
    from optuna.importance import get_param_importances

    values = {row.value for row in now.rows if row.state == "complete"}
    if now.count("complete") < FEWEST or len(values) < 2:
        return {}
    try:
        if len(study.directions) == 1:
            return dict(get_param_importances(study))
        sign = -1.0 if study.directions[0].name == "MAXIMIZE" else 1.0  # of a target it takes the low values for good
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # which says so
            return dict(get_param_importances(study, target=lambda trial: sign * trial.values[0]))
    except (ValueError, RuntimeError):  # no setting is common to all, or none varies
        return {}

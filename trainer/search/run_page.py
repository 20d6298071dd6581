"""A list of runs as one page that needs nothing else: it sorts, filters and speaks English and Chinese."""

import math
from collections.abc import Iterator
from typing import NamedTuple

from trainer.report.formatting import duration, interval, number
from trainer.report.page.note_words import note_word
from trainer.report.page.term_words import metric_with_arrow, term_words
from trainer.report.rendering import render
from trainer.search.run_columns import SHORT
from trainer.search.run_list import Listing, setting
from trainer.store.run_records import STATES, Figures, RunRecord
from trainer.wording.printable import one_line
from trainer.wording.translations import translated

HEADINGS = {  # English, Chinese, whether numbers; settings come between them
    "run": ("run", "运行", False),
    "state": ("state", "状态", False),
    "metric": ("metric", "指标", False),
    "oof": ("out of fold", "折外", True),
    "interval": ("95 % CI", "95 % 区间", True),
    "mean": ("mean ± sd", "均值 ± 标准差", True),
    "data": ("data, fingerprint", "数据指纹", False),
    "folds": ("folds, fingerprint", "折的指纹", False),
    "done": ("done", "已完成", True),
    "time": ("time", "用时", True),
}
BEFORE = 6  # headings before the settings
WORDS = {
    "title": ("Runs in {folder}", "{folder} 中的运行"),
    "counted": ("{n} of {all} runs", "共 {all} 个运行，显示 {n} 个"),
    "filter": ("Show rows with", "筛选"),
    "how": (
        "Click a heading to sort. Of settings, those are shown in which the runs differ. Only runs that are equal in "
        "both fingerprints, of data and of folds, can be compared row by row.",
        "点击表头可排序。只列出各运行取值不同的设置。数据指纹和折的指纹都相同的运行，才能逐行比较。",
    ),
}
CHINESE = translated("zh")
METRIC_WORDS = {language: term_words(translated(language)) for language in ("en", "zh")}
STATE_WORDS = dict(zip(STATES, ("完成", "运行中", "中断", "失败", "等待", "损坏", "不是运行"), strict=True))


class Cell(NamedTuple):
    """A cell of the page.

    Attributes:
        text: that is shown.
        order: that it is sorted by, where not by the text.
        chinese: the text in Chinese, where it is another.
        title: shown above it when pointed at.
    """

    text: str
    order: str = ""
    chinese: str = ""
    title: str = ""


def runs_page(listing: Listing, folder: str) -> str:
    """Return the page.

    Args:
        listing: of the runs.
        folder: that was listed, as it was named.
    """
    names = list(HEADINGS.values())
    settings = [(key, key, False) for key in listing.keys]
    words = {name: {"en": english, "zh": chinese} for name, (english, chinese) in WORDS.items()}
    return render(
        "runs.html.j2",
        folder=one_line(folder),
        headings=[*names[:BEFORE], *settings, *names[BEFORE:]],
        rows=[list(_cells(listing, record)) for record in listing.records],
        words=words,
    )


def _cells(listing: Listing, record: RunRecord) -> Iterator[Cell]:
    figures = listing.figures(record)
    yield Cell(one_line(record.name), title=one_line(record.name))
    why = f": {one_line(record.reason)}" if record.reason else ""
    state = f"{record.state}{why}"
    in_chinese = f": {note_word(one_line(record.reason), CHINESE)}" if why else ""
    yield Cell(state, chinese=f"{STATE_WORDS[record.state]}{in_chinese}", title=state if why else "")
    yield _metric(listing.metric_of(record)) if figures else Cell("–")
    yield from _scores(figures)
    for key in listing.keys:
        yield Cell(one_line(setting(record, key)))
    yield Cell(record.data[:SHORT] or "–", title=one_line(f"{record.about} {record.data}".strip()))
    yield Cell(record.folds[:SHORT] or "–", title=record.folds)
    yield Cell("–" if record.n_folds is None else f"{record.n_done}/{record.n_folds}", _order(record.n_done))
    yield Cell(duration(math.nan if record.seconds is None else record.seconds), _order(record.seconds))


def _metric(name: str) -> Cell:
    english, chinese = (metric_with_arrow(name, METRIC_WORDS[language]) for language in ("en", "zh"))
    return Cell(one_line(english), chinese=one_line(chinese))


def _scores(figures: Figures | None) -> Iterator[Cell]:
    if figures is None:
        yield from (Cell("–", _order(None)) for _ in range(3))
        return
    yield Cell(number(figures.oof), _order(figures.oof))
    yield Cell(interval(None if math.isnan(figures.low) else (figures.low, figures.high)), _order(figures.low))
    yield Cell(f"{number(figures.mean)} ± {number(figures.sd)}", _order(figures.mean))


def _order(value: float | None) -> str:
    return "" if value is None or math.isnan(value) else repr(value)

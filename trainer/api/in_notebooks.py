"""What calls return, as a notebook shows it: reports inline, metrics as a table, rows as a pandas frame."""

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trainer.inference.drift import Watched

# a frame of its own keeps the page's style from the notebook's
FRAME = '<iframe srcdoc="{}" style="width: 100%; height: 40rem; border: 1px solid #ccc"></iframe>'


@dataclass(frozen=True)
class Report:
    """The report of a run: a path, shown inline in a notebook.

    Attributes:
        path: of report.md; report.html lies beside it.
    """

    path: Path

    def __fspath__(self) -> str:
        return str(self.path)

    def __str__(self) -> str:
        return str(self.path)

    def _repr_html_(self) -> str:
        page = self.path.with_suffix(".html").read_text(encoding="utf-8")
        return FRAME.format(escape(page))


class Metrics(dict[str, dict[str, Any]]):
    """Metrics by name: ``folds``, ``mean``, ``sd``, ``oof`` and ``ci95`` of each; printed as a table."""

    def __repr__(self) -> str:
        return "\n".join(self._lines())

    def _repr_html_(self) -> str:
        from trainer.report.formatting import interval, metric_label, number
        from trainer.report.rendering import render

        rows = [
            (
                metric_label(name),
                (f"{number(it['mean'])} ± {number(it['sd'])}", number(it["oof"]), interval(it["ci95"])),
            )
            for name, it in self.items()
        ]
        return render("metrics.html.j2", rows=rows)

    def _lines(self) -> Iterator[str]:
        width = max(map(len, self), default=0)
        for name, values in self.items():
            yield f"{name:<{width}}  {values['mean']:.4f} ± {values['sd']:.4f}  oof {values['oof']:.4f}"


def as_frame(table: Any, drift: "Watched | None" = None) -> Any:
    """Return a pandas frame, which has ``attrs`` to keep the drift in; without pandas the Arrow table."""
    try:
        import pandas  # noqa: F401 (to_pandas needs it)
    except ImportError:
        return table
    frame = table.to_pandas()
    if drift is not None:
        frame.attrs["drift"] = drift.values()
    return frame

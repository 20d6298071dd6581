"""What a report needs, imported before there is one: while the last folds train, a core has nothing to do."""

from contextlib import suppress
from importlib import import_module

from trainer.report.agg import load_matplotlib
from trainer.report.fonts import drawable_names
from trainer.report.page.html_page import plotting_library
from trainer.report.rendering import load_templates
from trainer.system.fast_import import unsearched_import
from trainer.system.late_imports import BY_MATPLOTLIB, imported_later

DRAWING = (
    "matplotlib.figure",
    "matplotlib.backends.backend_agg",
)


def warm_up() -> None:
    """Import matplotlib and read fonts and templates; what goes wrong is told when the report is made."""
    with suppress(Exception), unsearched_import("matplotlib.figure"):
        load_matplotlib()
        with imported_later(BY_MATPLOTLIB):
            for module in DRAWING:
                import_module(module)
        import PIL.Image

        PIL.Image.preinit()  # what it knows the names of formats by
        drawable_names(["a"])
        load_templates()
        plotting_library()

"""The rows of a finished run, for its report to show."""

from collections.abc import Sequence
from pathlib import Path

from trainer.errors import FoldwiseError, first_line_of
from trainer.inference.trained import open_trained, samples_of
from trainer.run.page_facts import PageRequest
from trainer.store.own_files import is_blend


def page_request(
    directory: Path, language: str | None, places: dict[str, str], plugins: Sequence[str] = ()
) -> PageRequest:
    """Return what the page of a run is to have; where its data is not at hand, why.

    Args:
        directory: of the run, or of a blend.
        language: ``auto``, ``en`` or ``zh``; None = as the run was told.
        places: where its files are now, by option: ``{"path": ...}``.
        plugins: packages whose classes may be built to read them.

    Raises:
        DataError: the rows at ``places`` are not those of the run.
    """
    if is_blend(directory):
        return PageRequest(language, rows_why="a blend has no data of its own")
    try:
        samples = samples_of(open_trained(directory, device="cpu", plugins=plugins), None, places)
    except FoldwiseError as error:
        if places:
            raise
        return PageRequest(language, rows_why=f"what the rows hold is not shown: {first_line_of(error)}")
    return PageRequest(language, samples, slices=True)

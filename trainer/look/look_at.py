"""Look at whatever a path leads to."""

import shlex
from pathlib import Path

from trainer.data.images.image_files import Listing
from trainer.data.readers.foreign import JSON, PLAIN_TEXT, what_it_is
from trainer.data.readers.tables import check_is_file
from trainer.errors import FoldwiseError
from trainer.look.answer import Look, Refusal
from trainer.look.at_arrays import look_at_arrays
from trainer.look.at_folder import is_one_table, look_at_folder, unread_files
from trainer.look.at_images import holds_images, look_at_images, table_among
from trainer.look.at_table import look_at_table
from trainer.store.own_files import require_own_name
from trainer.system.paths import ADDRESS


def look_at(path: str, n_rows: int | None = None) -> Look:
    """Say what lies at a path, what its columns are, and which command to begin with.

    Args:
        path: of a file or folder.
        n_rows: rows of a table to look at; None = some.

    Raises:
        DataError: there is nothing.
        ForeignFileError: in a run, something else bears a name of Foldwise's own.
    """
    if ADDRESS.match(path):
        advice = f"download it first: curl -LO {shlex.quote(path)}"
        return Look(path, "an address: files on this machine are read", advice=advice)
    place = Path(path)
    require_own_name(place)
    if not place.is_dir():
        check_is_file(place)
    is_table_folder = place.is_dir() and is_one_table(place)
    may_hold_images = not is_table_folder and (place.is_dir() or place.suffix.lower() == ".zip")
    listing = holds_images(place) if may_hold_images else None
    if listing is not None:
        return _images(place, path, listing, n_rows)
    arrays = None if is_table_folder else look_at_arrays(place, path)
    if arrays is not None:
        return arrays
    if place.is_dir() and not is_table_folder:
        return look_at_folder(place, path)
    found = look_at_table(place, path, n_rows)
    if isinstance(found, FoldwiseError):
        return _foreign(place, path, found)
    return found.with_facts(*unread_files(place)) if is_table_folder else found


def _images(path: Path, name: str, listing: Listing, n_rows: int | None) -> Look:
    """Look at a table next to images where it names them, else at the folders."""
    table = table_among(listing)
    if table is not None:
        found = (
            look_at_table(path, name, n_rows)
            if path.is_file()
            else look_at_table(path / table, str(Path(name, table)), n_rows)
        )
        if isinstance(found, Look) and "data=image_csv" in found.train:
            return found.with_facts(f"{len(listing.images()):,} images lie beside the table")
    look = look_at_images(listing, name)
    if table is None or path.is_file():
        return look
    return look.with_facts(
        f"beside the images: {table}; foldwise look {shlex.quote(str(Path(name, table)))} looks at it"
    )


def _foreign(path: Path, name: str, refusal: FoldwiseError) -> Look:
    what, advice = what_it_is(path) if path.is_file() else ("a folder", "")
    is_known = "tables end in" in str(refusal)  # what it is says more
    refusals = () if is_known else (Refusal(str(refusal).replace(str(path), name)),)
    if refusals and what in (JSON, PLAIN_TEXT):  # a reader took it, and its words are better
        return Look(name, "a table that cannot be read as it is", refusals=refusals, advice="mend what is refused")
    return Look(name, what, refusals=refusals, advice=advice)

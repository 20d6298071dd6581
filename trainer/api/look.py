"""``look`` of a Python program: what ``foldwise look`` says of a file, and of a frame."""

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trainer.look.page import PrintedLook


def look(data: Any, *, rows: int | None = None) -> "PrintedLook":
    r"""Say what a file, a folder or a frame is, what its columns are, and which command trains on it.

    Args:
        data: a path, or a pandas, polars or Arrow frame.
        rows: of it to look at; None = some where there are many.

    Example:
        >>> import trainer as fw
        >>> from pathlib import Path
        >>> _ = Path("flowers.csv").write_text("width,height,species\n" + "1.5,2,a\n3,4,b\n2,3,a\n4,3,b\n" * 5)
        >>> found = fw.look("flowers.csv")
        >>> [column.kind for column in found.columns], found.task
        (['number', 'number', 'category'], 'binary')
        >>> found.train
        'foldwise train data=csv_tabular data.path=flowers.csv data.label=species model=mlp'
    """
    from trainer.data.readers.frames import open_frame
    from trainer.look.at_table import look_at_frame
    from trainer.look.look_at import look_at
    from trainer.look.page import PrintedLook

    is_path = isinstance(data, str | os.PathLike)
    found = look_at(os.fspath(data), rows) if is_path else look_at_frame(open_frame(data, "frame"), "frame", rows)
    return PrintedLook.of(found)

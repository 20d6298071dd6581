"""Tags of images in "CVAT for images 1.1": an XML file with an element per image."""

import re
from pathlib import Path

from trainer.data.columns.options import ColumnOptions
from trainer.data.readers.annotated import Item, LabelList, annotated_table, one_vote
from trainer.data.readers.contract import OpenTable
from trainer.data.readers.xml_files import read_xml
from trainer.errors import DataError

NAME = "an export of CVAT"
ENDINGS = (".xml",)
ALSO = ()
MAGIC = ()
USES = frozenset[str]()
ROOT = re.compile(rb"(\xef\xbb\xbf)?\s*(<\?xml[^>]*>\s*)?<annotations>")


def recognizes(path: Path, head: bytes) -> bool:
    """Return whether it begins as CVAT's annotations do."""
    return ROOT.match(head) is not None


def read(path: Path, columns: ColumnOptions) -> OpenTable:
    """Return the image files, their tags, and the part that each is in where the task has parts."""
    root = read_xml(path)
    images = list(root.iter("image"))
    if root.tag != "annotations" or not images:
        raise DataError(f'{path}: no images in it: export the task as "CVAT for images 1.1"')
    parts = {image.get("subset") for image in images}
    split = "split" if len(parts) > 1 and None not in parts else None
    items = []
    for number, image in enumerate(images, start=1):
        name = image.get("name")
        if not name:
            raise DataError(f"{path}: image {number} has no name: export it again")
        labels = {str(tag.get("label")) for tag in image.iter("tag")}
        cells = {"file": name, **({split: str(image.get("subset")).lower()} if split else {})}
        why_not = "with shapes and no tag" if len(image) else "without a tag"
        items.append(Item(name, f"image {number}", cells, one_vote(labels), why_not))
    named = [str(label.findtext("name")) for label in root.iter("label")]
    listed = LabelList(named, "the labels of its task") if named else None
    return annotated_table(path, items, columns, listed=listed, split=split)

r"""ARFF, as Weka, MEKA, MULAN and OpenML write it; Weka's description of it is what counts.

Read here, since neither library that reads it reads all that is valid. scipy 1.17.1 takes no sparse rows and no text,
gives ``it\s'`` for ``'it\'s'``, refuses commas in quoted values and spaces beside values, and drops weights and the
values that a row has too many; liac-arff 2.5.0 takes no dates, weights, TABs in the header and comments after types.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from trainer.data.columns.options import ColumnOptions
from trainer.data.readers.arff_dates import as_timestamps
from trainer.data.readers.arff_rows import read_cells
from trainer.data.readers.attribute_header import FLAGS, Header, begins_with_relation, is_code, read_header
from trainer.data.readers.contract import OpenTable
from trainer.data.readers.text_decoding import decode_text
from trainer.data.readers.xml_files import read_xml
from trainer.errors import DataError
from trainer.wording.lists import first_few

NAME = "an ARFF file"
ENDINGS = (".arff",)
ALSO = (".txt", ".data")
MAGIC = (b"@relation", b"@RELATION", b"@Relation")
USES = frozenset({"encoding"})
MEKA = re.compile(r":(?:.*\s)?-C\s+(-?\d+)\b")  # in the name of the relation: how many labels, negative = the last
MULAN_PART = re.compile(r"[-_](train|test)$")


def recognizes(path: Path, head: bytes) -> bool:
    """Return whether it begins with ``@relation``, after comments."""
    return begins_with_relation(head)


def beside(name: str, others: Sequence[str]) -> list[str]:
    """Return the XML file in which MULAN names the labels."""
    return [other for other in others if other in _xml_names(name)]


def read(path: Path, columns: ColumnOptions) -> OpenTable:
    """Return numbers as float64, dates as timestamps, all else as text, and which columns are labels."""
    header = read_header(decode_text(path, columns.encoding, header=False).decode(), path)
    _require_columns(header, path)
    cells = read_cells(header, path)
    named: dict[str, Any] = {}
    for attribute, column in zip(header.attributes, cells.columns, strict=True):
        named[attribute.name] = as_timestamps(column, attribute, path) if attribute.kind == "date" else column
    known, notes = _labels(header, path, columns)
    if cells.weights is not None:
        name = next(name for name in ("weight", "instance_weight", "weight of the row") if name not in named)
        named[name], known["weight"] = pa.array(cells.weights), name
        notes = (*notes, f"the weights of the rows are column '{name}'")
    codes = [attribute.name for attribute in header.attributes if is_code(attribute)]
    return OpenTable(pa.table(named), notes=notes, known={**known, "categorical": codes})


def _require_columns(header: Header, path: Path) -> None:
    names = [attribute.name for attribute in header.attributes]
    repeated = [name for place, name in enumerate(names) if name in names[:place]]
    if repeated:
        raise DataError(f"{path}: two attributes are called '{repeated[0]}': rename or delete one")
    if not names:
        raise DataError(f"{path}: no @attribute before @data")
    relational = [attribute.name for attribute in header.attributes if attribute.kind == "relational"]
    if relational:
        raise DataError(
            f"{path}: attribute '{relational[0]}' is relational: it holds a table in each cell, which is not read\n"
            "write its values as attributes of their own (in Weka: the filter MultiInstanceToPropositional)"
        )


def _labels(header: Header, path: Path, columns: ColumnOptions) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return which columns are the labels, and a note where that is said or usual, not asked for."""
    names = [attribute.name for attribute in header.attributes]
    if columns.label != ColumnOptions.label:
        return {}, ()
    if several := _mulan_labels(path, names):
        return {"label": several}, (f"labels: {first_few(several)}, by {_xml(path)}",)
    if found := MEKA.search(header.relation):
        several = _meka_labels(int(found[1]), header, path)
        said = f"labels: {first_few(several)}, by -C {found[1]} in the name of the relation (MEKA)"
        return {"label": several}, (said,)
    if columns.label not in names and header.attributes[-1].kind == "nominal":
        said = f"label: '{names[-1]}', which is last, as is usual in ARFF; data.label=NAME names another"
        return {"label": names[-1]}, (said,)
    return {}, ()


def _meka_labels(count: int, header: Header, path: Path) -> list[str]:
    several = header.attributes[:count] if count > 0 else header.attributes[count:]
    other = next((one for one in several if one.kind == "nominal" and not set(one.values) <= FLAGS), None)
    said = f"{path}: -C {count} in the name of the relation counts labels, but "
    if not 0 < abs(count) < len(header.attributes):
        raise DataError(f"{said}there are {len(header.attributes)} attributes: set data.label")
    if other and len(several) > 1:
        raise DataError(f"{said}'{other.name}' is not of {{0,1}}: set data.label to one of them")
    return [attribute.name for attribute in several]


def _xml_names(name: str) -> list[str]:
    stem = name.rpartition(".")[0]
    return [f"{stem}.xml", f"{MULAN_PART.sub('', stem)}.xml"]


def _xml(path: Path) -> Path | None:
    return next((file for file in map(path.with_name, _xml_names(path.name)) if file.is_file()), None)


def _mulan_labels(path: Path, names: Sequence[str]) -> list[str]:
    """Return the labels that the XML file beside it names; none where there is none, or it is about something else."""
    file = _xml(path)
    labels = [] if file is None else _named_labels(file)
    lacking = [label for label in labels if label not in names]
    if lacking:
        raise DataError(
            f"{file}: the label '{lacking[0]}' is no attribute of {path.name}: is it the file of another data set? "
            "Move it away, or set data.label"
        )
    return labels


def _named_labels(file: Path) -> list[str]:
    """Return the names of <label name="..."> elements."""
    labels = (one for one in read_xml(file).iter() if one.tag.rpartition("}")[2] == "label")
    return [label.attrib["name"] for label in labels if "name" in label.attrib]

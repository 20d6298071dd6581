"""Labels that mean "no label": rows to leave out where the user says so, and to ask about where not."""

import re
from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from trainer.data.columns.roles import rows_listed
from trainer.errors import shown
from trainer.system.arrow_files import Column, as_numpy
from trainer.system.spellings import spelling_key

WORDS_SAID = (  # as ``spelling_key`` has them
    "?,??,???,-,--,---,_,*,.,...,/,na,n/a,n.a,n/d,n.d,#n/a,<na>,nan,null,nil,none,nolabel,notlabeled,notlabelled,"
    "unlabeled,unlabelled,unannotated,notannotated,unclassified,uncategorized,uncategorised,unknown,unk,undefined,"
    "unspecified,missing,(blank),blank,tbd,todo,notavailable,notapplicable,"
    "unsure,notsure,undecided,undetermined,uncertain,unassigned,tobedetermined,tobedecided,skip,skipped,nd,nr,n/r,n.r,"
    "don'tknow,dontknow,dk,can'ttell,cannottell,noanswer,noresponse,notspecified,notgiven,notstated,nodata,\\n,"
    "k.a,keineangabe,unbekannt,inconnu,inconnue,desconocido,desconocida,sconosciuto,onbekend,n.v.t,s/o,s.o,s/d,sindato,"
    "sindatos,н/д,нетданных,неизвестно,неопределено,미정,미상,없음,모름,알수없음,"
    "#value!,#ref!,#div/0!,#name?,#num!,#null!,"  # Excel's errors
    "未知,未标注,未标记,未标,未分类,未定义,未定,未确定,未判定,未明确,未指定,未提供,未填,未填写,未回答,待定,待标,待标注,待确认,待核实,"
    "待审核,待分类,无标签,无标注,无,无效,无数据,无法判断,无法确定,无法识别,无法分类,暂无,暂无标签,空,空值,空白,缺失,缺,不详,不明,不知道,"
    "不清楚,不确定,不适用,难以判断,拒答,未標註,未標記,未分類,未確定,未提供,無標籤,無,無效,無法判斷,暫無,不詳,不適用,不確定,不知道,"
    "なし,該当なし,未回答,無回答,未定,未記入,未選択,未設定,わからない"
)
AROUND = "()[]<>{}【】《》〈〉「」"
WORDS = frozenset(word.strip(AROUND) or word for word in WORDS_SAID.split(","))
NINES = re.compile(r"99+(\.0*)?", re.ASCII)  # as SPSS and surveys have them
CODES = (-1.0, -9.0, -99.0, -100.0, -999.0, -9999.0)  # -100 is what torch's cross entropy ignores
NUMBER = re.compile(r"[+-]?\d+(\.\d*)?", re.ASCII)
MOST_NAMED = 3


def left_out(cells: Column, missing: Sequence[object]) -> NDArray[np.bool_]:
    """Return (N,) whether a row's label is one of ``missing``; the empty text stands for empty cells."""
    if not missing:
        return np.zeros(len(cells), dtype=bool)
    words = ["null" if word is None else str(word).strip() for word in missing]  # YAML: null
    trimmed: Column = pc.utf8_trim_whitespace(pc.fill_null(cells, ""))
    return as_numpy(pc.is_in(trimmed, pa.array(words, trimmed.type)))


def left_out_note(left_out_N: NDArray[np.bool_], missing: Sequence[object]) -> tuple[str, ...]:
    """Say how many rows are left out."""
    if not missing:
        return ()
    n_rows = int(left_out_N.sum())
    words = ", ".join(shown(str(word), 30) for word in missing[:MOST_NAMED])
    said = f"{n_rows} of {len(left_out_N)} rows left out: their label is in data.missing_labels ({words})"
    return (said if n_rows else f"data.missing_labels ({words}): no row has such a label",)


def doubtful_labels(classes: Sequence[str], rows_of: Callable[[int], NDArray[np.bool_]]) -> tuple[str, ...]:
    """Return a warning about classes that look like "no label", with the option that leaves their rows out.

    Args:
        classes: the label texts.
        rows_of: returns (N,) whether a row has the class of that place.
    """
    doubtful = [place for place, label in enumerate(classes) if _is_doubtful(label, classes)]
    if not doubtful:
        return ()
    named = [f"'{shown(classes[place], 30)}' in {rows_listed(rows_of(place))}" for place in doubtful[:MOST_NAMED]]
    more = f" and {len(doubtful) - MOST_NAMED} more" if len(doubtful) > MOST_NAMED else ""
    words = ",".join(f"'{classes[place]}'" for place in doubtful)
    return (
        f"warning: classes that look like no label: {', '.join(named)}{more}; "
        f'to leave these rows out set "data.missing_labels=[{words}]"',
    )


def _is_doubtful(label: str, classes: Sequence[str]) -> bool:
    key = spelling_key(label)
    return _is_code(label, classes) or (key.strip(AROUND) or key) in WORDS


def _is_code(label: str, classes: Sequence[str]) -> bool:
    """Whether a label is a negative number beside words, or beside classes that are counted from 0 or 1 up.

    -1 and 1 are two classes. 99 is none beside classes of which the largest is far below it.
    """
    if NINES.fullmatch(label) and all(map(NUMBER.fullmatch, classes)):
        below = [number for number in map(float, classes) if number != float(label)]
        return len(below) > 1 and min(below) >= 0 and float(label) > 10 * (max(below) + 1)
    if not NUMBER.fullmatch(label) or float(label) not in CODES:
        return False
    are_numbers = [NUMBER.fullmatch(other) is not None for other in classes]
    if not all(are_numbers):
        return sum(are_numbers) == 1
    others = {number for number in map(float, classes) if number not in CODES}
    counted = all(number >= 0 and number.is_integer() for number in others)
    return counted and (0.0 in others or len(others) > 1)

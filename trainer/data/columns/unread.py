"""Columns that no option names and a source of texts or images does not read: those that may be a group or a split."""

import re
from collections.abc import Container, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from trainer.data.samples import TableColumns
from trainer.system.arrow_files import Column, as_numpy
from trainer.system.part_words import PART_WORDS, part_word

WHO = (
    "patient|subject|participant|person|speaker|user|author|customer|client|student|member|donor|animal|household|"
    "family|session|site|hospital|clinic|center|centre|device|sensor|machine|batch|plate|well|scan|study|series|"
    "recording|video|movie|book|document|thread|conversation|dialogue|account|store|seller|product|subj|slide|school|"
    "village|cage|litter|episode|trip|mrn|individual|respondent|annotator|rater|worker|reviewer|writer|artist|singer|"
    "performer|actor|investigator|spk|company|employee|driver|operator|pupil|teacher|farm|herd|specimen|"
    "phone|mobile[ _]?(?:phone|number|no)|telephone|e-?mail(?:[ _]?address)?|ssn|passport|imei|imsi|msisdn|iban|"
    "mac[ _]?address"
)
HAN_WHO = (
    "患者|病人|病例|受试者|被试|用户|客户|会员|学生|学校|作者|说话人|医院|科室|医生|设备|批次|会话|对话|家庭|站点|店铺|商家|卖家|"
    "录音|视频|切片|参与者|参加者|志愿者|受访者|员工|职工|教师|老师|班级|标注员|标注者|司机|企业|公司|发布[人者]|车辆|歌手|主播|博主|小区|住户|样地|"
    "病患|受試者|用戶|客戶|會員|學生|學校|說話人|醫院|商家|被験者|参加者|話者|ユーザー|顧客|환자|피험자|참가자|사용자|화자"
)
HAN_NUMBERED = (  # 学号, but neither 型号 nor 信号
    "学|學|工|户|戶|案|病历|病歷|病案|住院|门诊|就诊|就诊卡|身份证|会员|卡|账|帐|订单|准考证|手机|电话|车牌|床|病床|样本|标本|设备|学籍|档案|批|登记|检查|检验"
)
ID = r"(?:[ _.-]?(?:id|no|nr|nbr|num|number|name|code|key|ref))?"
HAN_ID = r"(?:_?id|编号|编码|編號|番号|号码?|姓名|名称?|昵称|代码|번호)"
GROUP_NAME = re.compile(
    rf"(?:{WHO})s?{ID}|.+[ _.-]id|.+(?-i:[a-z]I[Dd])|(?-i:[A-Z]{{2,}}id)|(?:case|hh|p|usubj)id|uid|.+(?-i:UID)"
    rf"|姓名|书名|昵称|(?:{HAN_WHO}){HAN_ID}?"
    r"|[\u4e00-\u9fff]+(?:_?id|编号|编码|編號|番号)"
    rf"|(?:{HAN_NUMBERED})(?:号码?|號碼?)",
    re.I,
)
TRAIN_OR_TEST = r"(?:(?:is|in|for)[_ ]?)?(?:train|test|valid(?:ation)?|val|holdout)(?:ing)?(?:[_ ]?(?:test|set|split))?"
SPLIT_NAME = re.compile(
    rf"{TRAIN_OR_TEST}|(?:cv|k|val|test)?[_ ]?folds?(?:[_ ]?(?:\d*|id|no|nr|num|index|idx))?"
    r"|splits?|subset|partition|划分|折",
    re.I,
)
LOOKED_AT = 1000  # rows whose words tell a split


def unread_columns(table: pa.Table, names: Sequence[str]) -> TableColumns | None:
    """Return the columns of ``names`` that may be a group or a split, by name or words; None where there are none."""
    numeric: dict[str, NDArray[np.float64]] = {}
    words: dict[str, NDArray[np.object_]] = {}
    for name in names:
        cells = table[name]
        if pa.types.is_nested(cells.type) or pa.types.is_binary(cells.type):
            continue
        if SPLIT_NAME.fullmatch(name) and (numbers := _numbers(cells)) is not None:
            numeric[name] = numbers
        elif GROUP_NAME.fullmatch(name) or SPLIT_NAME.fullmatch(name) or _has_split_words(cells):
            words[name] = _words(cells)
    if not numeric and not words:
        return None
    empty = np.empty((table.num_rows, 0))
    return TableColumns(
        np.column_stack([empty, *numeric.values()]),
        np.column_stack([empty.astype(object), *words.values()]),
        tuple(numeric),
        tuple(words),
    )


def without_columns(table: TableColumns | None, names: Container[str | None]) -> TableColumns | None:
    """Return the columns but for those of ``names``."""
    return None if table is None else table.without(names)


def _numbers(cells: Column) -> NDArray[np.float64] | None:
    try:
        return as_numpy(pc.cast(cells, pa.float64())).astype(np.float64)
    except pa.ArrowInvalid:
        return None


def _has_split_words(cells: Column) -> bool:
    if not pa.types.is_string(cells.type) and not pa.types.is_large_string(cells.type):
        return False
    return {part_word(str(cell)) for cell in cells[:LOOKED_AT].to_pylist()} <= PART_WORDS


def _words(cells: Column) -> NDArray[np.object_]:
    """Return the cells as text, each word once in memory; a missing one is empty."""
    text: Column = pc.cast(cells, pa.string())
    chunks: Any = pc.fill_null(text, "").combine_chunks()
    coded = chunks.dictionary_encode()
    known: NDArray[np.object_] = np.array(coded.dictionary.to_pylist(), dtype=object)
    return np.asarray(known[coded.indices.to_numpy()])

"""Words that mean "no label", in the languages people write them in, and words that only look like them."""

import pytest

from trainer.data.columns.no_label_words import means_no_label

SAID = """
N/A (not asked)|not known|no_label|not yet labelled|unlabeled|[NULL]|<none>|can't tell|
cannot be determined|to label|TODO|não informado|no aplica|non renseigné|nicht bekannt|
неизвестно|알 수 없음|わからない|其他/未知|
无结果|待补充|未评级|看不清|分不清楚|无法分辨|難以判斷|不好说|暂无数据|（空）|「不明」|???|…|!|
unknow|UNKNOWN_CLASS|未知类别|label missing|缺失值|--none--|?未知|待查明|没填|
not tested|无法评估|未检查|信息不全|pending|unlabelled data|未标注数据|Sin clasificar|nicht klassifiziert|
Prefer not to say|refused to answer|DK/NR|Not Collected|Ignorado|No sabe / No contesta|weiß nicht|ne sait pas|
insufficient data|未评估|未分级|失访|暂无评价|不愿回答|无应答
"""
CLASSES = """
normal|no|none found|negative|others|neutral|O|NA/EU|unknown pleasures|nano|null hypothesis|
unhappy|unstable|not spam|no smoking|tomato|total|
无异常|空调|无线|未婚|未成年|待遇|不合格|不满意|看不起|缺陷|中性|其他|😀|
C++|class|type A|type|first class|无类型文件|未知类型学|没事|待业|
refused|declined|no response|refund|preferred|sufficient|未治愈|无转移|评价|分级
"""


def words_of(text: str) -> list[str]:
    """Return the words that stand between bars."""
    return text.replace("\n", "").split("|")


@pytest.mark.parametrize("word", words_of(SAID))
def test_it_means_no_label(word):
    assert means_no_label(word, ["cat", "dog", word])


@pytest.mark.parametrize("word", words_of(CLASSES))
def test_it_is_a_class(word):
    assert not means_no_label(word, ["cat", "dog", word])


def test_a_mark_is_a_class_beside_another_mark():
    assert not any(means_no_label(mark, ["+", "-"]) for mark in ("+", "-"))
    assert means_no_label("-", ["1", "2", "-"])

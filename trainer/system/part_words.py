"""What people call the parts of a data set, in columns and as folders, in the languages they write them in."""

import re
from functools import lru_cache

_TRAIN = ("train", "training", "学習", "学习", "訓練", "训练", "훈련", "학습")
_TEST = ("test", "testing")
_VALIDATION = ("dev", "val", "valid", "validation", "validate")
_MORE = (
    *("eval", "evaluation", "publictest", "privatetest"),
    *("holdout", "hold-out", "held-out", "held_out", "heldout", "unseen"),
)
_TEST_ELSEWHERE = ("测试", "測試", "テスト", "評価", "테스트")
_VALIDATION_ELSEWHERE = ("验证", "驗證", "检验", "开发", "検証", "검증")


def _with_set(words: tuple[str, ...]) -> tuple[str, ...]:
    """Return words, and those of Han with what a set or a group is called behind them."""
    return tuple(f"{word}{of}" for word in words for of in (("", "集", "组", "組") if word[0] >= "\u4e00" else ("",)))


TRAIN_WORDS = _with_set(_TRAIN)
HELD_OUT_WORDS = (  # the first one that a column has is held out
    _TEST + _VALIDATION + _MORE + _with_set(_TEST_ELSEWHERE + _VALIDATION_ELSEWHERE)
)
PART_WORDS = frozenset((*TRAIN_WORDS, *HELD_OUT_WORDS))
_BEHIND = re.compile(r"[\s_-]*(?:set|data(?:set)?|samples?|split|part)$|(?:样本|樣本|数据|數據|資料|データ)[集组組]?$")
SHOWN_WORDS = ("train", *_TEST, *_VALIDATION)  # in messages


@lru_cache(maxsize=4096)
def part_word(text: str) -> str:
    """Return a text as ``PART_WORDS`` has it, where it is called a set, data or a folder; else in lower case.

    Example:
        >>> [part_word(text) for text in ("Test_", "training set", "验证数据集", "train/", "Sunset ")]
        ['test', 'training', '验证', 'train', 'sunset']
    """
    word = text.strip().lower()
    if word in PART_WORDS:
        return word
    bare = _BEHIND.sub("", word.strip("_-/\\. "))
    return bare if bare in PART_WORDS else word

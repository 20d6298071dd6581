"""What people call the parts of a data set: each word on one side, those of training and testing the first ones."""

import pytest

from trainer.system.part_words import HELD_OUT_WORDS, PART_WORDS, SHOWN_WORDS, TRAIN_WORDS, part_word


def test_each_word_is_on_one_side():
    assert len(PART_WORDS) == len(TRAIN_WORDS) + len(HELD_OUT_WORDS)
    assert {"train", "训练集", "訓練組", "学习", "훈련"} <= set(TRAIN_WORDS)
    assert {"test", "dev", "测试组", "驗證集", "テスト", "held-out"} <= set(HELD_OUT_WORDS)


def test_a_test_part_is_held_out_before_one_of_validation():
    for test, validation in (("test", "val"), ("测试集", "验证集"), ("テスト", "検証")):
        assert HELD_OUT_WORDS.index(test) < HELD_OUT_WORDS.index(validation)
    assert SHOWN_WORDS[:2] == ("train", "test")


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("test_", "test"),
        ("Training Set", "training"),
        ("train_set", "train"),
        ("testset", "test"),
        ("test/", "test"),
        ("val-data", "val"),
        ("VALIDATE", "validate"),
        ("训练样本", "训练"),
        ("测试数据集", "测试"),
        ("训练集", "训练集"),
    ],
)
def test_what_a_part_is_called_besides_its_word(text, word):
    assert part_word(text) == word
    assert word in PART_WORDS


@pytest.mark.parametrize("text", ["sunset", "set", "data", "traindata2", "-1", "out", "", "测试员", "testament", "3.0"])
def test_other_words_stay_what_they_are(text):
    assert part_word(text) == text
    assert text not in PART_WORDS

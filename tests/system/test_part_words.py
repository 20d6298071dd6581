"""What people call the parts of a data set: each word on one side, those of training and testing the first ones."""

from trainer.system.part_words import HELD_OUT_WORDS, PART_WORDS, SHOWN_WORDS, TRAIN_WORDS


def test_each_word_is_on_one_side():
    assert len(PART_WORDS) == len(TRAIN_WORDS) + len(HELD_OUT_WORDS)
    assert {"train", "训练集", "訓練組", "学习", "훈련"} <= set(TRAIN_WORDS)
    assert {"test", "dev", "测试组", "驗證集", "テスト", "held-out"} <= set(HELD_OUT_WORDS)


def test_a_test_part_is_held_out_before_one_of_validation():
    for test, validation in (("test", "val"), ("测试集", "验证集"), ("テスト", "検証")):
        assert HELD_OUT_WORDS.index(test) < HELD_OUT_WORDS.index(validation)
    assert SHOWN_WORDS[:2] == ("train", "test")

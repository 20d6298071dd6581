"""Columns that a source of texts or images does not read: which of them may be a group or a split."""

import numpy as np
import pyarrow as pa
import pytest

from trainer.data.columns.unread import unread_columns, without_columns

TABLE = pa.table(
    {
        "text": ["a", "b", "c", "d"],
        "user_id": [7, 7, 8, None],
        "fold": ["0", "1", "0", "1"],
        "part": ["Train", "dev", "test", "train"],
        "when": ["2020", "2021", "2022", "2023"],
        "patient": [["x"], ["y"], ["z"], ["x"]],
    }
)


def test_what_may_be_a_group_or_a_split_is_kept_as_a_table_has_it():
    found = unread_columns(TABLE, ["user_id", "fold", "part", "when", "patient"])
    assert (found.numeric, found.categorical) == (("fold",), ("user_id", "part"))
    assert found.numeric_NF[:, 0].tolist() == [0, 1, 0, 1]
    assert found.categorical_NK[:, 0].tolist() == ["7", "7", "8", ""]
    assert found.categorical_NK[:, 1].tolist() == ["Train", "dev", "test", "train"]
    assert unread_columns(TABLE, ["text", "when"]) is None
    assert unread_columns(TABLE, []) is None


def test_columns_that_have_a_role_after_all():
    found = without_columns(unread_columns(TABLE, ["user_id", "fold", "part"]), {"part", "fold", None})
    assert (found.numeric, found.categorical) == ((), ("user_id",))
    assert np.shape(found.numeric_NF) == (4, 0)
    assert without_columns(None, {"part"}) is None


@pytest.mark.parametrize(
    "name",
    [
        "MRN",
        "学号",
        "病历号",
        "身份证号码",
        "用戶編號",
        "患者番号",
        "환자번호",
        "annotator",
        "USUBJID",
        "pid",
        "StudyInstanceUID",
        "姓名",
        "企业名称",
        "用户昵称",
        "登记号",
        "phone",
        "email_address",
        "E-Mail",
        "mac_address",
        "LCLid",
        "patient_nbr",
        "customer_key",
    ],
)
def test_names_of_who_a_row_is_of_are_groups_in_several_languages(name):
    table = pa.table({name: ["a", "b", "a", "c"]})
    assert unread_columns(table, [name]).categorical == (name,)


@pytest.mark.parametrize("name", ["型号", "信号", "符号", "型號", "paid", "humid", "covid", "liquid", "arguid", "签名"])
def test_other_words_that_end_like_them_are_none(name):
    assert unread_columns(pa.table({name: ["a", "b", "a", "c"]}), [name]) is None


@pytest.mark.parametrize("name", ["fold_id", "cv_fold", "kfold", "folds", "val_fold"])
def test_numbers_of_folds_are_a_split(name):
    assert unread_columns(pa.table({name: ["0", "1", "2", "0"]}), [name]).numeric == (name,)


@pytest.mark.parametrize(
    "words",
    [["训练组", "测试组"], ["訓練集", "測試集"], ["学習", "検証", "テスト"], ["学习", "测试"], ["Train_", "test set"]],
)
def test_words_of_parts_are_a_split_in_several_languages(words):
    assert unread_columns(pa.table({"part": words}), ["part"]).categorical == ("part",)

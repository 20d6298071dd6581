import csv

import numpy as np
import pytest

from tests.places import REAL_DATA
from trainer.data.readers.encodings import likely_encodings
from trainer.data.readers.text_decoding import decode_text
from trainer.errors import DataError

REAL = REAL_DATA
SIMPLIFIED = "label,text\n1,酒店的位置很好，离地铁站很近。\n0,房间太小，隔音不好，早餐一般，下次不会再来了！\n"
TRADITIONAL = "label,text\n1,這間飯店的位置很好，離捷運站很近。\n0,房間太小，隔音不好，下次不會再來了！\n"
HONG_KONG = TRADITIONAL + "1,喺呢度食嘢好抵，啲服務員好好人。\n"
JAPANESE = "label,text\n1,ホテルの場所はとても便利でした。\n0,部屋が狭くて、うるさかった。残念です。\n"
KOREAN = "label,text\n1,호텔 위치가 아주 좋고 직원들이 친절했습니다.\n0,방이 너무 작고 시끄러웠어요.\n"
RUSSIAN = "label,text\n1,Отель расположен очень удобно.\n0,Номер слишком маленький и шумный.\n"
FRENCH = "label,text\n1,L’hôtel était très agréable – à recommander\n0,Das Frühstück war kalt\n"

NAMED = [
    (SIMPLIFIED, "gbk", "gb18030"),
    (SIMPLIFIED, "gb2312", "gb18030"),
    (SIMPLIFIED + "1,𠀀龘\n", "gb18030", "gb18030"),
    (SIMPLIFIED, "utf-16-le", "utf-16-le"),
    (SIMPLIFIED, "utf-16-be", "utf-16-be"),
    (SIMPLIFIED, "utf-16", "utf-16"),
    (SIMPLIFIED, "utf-32", "utf-32"),
    (TRADITIONAL, "big5", "big5"),
    (TRADITIONAL + "1,恒碁\n", "cp950", "cp950"),
    (HONG_KONG, "big5hkscs", "big5hkscs"),
    (TRADITIONAL, "gbk", "gb18030"),
    (TRADITIONAL, "utf-16-le", "utf-16-le"),
    (JAPANESE, "shift_jis", "shift_jis"),
    (JAPANESE + "1,①髙\n", "cp932", "cp932"),
    (JAPANESE, "euc_jp", "euc_jp"),
    (KOREAN, "euc_kr", "euc_kr"),
    (RUSSIAN, "cp1251", "cp1251"),
    (RUSSIAN, "koi8_r", "koi8_r"),
    (FRENCH, "cp1252", "cp1252"),
    (FRENCH, "utf-16-be", "utf-16-be"),
]


@pytest.mark.parametrize(("text", "saved_in", "named"), NAMED)
def test_the_message_names_an_encoding_that_gives_the_text_back(tmp_path, text, saved_in, named) -> None:
    file = tmp_path / "x.csv"
    file.write_bytes(text.encode(saved_in))
    with pytest.raises(DataError) as error:
        decode_text(file, "utf-8")
    first = str(error.value).split("set data.encoding=")[1].split()[0]
    assert first == named
    assert decode_text(file, first).decode() == text


@pytest.mark.parametrize(
    ("text", "saved_in", "asked", "named"),
    [
        (SIMPLIFIED, "utf-8", "gb18030", "utf-8"),
        (SIMPLIFIED, "utf-8", "utf-16", "utf-8"),
        (SIMPLIFIED, "utf-8", "utf-16-le", "utf-8"),
        (SIMPLIFIED + "1,人人\n", "gbk", "big5", "gb18030"),
        (SIMPLIFIED + "1,很囧\n", "gbk", "gb2312", "gb18030"),
        (SIMPLIFIED + "1,𠀀\n", "gb18030", "gbk", "gb18030"),
        (TRADITIONAL + "1,恒碁\n", "cp950", "big5", "cp950"),
        (SIMPLIFIED, "gbk", "ascii", "gb18030"),
    ],
)
def test_the_wrong_encoding_was_asked_for(tmp_path, text, saved_in, asked, named) -> None:
    file = tmp_path / "x.csv"
    file.write_bytes(text.encode(saved_in))
    with pytest.raises(DataError, match=f"set data.encoding={named}$"):
        decode_text(file, asked)


def test_two_encodings_that_fit_are_both_named(tmp_path) -> None:
    file = tmp_path / "x.csv"
    file.write_bytes("text,label\n差,1\n错,0\n".encode("gbk"))
    both = likely_encodings(file.read_bytes())
    assert both[0] == "gb18030"
    assert len(both) > 1
    with pytest.raises(DataError, match=rf"set data.encoding=gb18030 \(or {both[1]}.*, if the text is then wrong\)"):
        decode_text(file, "utf-8")


@pytest.mark.parametrize("saved_in", ["cp850", "mac_roman"])
def test_where_nothing_fits_the_usual_ones_are_listed(tmp_path, saved_in) -> None:
    file = tmp_path / "x.csv"
    file.write_bytes(FRENCH.replace("’", "'").replace("–", "-").encode(saved_in))
    with pytest.raises(DataError, match=r"Chinese: gb18030 or big5; Western European: cp1252"):
        decode_text(file, "utf-8")


@pytest.mark.real_data
@pytest.mark.parametrize("name", ["chnsenticorp_htl_all.csv", "thucnews_titles_20k.csv"])
@pytest.mark.parametrize("saved_in", ["gbk", "utf-16-le", "utf-16-be"])
def test_a_few_rows_of_real_text_are_enough(name, saved_in) -> None:
    with (REAL / "zh" / name).open(encoding="utf-8-sig", newline="") as file:
        texts = [",".join(row) for row in csv.reader(file)][1:]
    random = np.random.default_rng(0)
    named = {"gbk": "gb18030"}.get(saved_in, saved_in)
    for n_rows, least in ((1, 18), (5, 20)):
        samples = ["text,label\n" + "\n".join(random.choice(texts, n_rows)) for _ in range(20)]
        found = [likely_encodings(sample.encode(saved_in, "ignore")) for sample in samples]
        first = sum(encodings[:1] == (named,) for encodings in found)
        assert first >= least, (n_rows, first)

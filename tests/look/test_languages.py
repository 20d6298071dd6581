"""Scripts tell languages, with a brand name or a link among the letters too."""

import pytest

from trainer.look.languages import guess_language


@pytest.mark.parametrize(
    ("texts", "language"),
    [
        (["房间很大，iPhone 也能用，wifi 不错"], "zh"),
        (["この映画はとてもよかったです"], "ja"),
        (["배송이 빨라요 Samsung"], "ko"),
        (["Очень хороший фильм"], "ru"),
        (["so so", "très bien"], "latin"),
        (["great 👍 value 好"], "latin"),
        (["12:30", "!!!"], ""),
    ],
)
def test_the_script_tells(texts, language):
    assert guess_language(texts) == language

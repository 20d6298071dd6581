"""The audit at the start of a run on images."""

import numpy as np

from trainer.data.samples import Images, Texts
from trainer.run.steps.audit import MOST_IMAGES, MOST_TEXTS, in_time, most_near

IMAGES = Images("", (), ())


def test_a_bound_on_the_search_for_near_copies_is_told():
    assert (most_near(IMAGES), most_near(Texts(()))) == (MOST_IMAGES, MOST_TEXTS)
    assert in_time(IMAGES, False, True, 1.25) == "audit: nothing found in 1.2 s"
    assert "above 10,000 images near copies are looked for by audit=strict" in in_time(IMAGES, True, False, 3.0)


def test_a_copy_under_another_name_is_found_before_the_first_step(train, tmp_path):
    from PIL import Image

    for label in ("cat", "dog"):
        (tmp_path / "pets" / label).mkdir(parents=True)
    for place in range(24):
        pixels = np.random.default_rng(place // 2).integers(0, 256, (24, 24, 3), dtype=np.uint8)
        label = "cat" if place < 12 else "dog"
        kept = {} if place % 2 else {"optimize": True, "compress_level": 1}
        Image.fromarray(pixels).save(tmp_path / "pets" / label / f"{place}.png", **kept)
    outcome = train("data=image_folder", f"data.path={tmp_path / 'pets'}", "model=image_cnn", "audit=strict")
    assert outcome.code == 3
    assert "copies of training rows" in outcome.err or "nearly the same as training rows" in outcome.err
    assert "cv.group=auto_duplicates" in outcome.err

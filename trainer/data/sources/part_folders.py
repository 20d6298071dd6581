"""Which folders of images are parts of a data set, and which are classes."""

from collections.abc import Sequence

from trainer.system.part_words import HELD_OUT_WORDS, PART_WORDS, TRAIN_WORDS, part_word


def single_top(names: Sequence[str]) -> str:
    """Return the folders, ending in ``/``, that hold all images and still have class folders inside; else ""."""
    top = ""
    while True:
        heads = {name[len(top) :].split("/", 1)[0] for name in names}
        if len(heads) > 1 or any(name[len(top) :].count("/") < 2 for name in names):
            return top
        top += f"{heads.pop()}/"


def part_folders(names: Sequence[str], top: str) -> tuple[str, ...]:
    """Return the train, val and test folders, and others next to them; none where the folders at the top are classes.

    They are classes where one is called otherwise, unless train and a held-out folder have class folders in common.
    """
    folders = [name[len(top) :].split("/")[:-1] for name in names]
    heads = sorted({path[0] for path in folders if path})
    below = {(part_word(path[0]), path[1]) for path in folders if len(path) > 1}
    in_train, in_held_out = (
        {label for head, label in below if head in words} for words in (TRAIN_WORDS, HELD_OUT_WORDS)
    )
    is_split = len(heads) > 1 and bool(below) and all(map(is_part, heads))
    return tuple(heads) if is_split or in_train & in_held_out else ()


def is_part(folder: str) -> bool:
    """Return whether a folder is called as those of train, val or test images are."""
    return part_word(folder) in PART_WORDS

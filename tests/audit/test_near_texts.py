import time

import numpy as np
import pytest

from trainer.audit.near_texts import SHORTEST, near_clusters, union

WORDS = [
    "the",
    "a",
    "room",
    "service",
    "was",
    "very",
    "good",
    "bad",
    "clean",
    "noise",
    "staff",
    "never",
    "night",
    "small",
]


def grams(text: str) -> set[str]:
    return {text[place : place + 3] for place in range(len(text) - 2)}


def brute_force(texts: list[str], threshold: float) -> np.ndarray:
    """Connected components of all pairs at or above the threshold."""
    label = list(range(len(texts)))
    sets = [grams(text) if len(text) >= SHORTEST else set() for text in texts]
    for i in range(len(texts)):
        for j in range(i):
            if sets[i] and sets[j] and len(sets[i] & sets[j]) >= threshold * len(sets[i] | sets[j]):
                old, new = label[i], label[j]
                label = [new if value == old else value for value in label]
    return np.array(label)


def partition(labels: np.ndarray) -> set[frozenset[int]]:
    return {frozenset(np.flatnonzero(labels == label).tolist()) for label in np.unique(labels)}


def sentences(n: int, seed: int) -> list[str]:
    random = np.random.default_rng(seed)
    made = [" ".join(random.choice(WORDS, random.integers(4, 25))) for _ in range(n)]
    for row in range(0, n, 3):  # a copy with one word more, or one changed letter
        source = made[random.integers(n)]
        made[row] = source + " indeed" if row % 2 else source[: len(source) // 2] + "#" + source[len(source) // 2 + 1 :]
    return sorted(set(made))


@pytest.mark.parametrize("seed", range(4))
def test_every_link_is_a_pair_above_the_threshold_and_few_are_missed(seed: int) -> None:
    texts = sentences(150, seed)
    found, expected = near_clusters(texts, 0.8), brute_force(texts, 0.8)
    n_together = sum(len(part) - 1 for part in partition(expected))
    n_missed = len(partition(found)) - len(partition(expected))
    assert n_together > 20
    assert 0 <= n_missed <= 0.05 * n_together
    for part in partition(found):  # nothing is joined that all pairs would not join
        assert any(part <= other for other in partition(expected))


def test_pairs_well_above_the_threshold_are_all_found() -> None:
    texts = sentences(150, 9)
    expected = partition(brute_force(texts, 0.92))
    found = partition(near_clusters(texts, 0.8))
    assert sum(len(part) > 1 for part in expected) > 5
    assert all(any(part <= other for other in found) for part in expected)


def test_chinese_texts_with_another_end_are_near() -> None:
    text = "这家酒店的位置非常方便离地铁站只有五分钟的路程房间也很干净服务员态度很好下次还会再来住"
    others = ["早餐的种类太少了而且每天都是一样的希望能够改进", text[:-2] + "入住", "房间"]
    assert partition(near_clusters([text, *others])) == {frozenset({0, 2}), frozenset({1}), frozenset({3})}


def test_short_texts_are_never_near() -> None:
    assert partition(near_clusters(["okay then", "okay then.", "okay thenn"])) == {
        frozenset({0}),
        frozenset({1}),
        frozenset({2}),
    }


def test_clusters_do_not_depend_on_how_texts_are_cut_into_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = sentences(60, 3)
    expected = near_clusters(texts)
    monkeypatch.setattr("trainer.audit.near_texts.CHUNK_CHARACTERS", 100)
    monkeypatch.setattr("trainer.audit.near_texts.CHUNK_SHINGLES", 100)
    monkeypatch.setattr("trainer.audit.near_texts.CHUNK_PAIRS", 3)
    np.testing.assert_array_equal(near_clusters(texts), expected)


def from_template(n: int) -> list[str]:
    """Sentences that differ in a number of nine digits: two of them share about 70 % of their 3-grams."""
    numbers = np.random.default_rng(0).integers(10**9, size=n)
    return sorted({f"dear customer your order {number} has left and arrives in three days" for number in numbers})


def test_most_near_copies_among_texts_from_one_template_are_found() -> None:
    texts = from_template(300)
    found, expected = near_clusters(texts), brute_force(texts, 0.8)
    linked = np.bincount(expected)[expected] > 1
    assert linked.sum() > 50
    assert (np.bincount(found)[found] > 1)[linked].mean() > 0.9
    assert not (np.bincount(found)[found] > 1)[~linked].any()


def test_thousands_of_texts_from_one_template_take_linear_time() -> None:
    texts = from_template(20_000)
    start = time.process_time()
    near_clusters(texts)
    assert time.process_time() - start < 30  # all pairs would be 200 million


@pytest.mark.parametrize("texts", [[], ["one text alone here"]])
def test_nothing_to_compare(texts: list[str]) -> None:
    assert near_clusters(texts).tolist() == list(range(len(texts)))


def test_join_follows_links_in_steps() -> None:
    labels = union(np.array([0, 1, 2, 3, 3]), np.array([[0, 1], [1, 3]]))
    assert partition(labels) == {frozenset({0, 1, 3, 4}), frozenset({2})}

import numpy as np

from dbal_tf.scaleout.blocks import Block, Ranked


def _ranked(ids: str, keys: list[float], ties: list[float]) -> Ranked:
    return Ranked(np.array(list(ids), object), np.array(keys), np.array(keys), np.array(ties))


def test_the_best_by_key_then_by_tie() -> None:
    block = _ranked("abcd", [1, 3, 3, 2], [0, 1, 2, 0])
    assert block.best(3).ids.tolist() == ["c", "b", "d"]
    assert block.best(9).ids.tolist() == ["c", "b", "d", "a"]


def test_joined_keeps_the_order_and_all_fields() -> None:
    joined = Ranked.joined([_ranked("ab", [1, 2], [3, 4]), _ranked("c", [5], [6])])
    assert joined.ids.tolist() == ["a", "b", "c"]
    assert joined.keys.tolist() == [1, 2, 5] and joined.ties.tolist() == [3, 4, 6]


def test_select_keeps_items_with_their_images() -> None:
    images = np.arange(3, dtype=np.uint8).reshape(3, 1, 1, 1)
    chosen = Block(("a", "b", "c"), images).select(frozenset({"c", "a", "z"}))
    assert chosen.ids == ("a", "c") and chosen.images.ravel().tolist() == [0, 2]

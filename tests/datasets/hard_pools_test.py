import numpy as np
import pytest

from dbal_tf.artifacts import Examples, Labels, Splits
from dbal_tf.datasets import hard_pools

_IDS = np.array([f"i{number}" for number in range(40)])
_CLASSES = np.arange(40) % 4
_IMAGES = np.random.default_rng(0).integers(60, 200, (40, 5, 5, 1), np.uint8)
_SPLITS = Splits(_IDS[:4], _IDS[4:10], _IDS[10:])
_HIDDEN = Labels(_IDS, _CLASSES)


def test_a_pool_with_rare_classes() -> None:
    one, same, other = (
        hard_pools.of_counts(_SPLITS, _HIDDEN, [1, 5, 0, 99], seed) for seed in (3, 3, 4)
    )
    kept = _HIDDEN.select(one.pool_ids).classes
    assert np.bincount(kept, minlength=4).tolist() == [1, 5, 0, 8]
    assert one.pool_ids.tolist() == same.pool_ids.tolist() != other.pool_ids.tolist()
    order = np.flatnonzero(np.isin(_IDS, one.pool_ids))
    assert one.pool_ids.tolist() == _IDS[order].tolist(), "in the order of the pool"
    assert one.initial_ids is _SPLITS.initial_ids


@pytest.mark.parametrize("copies", [2, 4])
def test_copies_replace_their_image_and_keep_its_class(copies: int) -> None:
    train, splits, hidden = hard_pools.repeat(
        Examples(_IDS, _IMAGES), _SPLITS, _HIDDEN, copies, 0.05, seed=0
    )
    assert len(train) == len(hidden) == 10 + 30 * copies
    assert splits.pool_ids[:copies].tolist() == [f"i10#{n + 1}" for n in range(copies)]
    assert set(train.ids) == {*_IDS[:10], *splits.pool_ids}
    before = _HIDDEN.select(_SPLITS.pool_ids).classes
    after = hidden.select(splits.pool_ids).classes
    assert after.tolist() == np.repeat(before, copies).tolist()
    kept = train.select(_IDS[:10])
    np.testing.assert_array_equal(kept.images, _IMAGES[:10])
    noise = train.select(splits.pool_ids).images - np.repeat(
        _IMAGES[10:].astype(float), copies, axis=0
    )
    assert noise.std() == pytest.approx(0.05 * 255, rel=0.1)
    assert abs(noise.mean()) < 1.5
    assert not np.allclose(noise[0], noise[1]), "each copy has noise of its own"


def test_noise_stays_in_range_and_no_noise_changes_nothing() -> None:
    extreme = np.tile(np.array([0, 255], np.uint8).reshape(2, 1, 1, 1), (20, 5, 5, 1))
    for noise in (0.0, 0.5):
        train, splits, _ = hard_pools.repeat(
            Examples(_IDS, extreme), _SPLITS, _HIDDEN, 3, noise, seed=1
        )
        pool = train.select(splits.pool_ids).images
        plain = np.repeat(extreme[10:], 3, axis=0)
        assert np.array_equal(pool, plain) == (noise == 0)
        # Without clipping, noise would carry black over into white.
        assert abs(pool.astype(float) - plain).mean() < 255 * 0.25
    assert (extreme == np.tile(extreme[:2], (20, 1, 1, 1))).all(), "what was given is as before"

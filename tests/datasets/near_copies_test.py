import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageEnhance, ImageFilter

from dbal_tf.datasets import near_copies
from dbal_tf.datasets.decoding import decode, resize
from dbal_tf.datasets.near_copies import group_near_copies, merge_groups


def _thumbnail(image: Image.Image) -> np.ndarray:
    pixels = np.asarray(image)
    return resize(pixels.reshape(*pixels.shape[:2], -1), (32, 32), "stretch", 1)[..., 0]


def _photo(seed: int) -> Image.Image:
    """A smooth random picture with some detail."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (12, 12, 3), np.uint8))
    smooth = coarse.resize((96, 96), Image.Resampling.BICUBIC)
    return smooth.filter(ImageFilter.GaussianBlur(2)).point(lambda value: 40 + value * 0.6)


def _jpeg(image: Image.Image, quality: int) -> Image.Image:
    content = io.BytesIO()
    image.save(content, "JPEG", quality=quality)
    return Image.open(content)


COPIES = {
    "same": lambda image: image,
    "jpeg": lambda image: _jpeg(image, 40),
    "half": lambda image: image.resize((48, 48)),
    "twice": lambda image: image.resize((192, 192)),
    "stretched": lambda image: image.resize((96, 70)),
    "brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.2),
    "darker": lambda image: ImageEnhance.Brightness(image).enhance(0.6),
    "contrast": lambda image: ImageEnhance.Contrast(image).enhance(0.7),
    "grey": lambda image: image.convert("L"),
    "colourful": lambda image: ImageEnhance.Color(image).enhance(1.5),
}


@pytest.mark.parametrize("kind", COPIES)
def test_copies_are_found(kind: str) -> None:
    others = [_photo(seed) for seed in range(10)]
    images = [*others, *map(COPIES[kind], others)]
    groups = group_near_copies(np.stack([_thumbnail(image) for image in images]))
    assert groups.tolist() == [*range(10)] * 2


def test_images_without_structure() -> None:
    flat = np.repeat(np.array([10, 10, 200], np.uint8), 1024).reshape(3, 32, 32)
    dust = flat[2:].copy()
    dust[0, 3, 3] += 1
    assert group_near_copies(np.concatenate([flat, dust])).tolist() == [0, 0, 1, 2]
    assert group_near_copies(flat[:0]).shape == (0,)


def test_many_equal_images_cost_nothing() -> None:
    one = _thumbnail(_photo(0))
    assert not group_near_copies(np.repeat(one[np.newaxis], 50_000, axis=0)).any()


@settings(max_examples=20)
@given(st.lists(st.integers(0, 5), min_size=1, max_size=12), st.randoms(use_true_random=False))
def test_groups_do_not_depend_on_the_order_or_the_blocks(numbers, random) -> None:
    photos = np.stack([_thumbnail(_photo(number)) for number in range(6)])
    expected = np.unique(numbers, return_inverse=True)[1]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(near_copies, "_BLOCK", random.randint(1, 12))
        groups = group_near_copies(photos[numbers])
    same = groups[:, np.newaxis] == groups
    np.testing.assert_array_equal(same, expected[:, np.newaxis] == expected)
    first = [groups.tolist().index(group) for group in range(groups.max() + 1)]
    assert first == sorted(first), "numbered in the order of first members"


def test_isic(test_data) -> None:
    paths = sorted((test_data / "isic2016/images").glob("*.jpg"))
    shots = [
        resize(decode(path.read_bytes()), (32, 32), "stretch", 1)[..., 0] for path in paths
    ]
    groups = group_near_copies(np.stack(shots))
    _, counts = np.unique(groups, return_counts=True)
    found = [
        {paths[row].stem for row in np.flatnonzero(groups == group)}
        for group in np.flatnonzero(counts > 1)
    ]
    assert {"ISIC_0001442", "ISIC_0001742"} in found
    assert {"ISIC_0000519", "ISIC_0011295"} in found
    assert sum(counts[counts > 1]) - 4 <= 3, "false alarms"


@given(
    st.lists(st.tuples(st.integers(0, 5), st.sampled_from(["", "a", "b", "c"])), max_size=12)
)
def test_merged_groups_are_the_finest_that_hold_both(pairs) -> None:
    groups = np.array([group for group, _ in pairs], np.int64) % max(1, len(pairs))
    names = [name for _, name in pairs]
    merged = merge_groups(groups, names).tolist()
    # Whatever is reached by steps from an image to one of its group or name is in its group.
    reached = [{row} for row in range(len(pairs))]
    for _ in pairs:
        for row, (group, name) in enumerate(pairs):
            for other, (its_group, its_name) in enumerate(pairs):
                same_group = group % max(1, len(pairs)) == its_group % max(1, len(pairs))
                if same_group or (name and name == its_name):
                    reached[row] |= reached[other]
    for row, rows in enumerate(reached):
        assert rows == {other for other, group in enumerate(merged) if group == merged[row]}
    assert list(dict.fromkeys(merged)) == list(range(len(set(merged))))

import hashlib

import numpy as np

from dbal_tf.seeds import seed_for


def test_known_answer():
    assert hashlib.sha256(b"0/0/0/split").hexdigest().startswith("5e905af6")
    assert seed_for(0, 0, 0, "split") == 0x5E905AF6 >> 1 == 793259387


def test_every_argument_counts_for_itself():
    calls = [(0, 0, 0, "fit"), (1, 0, 0, "fit"), (0, 1, 0, "fit"), (0, 0, 1, "fit")]
    calls += [(0, 0, 0, "masks"), (1, 12, 0, "fit"), (11, 2, 0, "fit"), (1, 1, 20, "fit")]
    assert len({seed_for(*call) for call in calls}) == len(calls)


def test_seeds_are_spread_over_all_31_bits():
    seeds = np.array([seed_for(0, 0, index, "masks") for index in range(4000)])
    assert len(set(seeds.tolist())) == 4000
    assert 0 <= seeds.min() < 2**31 // 100
    assert 2**31 - 2**31 // 100 < seeds.max() < 2**31
    counts, _ = np.histogram(seeds, bins=10, range=(0, 2**31))
    assert counts.min() > 300
    assert counts.max() < 500

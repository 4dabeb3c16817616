"""Seeds for all random numbers of a run, derived from one root seed by purpose.

Seeds are hashed, not drawn from a running stream. A resumed run therefore continues
with the same random numbers as an uninterrupted one, and techniques with the same
root seed share their splits, initial weights and masks.
"""

import hashlib


def seed_for(root: int, repetition: int, round_index: int, purpose: str) -> int:
    """Returns the seed for one purpose in one round of one repetition.

    Args:
        root: The run's `--seed`.
        repetition: Repetition of the experiment, from 0.
        round_index: Round of the loop, from 0.
        purpose: What the seed is for, such as `"fit"` or `"masks"`.

    Returns:
        An int in [0, 2**31), the same on every machine and in every version.

    >>> seed_for(0, 0, 0, "split")
    793259387
    """
    key = f"{root}/{repetition}/{round_index}/{purpose}".encode()
    # Not Python's hash(), which is salted. The highest bit is dropped, because some
    # libraries take signed 32-bit seeds.
    return int.from_bytes(hashlib.sha256(key).digest()[:4], "big") >> 1

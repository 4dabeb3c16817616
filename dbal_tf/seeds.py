"""Every random number of a run comes from one root seed, by name.

A seed is derived, never drawn from a running stream, so a run that was killed
goes on with exactly the numbers that it would have used, and two techniques
that share a root seed share their splits, initial weights and masks.
"""

import hashlib


def seed_for(root: int, repetition: int, round_index: int, purpose: str) -> int:
    """Returns the seed for one purpose in one round of one repetition.

    Args:
        root: The run's `--seed`.
        repetition: Which repetition of the experiment, from 0.
        round_index: Which round of the loop, from 0.
        purpose: What the numbers are for, such as `"weights"` or `"masks"`.

    Returns:
        An int in [0, 2**31), equal on every machine and in every version.

    >>> seed_for(0, 0, 0, "split")
    793259387
    """
    key = f"{root}/{repetition}/{round_index}/{purpose}".encode()
    return int.from_bytes(hashlib.sha256(key).digest()[:4], "big") >> 1

"""What tests of the audit share: facts as an older version recorded them."""

import dataclasses
from collections.abc import Callable

import pytest

from dbal_tf.audit.facts import Facts


@pytest.fixture
def as_older() -> Callable[[Facts], Facts]:
    """Takes from facts what the first version did not record."""

    def older(facts: Facts) -> Facts:
        return dataclasses.replace(
            facts,
            run=dataclasses.replace(facts.run, class_names=()),
            rounds=[dataclasses.replace(row, labels_sha256=None) for row in facts.rounds],
            executions=[dataclasses.replace(row, purpose=None) for row in facts.executions],
            artifacts=[dataclasses.replace(row, sha256=None) for row in facts.artifacts],
            splits={},
        )

    return older

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dbal_tf.acquisition.stochastic import stochastic
from dbal_tf.scaleout.best import Best
from dbal_tf.scaleout.blocks import Ranked
from dbal_tf.scaleout.scoring import Ranking

_SCORES = st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0]), min_size=1, max_size=60)


def _blocks(ranked: Ranked, edges: list[int]) -> list[Ranked]:
    parts = np.split(np.arange(len(ranked.ids)), sorted(e % len(ranked.ids) for e in edges))
    fields = (ranked.ids, ranked.scores, ranked.keys, ranked.ties)
    return [Ranked(*(values[rows] for values in fields)) for rows in parts]


@given(
    _SCORES,
    st.lists(st.integers(0, 59), max_size=6),
    st.integers(1, 20),
    st.sampled_from([("softmax", 0.0), ("softmax", 0.5), ("power", 1.0)]),
    st.integers(0, 5),
)
def test_any_division_gives_the_single_machines_query(scores, edges, count, noise, seed):
    ids = [f"item-{row}" for row in range(len(scores))]
    kind, temperature = noise
    ranked = Ranking("bald", 5, seed, temperature, kind).ranked(ids, np.array(scores))
    best, accumulators = Best(count), []
    for number, block in enumerate(_blocks(ranked, edges)):
        if number % 2 == 0:
            accumulators.append(best.create_accumulator())
        accumulators[-1] = best.add_input(accumulators[-1], block)
    found = best.extract_output(best.merge_accumulators(reversed(accumulators)))
    k = min(count, len(ids))
    expected = stochastic(np.array(scores), ids, k, seed, kind, temperature)
    assert found.ids.tolist() == [ids[row] for row in expected]
    assert found.scores.tolist() == [scores[row] for row in expected]


def test_memory_is_bounded():
    best, parts = Best(10), []
    for number in range(200):
        ids = [f"{number}-{row}" for row in range(7)]
        parts = best.add_input(parts, Ranking("bald", 1, 0).ranked(ids, np.zeros(7)))
        assert sum(len(part.ids) for part in parts) <= 2 * 10 + 7


def test_of_nothing_the_best_is_nothing():
    best = Best(3)
    assert best.extract_output(best.create_accumulator()).ids.tolist() == []
    assert best.merge_accumulators([[], []]) == []

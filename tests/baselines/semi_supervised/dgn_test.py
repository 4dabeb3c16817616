"""M1 + M2: the loss by hand; both parts learn."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from dbal_tf.baselines.semi_supervised import dgn, dgn_bounds
from dbal_tf.baselines.semi_supervised.dgn import Dgn, Phase, m2_loss
from dbal_tf.baselines.semi_supervised.dgn_bounds import M1, M2
from dbal_tf.baselines.semi_supervised.session import Session


def test_the_losses_of_both_parts_fall(parts):
    seen = []
    session = Session(log=lambda name, measures, step: seen.append((name, dict(measures))))
    phase = Phase(250, 50, 3e-3, 1e-3)
    short = dataclasses.replace(Dgn.tiny(), phase1=phase, phase2=phase)
    short.fit(*parts[:3], seed=0, session=session)
    for part in ("dgn_m1", "dgn_m2"):
        losses = [measures["loss"] for name, measures in seen if name == part]
        assert losses[-1] < losses[0]


def test_loss_by_hand(monkeypatch):
    monkeypatch.setattr(dgn_bounds, "_SPREAD", 0.3)
    m2 = M2(3, (4,), 2, num_classes=2, seed=0)
    rng = np.random.default_rng(0)
    x, noise_l, x_u, noise_u = (
        tf.constant(rng.normal(size=shape), tf.float32)
        for shape in [(4, 3), (4, 2), (6, 3), (6, 2)]
    )
    onehot = tf.one_hot([0, 1, 1, 0], 2)
    log_probs = tf.nn.log_softmax(m2.classifier(x)).numpy()
    chosen = log_probs[np.arange(4), [0, 1, 1, 0]]
    expected = (
        -0.25 * np.mean(m2.bound(x, onehot, noise_l))
        - 0.75 * np.mean(m2.marginalised_bound(x_u, noise_u))
        - 0.1 * chosen.mean()
    )
    found = m2_loss(m2, (x, onehot, noise_l), (x_u, noise_u), share=0.25, alpha=0.1)
    assert float(found) == pytest.approx(expected, rel=1e-5)


def test_blocks_change_nothing(parts, monkeypatch):
    m1 = M1(784, (8,), 3, seed=0)
    whole = dgn.encode(m1, parts.unlabelled[:50])
    monkeypatch.setattr(dgn, "_BLOCK", 7)
    for one, other in zip(dgn.encode(m1, parts.unlabelled[:50]), whole, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)

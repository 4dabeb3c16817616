"""Statistics of many images: chunks, tiles, errors and the public call."""

import gc
import weakref

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

import dbal_tf as dbal
from dbal_tf.bayesian import chunks, inference, masks
from dbal_tf.bayesian.posteriors import McDropout
from dbal_tf.core import InputError

NETWORKS = (
    *("small_paper", "residual", "shared", "batch_norm", "gaussian", "training_true"),
    "half_precision",
)


def test_the_public_interface(build, images) -> None:
    model = build("small_paper")
    pool = images(model, 30)
    stats = dbal.predictive_statistics(model, pool, num_samples=10, seed=0)
    assert isinstance(stats, dbal.PredictiveStatistics)
    assert [array.shape for array in stats] == [(30, 3), (30, 3), (30,), (30, 3)]
    assert all(type(array) is np.ndarray and array.dtype == np.float32 for array in stats)
    scores = dbal.acquisition.bald(stats)
    query = dbal.acquisition.top_k(scores, k=10, seed=0)
    assert query.tolist() == np.argsort(-scores.numpy())[:10].tolist()
    own = dbal.PredictiveStatistics.from_probs(np.full((4, 3, 2), 0.5))
    assert dbal.acquisition.bald(own).numpy().tolist() == [0, 0, 0, 0]
    for name in ("random", "bald", "max_entropy", "var_ratios", "mean_std"):
        assert getattr(dbal.acquisition, name)(stats).shape == (30,)


def test_statistics_are_those_of_the_posteriors_samples(build, images) -> None:
    model = build("residual")
    x, posterior = images(model, 5), McDropout(model)
    samples = posterior.sample(tf.range(12, dtype=tf.int64), tf.constant(7, tf.int64))
    probs_tnc = posterior.probs(posterior.features(tf.constant(x)), samples).numpy()
    expected = dbal.PredictiveStatistics.from_probs(probs_tnc.transpose(1, 0, 2))
    for got, one in zip(dbal.predictive_statistics(model, x, 12, 7), expected, strict=True):
        np.testing.assert_allclose(got, one, atol=1e-5)


def test_samples_of_a_few_images_are_those_of_the_statistics(build, images) -> None:
    model = build("small_paper")
    x, predictor = images(model, 5), inference.predictor_for(model, "mc_dropout")
    probs_ntc = predictor.probs(x, 130, seed=7)  # two tiles
    assert probs_ntc.shape == (5, 130, 3)
    expected = dbal.PredictiveStatistics.from_probs(probs_ntc)
    for got, one in zip(predictor.statistics(x, 130, seed=7), expected, strict=True):
        np.testing.assert_allclose(got, one, atol=1e-5)


def test_probs_are_computed_chunk_by_chunk(build, images, monkeypatch) -> None:
    model = build("small_paper")
    x = images(model, 10)
    whole = inference.Predictor(model).probs(x, 130, seed=7)
    for items in (1, 4, 10):
        monkeypatch.setattr(chunks, "_ITEMS", items)
        streamed = _Streamed(x)
        got = inference.Predictor(model).probs(streamed, 130, seed=7)
        np.testing.assert_allclose(got, whole, atol=1e-6)
        assert (max(streamed.sizes), sum(streamed.sizes)) == (items, 10)


def test_probs_of_no_images_are_refused(build) -> None:
    with pytest.raises(InputError, match="No images were given"):
        inference.Predictor(build("small_paper")).probs(np.zeros((0, 8, 8, 1)), 5, 0)


def test_a_predictor_belongs_to_the_strategy_it_was_made_under(build, images) -> None:
    model = build("small_paper")
    x, alone = images(model, 5), inference.predictor_for(model, "mc_dropout")
    expected = alone.probs(x, 5, 0)
    strategy = tf.distribute.OneDeviceStrategy("CPU:0")
    with strategy.scope():
        other = inference.predictor_for(model, "mc_dropout")
        assert other is inference.predictor_for(model, "mc_dropout") is not alone
        assert other._strategy is strategy
        np.testing.assert_allclose(other.probs(x, 5, 0), expected, atol=1e-6)
    assert inference.predictor_for(model, "mc_dropout") is alone


def _fresh(model: keras.Model, x: np.ndarray, num_samples: int) -> dbal.PredictiveStatistics:
    return inference.Predictor(model).statistics(x, num_samples, seed=1)


@pytest.mark.parametrize("name", ["small_paper", "residual"])
@pytest.mark.parametrize(
    ("module", "setting", "sizes"),
    [(chunks, "_ITEMS", (7, 256, 300)), (inference, "_SAMPLES", (1, 7, 100))],
    ids=["chunks", "tiles"],
)
def test_chunks_and_tiles_of_any_size(
    module, setting, sizes, name, build, images, monkeypatch
) -> None:
    model = build(name)
    x = images(model, 300)
    whole = _fresh(model, x, 30)
    best = dbal.acquisition.top_k(dbal.acquisition.bald(whole), 10, seed=0)
    for size in sizes:
        monkeypatch.setattr(module, setting, size)
        parts = _fresh(model, x, 30)
        for array, once in zip(parts, whole, strict=True):
            np.testing.assert_allclose(array, once, atol=1e-5)
        for score in dbal.acquisition.ACQUISITIONS.values():
            np.testing.assert_allclose(score(parts), score(whole), atol=1e-5)
        again = dbal.acquisition.top_k(dbal.acquisition.bald(parts), 10, seed=0)
        assert again.tolist() == best.tolist()


@pytest.mark.parametrize("name", NETWORKS)
def test_scoring_changes_no_variable(name: str, build, images) -> None:
    model = build(name)
    variables = [*model.variables, *masks.seed_states(model)]
    before = [variable.numpy() for variable in variables]
    for posterior in ("mc_dropout", "deterministic"):
        dbal.predictive_statistics(model, images(model, 5), 6, posterior=posterior)
    for variable, value in zip(variables, before, strict=True):
        assert variable.numpy().tobytes() == value.tobytes(), variable.path


@pytest.mark.parametrize("name", ["small_paper", "batch_norm", "nested", "no_dropout"])
def test_the_deterministic_posterior(name: str, build, images) -> None:
    model = build(name)
    x = images(model, 9)
    stats = dbal.predictive_statistics(model, x, num_samples=50, posterior="deterministic")
    np.testing.assert_allclose(stats.mean_probs, model(x, training=False), atol=1e-6)
    np.testing.assert_array_equal(dbal.acquisition.bald(stats), 0)
    np.testing.assert_array_equal(dbal.acquisition.mean_std(stats), 0)


def test_a_known_network(build) -> None:
    x = keras.Input((1,))
    dense = layers.Dense(2, activation="softmax", use_bias=False)
    model = keras.Model(x, dense(layers.Dropout(0.5)(x)))
    dense.kernel.assign([[0.5 * np.log(3), 0.0]])
    # The input 1 becomes 0 or 2, so the probabilities are 1/2 or 3/4 for the first class.
    stats = dbal.predictive_statistics(model, np.ones((1, 1)), num_samples=2000)
    kept = float(stats.mean_probs[0, 0] - 0.5) / 0.25
    assert abs(kept - 0.5) < 5 * np.sqrt(0.25 / 2000)
    expected = kept * (1 - kept) / 16
    np.testing.assert_allclose(stats.var_probs, [[expected, expected]], atol=1e-6)
    entropies = (1 - kept) * np.log(2) + kept * (2 * np.log(2) - 0.75 * np.log(3))
    np.testing.assert_allclose(stats.expected_entropy, [entropies], atol=1e-5)
    np.testing.assert_allclose(stats.votes, [[1.0, 0.0]])


def test_the_seed_fixes_the_samples(build, images) -> None:
    model = build("small_paper")
    x = images(model, 5)
    one, same, other = (dbal.predictive_statistics(model, x, 10, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.mean_probs, same.mean_probs)
    assert np.abs(one.mean_probs - other.mean_probs).max() > 1e-3


def test_new_weights_are_seen(build, images) -> None:
    model, twin = build("small_paper"), build("small_paper")
    x = images(model, 5)
    before = dbal.predictive_statistics(model, x, 10).mean_probs
    weights = [np.random.default_rng(0).permuted(w) for w in model.get_weights()]
    for each in (model, twin):
        each.set_weights(weights)
    after = dbal.predictive_statistics(model, x, 10).mean_probs
    assert np.abs(after - before).max() > 1e-3
    np.testing.assert_array_equal(after, dbal.predictive_statistics(twin, x, 10).mean_probs)


def test_images_may_be_bytes_or_lists(build, images) -> None:
    model = build("small_paper")
    x = images(model, 3)
    floats = dbal.predictive_statistics(model, x, 5).mean_probs
    for other in (x.astype(np.uint8), x.tolist()):
        got = dbal.predictive_statistics(model, other, 5).mean_probs
        np.testing.assert_array_equal(got, floats)


class _Streamed:
    """Images that can be had in slices alone; notes their sizes."""

    def __init__(self, images: np.ndarray) -> None:
        self.shape, self._images, self.sizes = images.shape, images, []

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, rows: slice) -> np.ndarray:
        self.sizes.append(len(self._images[rows]))
        return self._images[rows]


def test_images_are_read_chunk_by_chunk(build, images, monkeypatch) -> None:
    model = build("small_paper")
    x = images(model, 10)
    monkeypatch.setattr(chunks, "_ITEMS", 4)
    streamed = _Streamed(x)
    got = dbal.predictive_statistics(model, streamed, 5)
    assert streamed.sizes == [4, 4, 2]
    for array, expected in zip(got, dbal.predictive_statistics(model, x, 5), strict=True):
        np.testing.assert_array_equal(array, expected)


def test_nothing_is_traced_twice(build, images) -> None:
    model = build("small_paper")
    predictor = inference.predictor_for(model, "mc_dropout")
    for items, samples in ((5, 7), (9, 7), (3, 250), (1, 1), (5, 120)):
        predictor.statistics(images(model, items), samples, seed=items)
        predictor.probs(images(model, items), samples, seed=items)
    compiled = (x for x in vars(predictor).values() if hasattr(x, "get_concrete_function"))
    assert [x.experimental_get_tracing_count() for x in compiled] == [1] * 6
    assert inference.predictor_for(model, "mc_dropout") is predictor


def test_a_model_that_is_gone_is_not_kept(build, images) -> None:
    model = build("small_paper")
    dbal.predictive_statistics(model, images(model, 2), 3)
    gone = weakref.ref(model)
    del model
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("no_dropout", {}, "no dropout layer with a rate above 0; .* add keras.layers.Dropout"),
        ("no_softmax", {}, "outputs sum to .* end the model with a softmax activation"),
        (
            "small_paper",
            {"num_samples": 0},
            "num_samples=0 cannot be used; expected at least 1",
        ),
        ("small_paper", {"num_samples": -3}, "num_samples=-3 cannot be used"),
        (
            "small_paper",
            {"posterior": "x"},
            "posterior='x' cannot be used; expected one of mc_",
        ),
        ("small_paper", {"images": np.zeros((0, 8, 8, 1))}, "No images were given"),
        ("small_paper", {"images": np.zeros((5, 8, 8))}, r"shape \(5, 8, 8\); expected \(None"),
        ("small_paper", {"images": np.zeros((5, 8, 8, 3))}, r"shape \(5, 8, 8, 3\); expected"),
        ("small_paper", {"images": np.zeros((8, 8, 1))}, r"shape \(8, 8, 1\); expected"),
    ],
)
def test_bad_input(name: str, arguments: dict, message: str, build, images) -> None:
    model = build(name)
    with pytest.raises(InputError, match=message) as caught:
        dbal.predictive_statistics(model, **{"images": images(model, 4), **arguments})
    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("posterior", ["mc_dropout", "deterministic"])
def test_probabilities_that_are_not_finite(posterior: str, build, images) -> None:
    model = build("small_paper")
    model.layers[-1].bias.assign([0.0, np.nan, 0.0])
    with pytest.raises(ArithmeticError, match="4 of 4 images have non-finite probabilities"):
        dbal.predictive_statistics(model, images(model, 4), 5, posterior=posterior)


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("name", ["residual", "small_paper"])
def test_one_image_that_is_not_finite_is_counted(
    name: str, value: float, build, images
) -> None:
    model = build(name)
    x = images(model, 4)
    x[2, 3, 3] = value
    with pytest.raises(InputError, match="1 of 4 images have a pixel value that is not finite"):
        dbal.predictive_statistics(model, x, 5)


def _pop(model: keras.Model) -> None:
    model.pop()
    model.add(layers.Dense(5, activation="softmax"))


def _change_rates(model: keras.Model) -> None:
    model.layers[-2].rate = 0.9


def _adapt(model: keras.Model) -> None:
    model.layers[-1].enable_lora(2)
    for variable in model.layers[-1].trainable_variables:
        variable.assign(np.full(variable.shape, 0.3))


@pytest.mark.parametrize("change", [_pop, _change_rates, _adapt])
def test_a_model_that_has_changed_is_asked_anew(change, build, images) -> None:
    model = build("small_paper")
    x = images(model, 5)
    before = dbal.predictive_statistics(model, x, 30)
    change(model)
    got = dbal.predictive_statistics(model, x, 30)
    assert got.var_probs.shape != before.var_probs.shape or (got[1] != before[1]).any()
    for array, expected in zip(
        got, inference.Predictor(model).statistics(x, 30, 0), strict=True
    ):
        np.testing.assert_array_equal(array, expected)


def test_a_softmax_may_be_added_as_the_message_says(build, images) -> None:
    model = build("no_softmax")
    x = images(model, 4)
    with pytest.raises(InputError, match="end the model with a softmax"):
        dbal.predictive_statistics(model, x, 5)
    model.add(layers.Softmax())
    assert dbal.predictive_statistics(model, x, 5).mean_probs.sum() == pytest.approx(4)


def test_probabilities_in_bfloat16_are_taken(images) -> None:
    readout = layers.Dense(3, activation="softmax", dtype="mixed_bfloat16")
    model = keras.Sequential(
        [keras.Input((8, 8, 1)), layers.Rescaling(1 / 255), layers.Flatten(), readout]
    )
    got = dbal.predictive_statistics(model, images(model, 200), 1, posterior="deterministic")
    assert abs(got.mean_probs.sum(axis=1) - 1).max() > 1e-3


def test_scoring_leaves_no_symbolic_losses(images) -> None:
    hidden = layers.Dense(4, activity_regularizer="l2")
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Flatten(),
            layers.Dropout(0.5),
            hidden,
            layers.Dense(3, activation="softmax"),
        ]
    )
    dbal.predictive_statistics(model, images(model, 4), 5)
    assert [float(loss) for loss in model.losses] == []


@pytest.mark.parametrize("model", [None, lambda x: x, "model.keras"])
def test_what_is_no_model_is_refused(model: object) -> None:
    with pytest.raises(
        InputError, match=r"The model is a builtins\.\w+; expected a Sequential"
    ):
        dbal.predictive_statistics(model, np.zeros((2, 8, 8, 1)))

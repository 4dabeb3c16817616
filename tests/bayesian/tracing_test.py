"""Models as lists of calls, and where they are cut."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from dbal_tf.bayesian import masks, tracing
from dbal_tf.core import InputError

FORMS = (
    *("small_paper", "residual", "nested", "shared", "branch", "spatial", "batch_norm"),
    *("gaussian", "training_true", "no_dropout"),
)


def _kinds(calls: tuple[tracing.Call, ...]) -> list[str]:
    return [type(call.layer).__name__ for call in calls]


def _run(model: keras.Model, x: np.ndarray) -> np.ndarray:
    """The model's output, by its calls: features first, then the head."""
    traced = tracing.trace(model)
    cut = tracing.cut(traced, masks.is_stochastic)
    before = tracing.execute(cut.features, {traced.input.index: tf.constant(x)})
    handed_over = {slot.index: before[slot.index] for slot in cut.boundary}
    return tracing.execute(cut.head, handed_over)[traced.output.index].numpy()


@pytest.mark.parametrize("name", FORMS)
def test_both_parts_together_are_the_model(name: str, build, images) -> None:
    model = build(name)
    x = images(model, 5)
    traced = tracing.trace(model)
    whole = tracing.execute(traced.calls, {traced.input.index: tf.constant(x)})
    expected = model(x, training=False).numpy()
    np.testing.assert_allclose(whole[traced.output.index], expected, atol=1e-6)
    np.testing.assert_allclose(_run(model, x), expected, atol=1e-6)


@pytest.mark.parametrize("name", FORMS)
def test_a_call_comes_after_those_that_it_needs(name: str, build) -> None:
    traced = tracing.trace(build(name))
    known = {traced.input.index}
    for call in traced.calls:
        assert {slot.index for slot in call.inputs} <= known
        known |= {slot.index for slot in call.outputs}
    assert traced.output.index in known


def test_a_sequential_model_is_cut_at_its_first_dropout(build) -> None:
    cut = tracing.cut(tracing.trace(build("small_paper")), masks.is_stochastic)
    assert _kinds(cut.features) == ["Rescaling", "Conv2D", "Conv2D", "MaxPooling2D"]
    assert _kinds(cut.head) == ["Dropout", "Flatten", "Dense", "Dropout", "Dense"]
    assert [slot.shape for slot in cut.boundary] == [(1, 1, 32)]


def test_a_skip_around_dropout_is_handed_over_once(build) -> None:
    cut = tracing.cut(tracing.trace(build("residual")), masks.is_stochastic)
    assert _kinds(cut.features) == ["Rescaling", "Conv2D", "Flatten", "Dense"]
    assert _kinds(cut.head)[:3] == ["Dropout", "Dense", "Add"]
    assert [slot.shape for slot in cut.boundary] == [(6,)]


def test_a_branch_before_dropout_is_a_feature(build) -> None:
    cut = tracing.cut(tracing.trace(build("branch")), masks.is_stochastic)
    assert sorted(_kinds(cut.features)) == ["Dense", "Flatten", "Rescaling"]
    assert sorted(_kinds(cut.head)) == ["Concatenate", "Dense", "Dense", "Dropout"]
    assert sorted(slot.shape for slot in cut.boundary) == [(3,), (64,)]


def test_a_nested_model_is_taken_apart(build) -> None:
    traced = tracing.trace(build("nested"))
    assert not any(isinstance(call.layer, keras.Model) for call in traced.calls)
    cut = tracing.cut(traced, masks.is_stochastic)
    assert _kinds(cut.features) == ["Rescaling", "Flatten", "Dense", "Dense"]
    assert _kinds(cut.head) == ["Dropout", "Add", "Dense"]
    assert [slot.shape for slot in cut.boundary] == [(7,), (7,)]


def test_a_layer_that_is_called_twice_has_two_calls(build) -> None:
    calls = tracing.trace(build("shared")).calls
    drops = [call for call in calls if isinstance(call.layer, layers.Dropout)]
    assert len(drops) == 2
    assert drops[0].layer is drops[1].layer
    assert drops[0].outputs != drops[1].outputs


def test_without_dropout_all_is_features(build) -> None:
    traced = tracing.trace(build("no_dropout"))
    cut = tracing.cut(traced, masks.is_stochastic)
    assert (cut.features, cut.head) == (traced.calls, ())
    assert cut.boundary == (traced.output,)


def test_override_stands_for_a_calls_output(build, images) -> None:
    model = build("small_paper")
    traced = tracing.trace(model)
    dense = model.layers[6]

    def zero(call: tracing.Call, x: tf.Tensor) -> tf.Tensor | None:
        return tf.zeros_like(x)[:, :1] + tf.zeros([1, 128]) if call.layer is dense else None

    image = {traced.input.index: tf.constant(images(model, 2))}
    values = tracing.execute(traced.calls, image, zero)
    np.testing.assert_allclose(values[traced.output.index], np.full((2, 3), 1 / 3), atol=1e-6)


class _Subclassed(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.dense = layers.Dense(3)

    def call(self, x: tf.Tensor) -> tf.Tensor:
        return self.dense(x)


class _OwnCall(keras.Model):
    """Functional, but what it computes is not its graph."""

    def call(self, x: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        return super().call(x / 2, training=training)


class _OwnSequentialCall(keras.Sequential):
    def call(self, x: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        return super().call(x / 2, training=training)


def _own_call() -> keras.Model:
    x = keras.Input((4,))
    return _OwnCall(x, layers.Dense(3)(x))


def _built() -> keras.Model:
    model = _Subclassed()
    model(np.zeros((1, 4), np.float32))
    return model


def _nested_subclassed() -> keras.Model:
    x = keras.Input((4,))
    return keras.Model(x, _Subclassed()(x))


def _two_outputs() -> keras.Model:
    x = keras.Input((4,))
    return keras.Model(x, [layers.Dense(3)(x), layers.Dense(2)(x)])


def _two_inputs() -> keras.Model:
    inputs = [keras.Input((4,)), keras.Input((4,))]
    return keras.Model(inputs, layers.Add()(inputs))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: keras.Sequential([layers.Dense(3)]), "has no input shape yet; begin it with"),
        (_Subclassed, "is a _Subclassed; expected a Sequential or Functional model"),
        (_built, "is a _Subclassed; expected a Sequential or Functional model"),
        (_nested_subclassed, "is a _Subclassed; expected a Sequential or Functional model"),
        (_own_call, "is a _OwnCall; expected a Sequential or Functional model"),
        (lambda: _OwnSequentialCall([keras.Input((4,))]), "is a _OwnSequentialCall; expected"),
        (_two_outputs, "has 1 inputs and 2 outputs; expected images in"),
        (_two_inputs, "has 2 inputs and 1 outputs; expected images in"),
        (
            lambda: keras.Sequential([keras.Input((8, 8, 1)), layers.Conv2D(3, 1)]),
            r"has an output of shape \(None, 8, 8, 3\); expected \(None, classes\)",
        ),
    ],
)
def test_models_that_cannot_be_used(make, message: str) -> None:
    with pytest.raises(InputError, match=message):
        tracing.trace(make())


def test_a_sequential_model_that_was_called_is_built() -> None:
    model = keras.Sequential([layers.Dense(3)])
    model(np.zeros((1, 4), np.float32))
    assert _kinds(tracing.trace(model).calls) == ["Dense"]


def test_a_subclass_that_changes_nothing_is_fine() -> None:
    class Renamed(keras.Model):
        pass

    x = keras.Input((4,))
    assert _kinds(tracing.trace(Renamed(x, layers.Dense(3)(x))).calls) == ["Dense"]

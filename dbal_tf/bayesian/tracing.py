"""A Keras model as a flat list of layer calls, cut at its first dropout layers.

Layers that do not depend on a stochastic layer give the same result for all posterior
samples and run once per item. All others run once per sample. The cut follows the
model's graph: it supports skip connections and branches around a dropout layer, nested
models and shared layers.
"""

import dataclasses
import itertools
from collections.abc import Callable, Iterable
from typing import Any

import keras

from dbal_tf.core import InputError


@dataclasses.dataclass(frozen=True)
class Slot:
    """A placeholder for a tensor of a `TracedModel`; `shape` has no item axis."""

    index: int
    shape: tuple[int | None, ...]


@dataclasses.dataclass(frozen=True, eq=False)
class Call:
    """A call of a layer or operation, with slots instead of tensors."""

    layer: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    outputs: tuple[Slot, ...]

    @property
    def inputs(self) -> tuple[Slot, ...]:
        """The slots among the arguments."""
        leaves = keras.tree.flatten((self.args, self.kwargs))
        return tuple(leaf for leaf in leaves if isinstance(leaf, Slot))


@dataclasses.dataclass(frozen=True, eq=False)
class TracedModel:
    """The calls of a model, in an order in which they can be executed."""

    calls: tuple[Call, ...]
    input: Slot
    output: Slot


@dataclasses.dataclass(frozen=True, eq=False)
class Cut:
    """A traced model in two parts: a deterministic and a stochastic one.

    Attributes:
        features: Calls that do not depend on a stochastic layer.
        boundary: Outputs of `features` that are inputs of `head`.
        head: Calls that depend on a stochastic layer.
    """

    features: tuple[Call, ...]
    boundary: tuple[Slot, ...]
    head: tuple[Call, ...]


def trace(model: keras.Model) -> TracedModel:
    """Returns the calls of a Sequential or Functional model, nested models included.

    Raises:
        InputError: The model is subclassed or not built, or does not have one
            input and one output of shape `[n, c]`.
    """
    function = _functional(model)
    if len(function.inputs) != 1 or len(function.outputs) != 1:
        raise InputError(
            f"Model '{model.name}' has {len(function.inputs)} inputs and "
            f"{len(function.outputs)} outputs; expected images in and class "
            "probabilities out; use a model with one of each."
        )
    calls: list[Call] = []
    fresh = itertools.count()
    image = Slot(next(fresh), tuple(function.inputs[0].shape[1:]))
    (output,) = _record(function, [image], fresh, calls)
    if len(output.shape) != 1:
        raise InputError(
            f"Model '{model.name}' has an output of shape {(None, *output.shape)}; expected "
            "(None, classes); end it with Flatten or pooling and a dense softmax layer."
        )
    return TracedModel(tuple(calls), image, output)


def cut(traced: TracedModel, is_stochastic: Callable[[Any], bool]) -> Cut:
    """Cuts a traced model at its first stochastic layers."""
    changed: set[int] = set()
    features, head = [], []
    for call in traced.calls:
        if is_stochastic(call.layer) or any(s.index in changed for s in call.inputs):
            changed.update(slot.index for slot in call.outputs)
            head.append(call)
        else:
            features.append(call)
    wanted = {s.index: s for call in head for s in call.inputs if s.index not in changed}
    # In a model without stochastic layers, the output itself is the feature.
    if traced.output.index not in changed:
        wanted[traced.output.index] = traced.output
    return Cut(tuple(features), tuple(wanted.values()), tuple(head))


def execute(
    calls: Iterable[Call],
    values: dict[int, Any],
    override: Callable[[Call, Any], Any] | None = None,
) -> dict[int, Any]:
    """Executes calls in inference mode.

    Args:
        calls: Calls in order.
        values: Input tensors by slot index.
        override: Called as `override(call, x)`, where x is the call's first tensor.
            If it returns a tensor, this replaces the call's output.

    Returns:
        Tensors by slot index, those of `values` included.
    """
    values = dict(values)
    for call in calls:
        args, kwargs = keras.tree.map_structure(
            lambda leaf: values[leaf.index] if isinstance(leaf, Slot) else leaf,
            (call.args, call.kwargs),
        )
        first = values[call.inputs[0].index] if call.inputs else None
        result = override(call, first) if override else None
        if result is None:
            # The model's author may have called a layer with training=True.
            if "training" in kwargs:
                kwargs["training"] = False
            result = call.layer(*args, **kwargs)
        for slot, value in zip(call.outputs, keras.tree.flatten(result), strict=True):
            values[slot.index] = value
    return values


def _functional(model: Any) -> Any:
    """Returns the Functional model that holds a model's graph."""
    # A model that overrides `call` may compute something other than its graph.
    own_call = not type(model).call.__module__.startswith("keras.")
    if isinstance(model, keras.Sequential) and not own_call:
        if not model.built:
            raise InputError(
                f"Model '{model.name}' has no input shape yet; begin it with "
                "keras.Input(shape) or call it once on images."
            )
        return model._functional
    if own_call or not hasattr(model, "_nodes_by_depth"):
        raise InputError(
            f"Model '{getattr(model, 'name', model)}' is a {type(model).__name__}; expected "
            "a Sequential or Functional model; build it with keras.Model(inputs, outputs)."
        )
    return model


def _record(function: Any, inputs: list[Slot], fresh: Any, calls: list[Call]) -> list[Slot]:
    """Appends the calls of a Functional model; returns the slots of its outputs."""
    slots = dict(zip(map(id, function.inputs), inputs, strict=True))
    # Keras counts depth from the outputs: the deepest nodes come first.
    for depth in sorted(function._nodes_by_depth, reverse=True):
        for node in function._nodes_by_depth[depth]:
            if node.is_input:
                continue
            args, kwargs = keras.tree.map_structure(
                lambda leaf: slots.get(id(leaf), leaf),
                (node.arguments.args, dict(node.arguments.kwargs)),
            )
            if isinstance(node.operation, keras.Model):
                given = [x for x in keras.tree.flatten((args, kwargs)) if isinstance(x, Slot)]
                outputs = _record(_functional(node.operation), given, fresh, calls)
            else:
                outputs = [Slot(next(fresh), tuple(t.shape[1:])) for t in node.outputs]
                calls.append(Call(node.operation, args, kwargs, tuple(outputs)))
            slots.update(zip(map(id, node.outputs), outputs, strict=True))
    return [slots[id(tensor)] for tensor in function.outputs]

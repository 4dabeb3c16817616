"""A Keras model as a flat list of layer calls, and its cut at the first dropout.

Everything before the first stochastic layer is the same for every posterior
sample: it is run once per item. What depends on a stochastic layer is run
once per sample. The cut follows the graph, so skips and branches around a
dropout layer, nested models and shared layers keep their meaning.
"""

import dataclasses
import itertools
from collections.abc import Callable, Iterable
from typing import Any

import keras

from dbal_tf.core import InputError


@dataclasses.dataclass(frozen=True)
class Slot:
    """The place of one tensor in a `Graph`; `shape` is without the item axis."""

    index: int
    shape: tuple[int | None, ...]


@dataclasses.dataclass(frozen=True, eq=False)
class Call:
    """One call of a layer or operation, its tensors replaced by slots."""

    layer: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    outputs: tuple[Slot, ...]

    @property
    def inputs(self) -> tuple[Slot, ...]:
        """The slots among its arguments."""
        leaves = keras.tree.flatten((self.args, self.kwargs))
        return tuple(leaf for leaf in leaves if isinstance(leaf, Slot))


@dataclasses.dataclass(frozen=True, eq=False)
class Graph:
    """The calls of a model in an order in which they can be made."""

    calls: tuple[Call, ...]
    input: Slot
    output: Slot


@dataclasses.dataclass(frozen=True, eq=False)
class Cut:
    """A graph in two: the calls that no sample changes, and the others.

    Attributes:
        features: Calls that do not depend on a stochastic layer.
        boundary: What `features` hands over to `head`.
        head: Calls that depend on a stochastic layer.
    """

    features: tuple[Call, ...]
    boundary: tuple[Slot, ...]
    head: tuple[Call, ...]


def trace(model: keras.Model) -> Graph:
    """Returns the calls of a Sequential or Functional model, nested ones too.

    Raises:
        InputError: The model is subclassed or not built, or has not one input
            and one output, of class probabilities.
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
    return Graph(tuple(calls), image, output)


def cut(graph: Graph, is_stochastic: Callable[[Any], bool]) -> Cut:
    """Splits a graph at its first stochastic layers."""
    changed: set[int] = set()
    features, head = [], []
    for call in graph.calls:
        if is_stochastic(call.layer) or any(s.index in changed for s in call.inputs):
            changed.update(slot.index for slot in call.outputs)
            head.append(call)
        else:
            features.append(call)
    wanted = {s.index: s for call in head for s in call.inputs if s.index not in changed}
    if graph.output.index not in changed:
        wanted[graph.output.index] = graph.output
    return Cut(tuple(features), tuple(wanted.values()), tuple(head))


def execute(
    calls: Iterable[Call],
    values: dict[int, Any],
    override: Callable[[Call, Any], Any] | None = None,
) -> dict[int, Any]:
    """Makes calls in inference mode.

    Args:
        calls: In order.
        values: The tensor of each slot index that the calls start from.
        override: Called as `override(call, x)` with a call's first tensor;
            what it returns, if not None, stands for the call's output.

    Returns:
        The tensors of all slot indices.
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
            if "training" in kwargs:
                kwargs["training"] = False
            result = call.layer(*args, **kwargs)
        for slot, value in zip(call.outputs, keras.tree.flatten(result), strict=True):
            values[slot.index] = value
    return values


def _functional(model: Any) -> Any:
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
    """Appends a function's calls; returns the slots of its outputs."""
    slots = dict(zip(map(id, function.inputs), inputs, strict=True))
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

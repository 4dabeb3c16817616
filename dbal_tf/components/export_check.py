"""Check of a SavedModel in a process that has TensorFlow but not Keras.

    python -P export_check.py FOLDER < expected.npz

Imports nothing from this package. Exit status 0: the model answers as expected; 1:
it does not, and a clause on stderr says why.
"""

import io
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

if __name__ == "__main__":
    # A model server has no Keras. TensorFlow imports it if it is installed, which takes a
    # large part of this process's time.
    sys.modules["keras"] = None  # type: ignore[assignment]

import tensorflow as tf

# Wide, because the expected answers may come from a GPU or from bfloat16, which round
# differently. A wrong export is off by much more: it answers with other weights or masks.
_TOLERANCE = 1e-2
_KINDS = {"serving_default": "scores", "serving_uint8": "scores_uint8"}


def problems(folder: str, expected: Mapping[str, np.ndarray]) -> Iterator[str]:
    """Yields the problems of an exported model, as clauses.

    Args:
        folder: Folder of the SavedModel.
        expected: `images`, uint8 `[n, h, w, k]`; `class_names`, strings `[c]`;
            `probs`, `[s, n, c]`, the expected result of `scores` for the seeds 0
            to s - 1; `num_samples`, int64.
    """
    model = tf.saved_model.load(folder)
    if missing := {*_KINDS, *_KINDS.values(), "class_names"} - set(model.signatures):
        yield f"it has no signature {', '.join(sorted(missing))}"
        return
    found = model.signatures["class_names"]()["class_names"].numpy()
    names = [name.decode() for name in found]
    if names != expected["class_names"].tolist():
        yield f"its class names are {names}"
    # Two batch sizes, because a graph may have fixed the number of images.
    for serving, scores in _KINDS.items():
        dtype = np.uint8 if serving.endswith("uint8") else np.float32
        images = expected["images"].astype(dtype)
        for batch in (images, images[:1]):
            shape = (len(batch), len(expected["class_names"]))
            yield from _problems_of(model.signatures[serving], shape, images=batch)
        yield from _scores_problems(model.signatures[scores], images, expected)


def _scores_problems(
    scores: tf.types.experimental.ConcreteFunction,
    images: np.ndarray,
    expected: Mapping[str, np.ndarray],
) -> Iterator[str]:
    answers = []
    for seed, probs in enumerate(expected["probs"]):
        inputs: dict[str, Any] = {"images": images, "num_samples": expected["num_samples"]}
        inputs["seed"] = np.int64(seed)
        yield from _problems_of(scores, probs.shape, **inputs)
        answers.append(_call(scores, **inputs)["probs"])
        if np.shape(answers[-1]) == probs.shape:
            gap = np.abs(answers[-1] - probs).max()
            if not gap <= _TOLERANCE:
                yield f"its probabilities differ from those of the trained model by {gap:.2g}"
    stochastic = (expected["probs"][0] != expected["probs"][-1]).any()
    if stochastic and np.array_equal(answers[0], answers[-1]):
        yield "it answers the same whatever the seed"


def _problems_of(
    signature: tf.types.experimental.ConcreteFunction,
    shape: tuple[int, ...],
    **inputs: np.ndarray,
) -> Iterator[str]:
    one, again = _call(signature, **inputs), _call(signature, **inputs)
    for name, values in one.items():
        if values.shape != (shape if name == "probs" else shape[:1]):
            yield f"{name} has shape {values.shape} for {shape[0]} images"
        if not np.isfinite(values).all():
            yield f"{name} is not finite"
        if not np.array_equal(values, again[name]):
            yield f"{name} changes when it is called again"
    # A user's network may compute them in bfloat16, which has three digits.
    if not np.allclose(one["probs"].sum(axis=-1), 1, atol=1e-2):
        yield "its probabilities do not sum to 1"


def _call(
    signature: tf.types.experimental.ConcreteFunction, **inputs: np.ndarray
) -> dict[str, np.ndarray]:
    tensors = {name: tf.constant(value) for name, value in inputs.items()}
    return {name: value.numpy() for name, value in signature(**tensors).items()}


def _main() -> None:
    with np.load(io.BytesIO(sys.stdin.buffer.read()), allow_pickle=False) as expected:
        sys.exit(next(problems(sys.argv[1], dict(expected)), None))


if __name__ == "__main__":
    _main()

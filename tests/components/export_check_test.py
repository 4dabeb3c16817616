"""A model that answers wrongly in any way is found, and which way is said."""

import io
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from dbal_tf.components import export_check

_IMAGES = np.random.default_rng(0).integers(0, 256, (4, 2, 2, 1)).astype(np.uint8)
_NAMES = np.array(["cat", "Öl"])


class _Model(tf.Module):
    """The signatures of an export, right unless a flaw is asked for."""

    def __init__(self, flaw=""):
        super().__init__()
        self.flaw = flaw
        self.calls = tf.Variable(0.0)

    def probs(self, images, seed):
        first = tf.reduce_mean(images, axis=[1, 2, 3]) / 255
        first = 0.9 * first + tf.cast(seed, tf.float32) / 100
        if self.flaw == "off":
            first = first * 0.9
        if self.flaw == "seedless":
            first = first - tf.cast(seed, tf.float32) / 100 + 1 / 200
        if self.flaw == "moving":
            first = first + self.calls.assign_add(1e-6)
        if self.flaw == "nan":
            first = first / 0.0 * 0.0
        rest = 1.1 - first if self.flaw == "sum" else 1 - first
        probs = tf.stack([first, rest], axis=1)
        return {"probs": probs[:1] if self.flaw == "shape" else probs}

    def serve(self, images):
        return self.probs(tf.cast(images, tf.float32), 0)

    def scores(self, images, num_samples, seed):
        probs = self.probs(tf.cast(images, tf.float32), seed)
        return {**probs, "bald": probs["probs"][:, 0] * tf.cast(num_samples, tf.float32)}


def _write(folder, flaw=""):
    model, scalar = _Model(flaw), tf.TensorSpec([], tf.int64)
    signatures = {}
    for serving, scores in export_check._KINDS.items():
        dtype = tf.uint8 if serving.endswith("uint8") else tf.float32
        images = tf.TensorSpec([None, 2, 2, 1], dtype, name="images")
        signatures[serving] = tf.function(model.serve, input_signature=[images])
        signatures[scores] = tf.function(model.scores, input_signature=[images, scalar, scalar])
    names = ["dog", "Öl"] if flaw == "names" else ["cat", "Öl"]
    signatures["class_names"] = tf.function(
        lambda: {"class_names": tf.constant(names)}, input_signature=[]
    )
    if flaw == "missing":
        del signatures["scores_uint8"]
    tf.saved_model.save(
        model, str(folder), {k: f.get_concrete_function() for k, f in signatures.items()}
    )


def _expected():
    probs = [_Model().probs(tf.cast(_IMAGES, tf.float32), s)["probs"] for s in (0, 1)]
    return {
        "images": _IMAGES,
        "class_names": _NAMES,
        "probs": np.stack(probs),
        "num_samples": np.int64(3),
    }


@pytest.mark.parametrize(
    ("flaw", "problem"),
    [
        ("", None),
        ("missing", "it has no signature scores_uint8"),
        ("names", "its class names are ['dog', 'Öl']"),
        ("shape", "probs has shape (1, 2) for 4 images"),
        ("nan", "probs is not finite"),
        ("sum", "its probabilities do not sum to 1"),
        ("moving", "probs changes when it is called again"),
        ("off", "its probabilities differ from those of the trained model by 0."),
        ("seedless", "it answers the same whatever the seed"),
    ],
)
def test_what_is_wrong_is_found(tmp_path, flaw, problem):
    _write(tmp_path, flaw)
    first = next(export_check.problems(str(tmp_path), _expected()), None)
    assert first == problem or (problem and first.startswith(problem))


def test_a_model_that_ignores_the_seed_may_if_it_was_trained_so(tmp_path):
    _write(tmp_path, "seedless")
    expected = _expected()
    expected["probs"][:] = expected["probs"].mean(axis=0)
    assert next(export_check.problems(str(tmp_path), expected), None) is None


def test_the_process_says_in_one_line_what_is_wrong_and_knows_nothing_of_the_package(tmp_path):
    _write(tmp_path, "sum")
    content = io.BytesIO()
    np.savez(content, **_expected())
    command = [sys.executable, "-P", "-X", "importtime", export_check.__file__, str(tmp_path)]
    done = subprocess.run(command, input=content.getvalue(), capture_output=True)
    lines = done.stderr.decode().splitlines()
    assert (done.returncode, done.stdout) == (1, b"")
    assert lines[-1] == "its probabilities do not sum to 1"
    modules = {line.rpartition("|")[2].strip() for line in lines if "|" in line}
    assert "tensorflow" in modules
    assert not [name for name in modules if name.split(".")[0] == "dbal_tf"]

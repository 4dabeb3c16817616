import os
import subprocess
import sys

from dbal_tf.runtime import startup

_START = """
import sys
from dbal_tf.runtime import startup

startup.import_tensorflow()
assert {"tensorflow", "keras"} <= sys.modules.keys()
assert not {"sklearn", "matplotlib"} & sys.modules.keys()
import matplotlib.pyplot, sklearn.svm
"""


def test_importing_tensorflow_writes_nothing_and_leaves_out_what_nothing_needs():
    done = subprocess.run([sys.executable, "-c", _START], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_what_is_imported_already_is_not_hidden():
    import sklearn

    with startup._hidden(["sklearn", "not_there"]):
        assert sys.modules["sklearn"] is sklearn
        assert sys.modules["not_there"] is None
    assert sys.modules["sklearn"] is sklearn
    assert "not_there" not in sys.modules


def test_stderr_is_back_after_an_error(capfd):
    try:
        with startup._no_stderr():
            os.write(2, b"lost")
            raise RuntimeError
    except RuntimeError:
        os.write(2, b"kept")
    assert capfd.readouterr().err == "kept"


def test_xla_compiles_only_if_it_is_asked_to(monkeypatch):
    monkeypatch.setenv("TF_XLA_FLAGS", "--mine")
    startup.import_tensorflow()
    assert os.environ["TF_XLA_FLAGS"] == "--mine"
    startup.import_tensorflow(jit_compile=True)
    assert os.environ["TF_XLA_FLAGS"].split() == [
        *("--mine", "--tf_xla_auto_jit=2", "--tf_xla_cpu_global_jit")
    ]

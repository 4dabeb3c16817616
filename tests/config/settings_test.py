import dataclasses
import functools

import pytest
from absl import flags

from dbal_tf import config as settings
from dbal_tf.config import Config
from dbal_tf.config.flagfile import differing_flags, from_flagfile
from dbal_tf.core import InputError

_FIELDS = {field.name: field for field in dataclasses.fields(Config)}
_OTHER = Config(
    show_predictions="never",
    disagreement_folds=3,
    port=8000,
    expose=True,
    experiment="table2",
    systems=("vat", "ladder"),
    schedule="light",
    labels_from="runs/figure1/bald/0",
    labels=500,
    only=("bald/0", "random"),
    report_only=True,
    kernel_size=3,
    acquisition=("bald", "max_entropy"),
    var_ratios="votes",
    posterior="gaussian_dropout",
    ensemble_size=3,
    dataset="image_folder",
    data_dir="some where",
    labels_csv="labels.csv",
    groups_csv="groups.csv",
    class_names=("b", "c", "a"),
    image_size="48x64",
    resize="crop",
    near_copies="ignore",
    strict=True,
    test_size=40,
    rounds=7,
    acquisition_size=3,
    initial_per_class=1,
    initial_counts=("b:3", "a:1"),
    validation_size=50,
    num_samples=20,
    pool_subset=400,
    repetitions=3,
    repetition=2,
    epochs=5,
    batch_size=64,
    refine=500,
    refine_samples=300,
    remainder="keep",
    learning_rate=3e-5,
    learning_rate_schedule="linear",
    weight_decay="auto",
    strategy="none",
    mixed_precision=True,
    jit_compile=True,
    seed=2**31 - 1,
    run_dir="there",
    export_every=4,
    bless_max_error=0.05,
    keep_scores=True,
    classes=("7", "1"),
    pool_size=90,
    pool_copies=3,
    copy_noise=0.1,
    graph_neighbors=0,
    graph_scale=0.5,
    initializer="early_keras",
    trainer="vat",
    unlabelled_batch=32,
    vat_epsilon=0.5,
    steps="2000",
    augment=("flip", "rotate"),
    class_weights="balanced",
    flip_classes=("a",),
    model="keras.applications:VGG16",
    weights="vgg16.weights.h5",
    train_trunk=True,
    feature_cache="features",
    batch="stochastic",
    stochastic="softrank",
    temperature=0.5,
    candidates=50,
    screening="stochastic",
    targets=30,
)


def _from_flagfile(path):
    values = flags.FlagValues()
    defines = {
        str: flags.DEFINE_string,
        int: flags.DEFINE_integer,
        float: flags.DEFINE_float,
        bool: flags.DEFINE_boolean,
        tuple: lambda name, default, *rest, **more: flags.DEFINE_list(
            name, list(default), *rest, **more
        ),
    }
    settings.define_flags(
        {kind: functools.partial(f, flag_values=values) for kind, f in defines.items()}
    )
    values(["program", f"--flagfile={path}"])
    return settings.from_flags(values.flag_values_dict())


def test_the_other_settings_differ_in_all_that_can():
    same = {name for name in _FIELDS if getattr(_OTHER, name) == getattr(Config(), name)}
    # A person labels for one run, and these are several; there is one way to a test set, and
    # one to a smaller pool; Beam does not read image folders.
    assert same == {
        *("oracle", "test_counts", "folds", "pool_counts"),
        *("scorer", "beam_options"),
    }


@pytest.mark.parametrize("config", [Config(), _OTHER], ids=["defaults", "all others"])
def test_a_written_flagfile_reads_back_equal(tmp_path, config):
    path = tmp_path / "flags.cfg"
    path.write_text(config.to_flags())
    assert _from_flagfile(path) == config
    assert differing_flags(config, path.read_text()) == []


def test_the_flagfile_is_a_line_a_flag():
    lines = _OTHER.to_flags().splitlines()
    assert len(lines) == len(_FIELDS)
    assert "--acquisition=bald,max_entropy" in lines
    assert "--learning_rate=3e-05" in lines
    assert "--keep_scores=True" in lines


def test_the_defaults_are_the_papers():
    paper = Config()
    assert (paper.rounds, paper.acquisition_size, paper.initial_per_class) == (98, 10, 2)
    assert (paper.num_samples, paper.epochs, paper.batch_size) == (100, 50, 128)
    assert (paper.pool_subset, paper.validation_size) == (0, 100)
    assert paper.acquisition == ("var_ratios",)


_BAD = {
    "weights of a network without any": (
        {"weights": "none", "model": "bayesian_resnet"},
        "--weights=none cannot be used with --model=bayesian_resnet; expected "
        "--model=keras.applications:NAME; leave one of them out.",
    ),
    "a trunk that is not there": (
        {"train_trunk": True},
        "--train_trunk=True cannot be used with --model=bayesian_cnn; expected "
        "--model=keras.applications:NAME; leave one of them out.",
    ),
    "a system twice": (
        {"systems": ("vat", "vat")},
        "--systems=vat,vat names a system twice; name each once.",
    ),
    "labels from a run, for a grid": (
        {"labels_from": "runs/bald", "experiment": "figure1"},
        "--labels_from=runs/bald cannot be used with --experiment=figure1, which buys its "
        "labels; use --experiment=table2.",
    ),
    "labels of no run": (
        {"labels": 10, "experiment": "table2"},
        "--labels=10 was given without --labels_from; expected the folder of the run that "
        "bought them; for a balanced set use --initial_per_class.",
    ),
    "unknown choice": (
        {"remainder": "drop"},
        "--remainder=drop cannot be used; expected one of merge, keep.",
    ),
    "one unknown of two": (
        {"acquisition": ("bald", "foo")},
        "--acquisition=foo cannot be used; expected one of random, bald, max_entropy, "
        "var_ratios, mean_std, epig, mbr.",
    ),
    "vat by epochs": (
        {"trainer": "vat"},
        "--trainer=vat needs --steps, as with few labels --epochs alone gives too few steps; "
        "give a number, such as 5000, or --steps=auto.",
    ),
    "table 2 without validation images": (
        {"experiment": "table2", "validation_size": 0},
        "--validation_size=0 cannot be used with --experiment=table2, whose systems are chosen "
        "on the validation set; give a number above 0.",
    ),
    **{
        f"{flag} of features": (
            {"model": "keras.applications:VGG16", **change},
            f"{flag} cannot be used with --model=keras.applications:VGG16, whose features do "
            f"not change; give --train_trunk, or {instead}.",
        )
        for flag, instead, change in (
            ("--augment=flip,shift", "--augment=", {"augment": ("flip", "shift")}),
            ("--trainer=vat", "--trainer=supervised", {"trainer": "vat", "steps": "9"}),
        )
    },
    "two ways to a smaller pool": (
        {"pool_size": 50, "pool_counts": ("0:5", "1:50")},
        "--pool_size=50 and --pool_counts were both given; expected one of them; leave the "
        "other out.",
    ),
    "copies for a person": (
        {"pool_copies": 3, "oracle": "csv"},
        "--pool_copies=3 cannot be used with --oracle=csv, where a person would label each "
        "copy; leave it out.",
    ),
    "copies of images in shards": (
        {"pool_copies": 3, "dataset": "tfrecord"},
        "--pool_copies=3 cannot be used with --dataset=tfrecord, whose images stay in their "
        "files; leave it out.",
    ),
    "copies whose features would be kept": (
        {"pool_copies": 3, "model": "keras.applications:VGG16"},
        "--pool_copies=3 cannot be used with --model=keras.applications:VGG16, whose features "
        "are kept for other runs; give --train_trunk, or leave it out.",
    ),
    "no technique": (
        {"acquisition": ()},
        "--acquisition is empty; expected one of random, bald, max_entropy, var_ratios, "
        "mean_std, epig, mbr.",
    ),
    "a technique twice": (
        {"acquisition": ("bald", "random", "bald")},
        "--acquisition=bald,random,bald names a technique twice; name each once.",
    ),
    "one class": (
        {"classes": ("2",)},
        "--classes=2 is one class; expected at least two, or none for all; name another.",
    ),
    "a class twice": (
        {"classes": ("2", "8", "2")},
        "--classes=2,8,2 names a class twice; name each once.",
    ),
    "too small": (
        {"acquisition_size": 0},
        "--acquisition_size=0 cannot be used; expected at least 1.",
    ),
    "negative": ({"rounds": -1}, "--rounds=-1 cannot be used; expected at least 0."),
    "too large": (
        {"seed": 2**31},
        "--seed=2147483648 cannot be used; expected at most 2147483647.",
    ),
    **{
        f"a learning rate of {rate}": (
            {"learning_rate": rate},
            f"--learning_rate={rate} cannot be used; expected a finite number above 0.",
        )
        for rate in (0.0, -0.1, float("nan"), float("inf"))
    },
    **{
        f"a weight decay of {decay}": (
            {"weight_decay": decay},
            f"--weight_decay={decay} cannot be used; expected a number of at least 0, or auto.",
        )
        for decay in ("much", "-1", "nan", "inf", "")
    },
    "batchbald of another function": (
        {"batch": "batchbald"},
        "--batch=batchbald cannot be used with --acquisition=var_ratios; it scores several "
        "images jointly by bald; use --acquisition=bald.",
    ),
    "batchbald of several functions": (
        {"batch": "batchbald", "acquisition": ("bald", "random")},
        "--batch=batchbald cannot be used with --acquisition=bald,random; it scores several "
        "images jointly by bald; use --acquisition=bald.",
    ),
    **{
        f"a batch of {name}": (
            {"batch": "stochastic", "acquisition": ("bald", name)},
            f"--batch=stochastic cannot be used with --acquisition={name}, which has no scores "
            "to make a batch of; leave one of them out.",
        )
        for name in ("random", "mbr")
    },
    "epig of one sample": (
        {"acquisition": ("epig",), "posterior": "deterministic"},
        "--acquisition=epig cannot be used with --posterior=deterministic, which has one "
        "sample; use mc_dropout.",
    ),
    "a batch of one sample": (
        {"batch": "diverse", "posterior": "deterministic"},
        "--batch=diverse cannot be used with --posterior=deterministic, which has one sample; "
        "use mc_dropout.",
    ),
    "epig in two passes": (
        {"acquisition": ("epig",), "refine": 500},
        "--acquisition=epig cannot be used with --refine=500; leave one of them out.",
    ),
    "a joint batch in two passes": (
        {"acquisition": ("bald",), "batch": "batchbald", "refine": 500},
        "--batch=batchbald cannot be used with --refine=500; leave one of them out.",
    ),
    "candidates below the query": (
        {"batch": "diverse", "candidates": 9},
        "--candidates=9 is below --acquisition_size=10; choose from at least as many images as "
        "are bought.",
    ),
    "a subset below the query": (
        {"pool_subset": 9},
        "--pool_subset=9 is below --acquisition_size=10; score at least as many images as "
        "are bought.",
    ),
}


@pytest.mark.parametrize("kind", _BAD)
def test_bad_values_are_refused_in_one_sentence(kind):
    changes, sentence = _BAD[kind]
    with pytest.raises(InputError) as error:
        Config(**changes)
    assert str(error.value) == sentence


def _outside(field):
    """A value just outside each limit of a field."""
    limits = field.metadata
    values = [("unknown",)] if isinstance(field.default, tuple) else ["unknown"]
    values = values if "choices" in limits else []
    values += [limits["at_least"] - 1] if "at_least" in limits else []
    values += [limits["at_most"] + 1] if "at_most" in limits else []
    return values + ([limits["above"]] if "above" in limits else [])


_LIMITED = [(name, value) for name in _FIELDS for value in _outside(_FIELDS[name])]


@pytest.mark.parametrize(("name", "value"), _LIMITED)
def test_every_limit_is_checked(name, value):
    with pytest.raises(InputError, match=rf"^--{name}=.* cannot be used; expected .*\w\.$"):
        Config(**{name: value})


def test_every_number_has_a_limit():
    numbers = {name for name, field in _FIELDS.items() if type(field.default) in (int, float)}
    assert numbers == {name for name, value in _LIMITED if not isinstance(value, str | tuple)}


def test_every_count_has_a_largest():
    counts = {name for name, field in _FIELDS.items() if type(field.default) is int}
    assert counts == {name for name in counts if "at_most" in _FIELDS[name].metadata}


@pytest.mark.parametrize("model", ["resnet", "nets:", ":build", "nets:build it", "my nets:f"])
def test_a_model_that_is_no_name_of_a_function(model):
    with pytest.raises(InputError) as error:
        Config(model=model)
    assert str(error.value) == (
        f"--model={model} cannot be used; expected bayesian_cnn, "
        "bayesian_resnet or package.module:function."
    )


@pytest.mark.parametrize("decay", ["auto", "0", "2.5", "1e-3"])
def test_good_weight_decays(decay):
    assert Config(weight_decay=decay).weight_decay == decay


def test_the_limits_themselves_can_be_used():
    config = Config(rounds=0, pool_subset=10, acquisition_size=10, num_samples=1, seed=0)
    assert config.replace(seed=2**31 - 1).seed == 2**31 - 1


def test_the_run_dir_names_the_run_unless_one_is_given():
    assert Config(dataset="digits", acquisition=("bald", "random"), seed=3).run_dir == (
        "runs/digits-bald-random-mc_dropout-3"
    )
    assert Config(run_dir="mine").run_dir == "mine"


def test_replace_changes_what_it_names_and_checks_it():
    one = Config(run_dir="mine")
    other = one.replace(seed=5, rounds=2)
    assert (other.seed, other.rounds, other.run_dir) == (5, 2, "mine")
    assert one.seed == 0
    with pytest.raises(InputError, match="--rounds=-1"):
        one.replace(rounds=-1)
    with pytest.raises(TypeError):
        one.replace(unknown=1)


def test_a_run_dir_that_was_not_given_follows_the_settings():
    one = Config(dataset="digits")
    other = one.replace(seed=1)
    assert other == Config(dataset="digits", seed=1)
    assert other.run_dir == "runs/digits-var_ratios-mc_dropout-1"
    assert other.to_flags() == Config(dataset="digits", seed=1).to_flags()
    assert "--run_dir=runs/digits-var_ratios-mc_dropout-1\n" in other.to_flags()
    assert one.replace(rounds=3).run_dir == one.run_dir
    assert one.replace(seed=1, run_dir="mine").run_dir == "mine"
    assert from_flagfile(one.to_flags()).replace(seed=1) == other


@dataclasses.dataclass(frozen=True)
class Part:
    seed: int
    network: str
    rounds: int = 7


def test_a_part_is_built_from_the_settings_of_its_fields_names():
    config = Config(seed=5, rounds=3)
    assert config.build(Part, network="small") == Part(5, "small", 3)
    assert config.build(Part, network="small", rounds=9) == Part(5, "small", 9)
    with pytest.raises(AttributeError, match="network"):
        config.build(Part)


def test_settings_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Config().seed = 1


def test_differing_names_both_values():
    written = Config(seed=0, epochs=50).to_flags()
    assert differing_flags(Config(seed=1, epochs=3), written) == [
        "--epochs=3 (the run has --epochs=50)",
        "--seed=1 (the run has --seed=0)",
    ]


@pytest.mark.parametrize(
    ("ours", "written"),
    [
        ({"weight_decay": "2.50"}, "--weight_decay=2.5"),
        ({"weight_decay": "10"}, "--weight_decay=1e1"),
        ({"learning_rate": 0.02}, "--learning_rate=2e-2"),
        ({"graph_scale": 0.0}, "--graph_scale=0"),
        ({"seed": 7}, "--seed=07"),
        ({"mixed_precision": True}, "--mixed_precision=true"),
        ({"jit_compile": True}, "--jit_compile=1"),
        ({"acquisition": ("bald", "random")}, "--acquisition= bald, random"),
        ({"classes": ("2", "8")}, "--classes=2 ,8 "),
        ({}, "\n# a comment\n//another\n--seed=5\n--seed=0"),
    ],
)
def test_equal_values_do_not_differ_however_they_are_written(ours, written):
    assert differing_flags(Config(**ours), f"{written}\n") == []
    assert differing_flags(Config(**ours), Config(**ours).to_flags() + f"{written}\n") == []


@pytest.mark.parametrize(
    ("ours", "written"),
    [
        ({"weight_decay": "auto"}, "weight_decay=2.5"),
        ({"weight_decay": "2.5"}, "weight_decay=nan"),
        ({"mixed_precision": True}, "mixed_precision=no"),
        ({"acquisition": ("bald", "random")}, "acquisition=random,bald"),
        ({"seed": 7}, "seed=seven"),
    ],
)
def test_values_that_differ_or_mean_nothing_are_named(ours, written):
    (name, value), text = next(iter(ours.items())), written.partition("=")[2]
    value = ",".join(value) if isinstance(value, tuple) else value
    assert differing_flags(Config(**ours), f"--{written}\n") == [
        f"--{name}={value} (the run has --{name}={text})"
    ]


_FREE = {
    *("data_dir", "rounds", "run_dir", "export_every", "keep_scores", "strategy"),
    *("only", "report_only", "bless_max_error", "feature_cache", "beam_options"),
    *("systems", "labels_from", "labels"),
    *("oracle", "show_predictions", "disagreement_folds", "port", "expose"),
    *("labels_csv", "groups_csv", "strict"),
}
# What has a meaning with others only.
_NEEDS = {
    "labels_from": ("experiment",),
    "labels": ("experiment", "labels_from"),
    "weights": ("model",),
    "train_trunk": ("model",),
    "trainer": ("steps",),
    **dict.fromkeys(("unlabelled_batch", "vat_epsilon"), ("trainer", "steps")),
    **dict.fromkeys(
        ("labels_csv", "groups_csv", "class_names", "image_size", "strict", "test_size"),
        ("dataset",),
    ),
}


@pytest.mark.parametrize("name", _FIELDS)
def test_a_run_may_go_on_elsewhere_and_longer_but_not_otherwise(name):
    needed = {other: getattr(_OTHER, other) for other in _NEEDS.get(name, ())}
    before = Config(run_dir="runs", **needed)
    changed = dataclasses.replace(before, **{name: getattr(_OTHER, name)})
    if changed != before:
        assert len(differing_flags(changed, before.to_flags())) == (name not in _FREE)


def test_a_flag_that_the_run_does_not_name_has_its_default_there():
    written = Config().to_flags().replace("--remainder=merge\n", "")
    assert differing_flags(Config(), written) == []
    assert differing_flags(Config(remainder="keep"), written) == [
        "--remainder=keep (the run has --remainder=merge)"
    ]


def test_a_flag_that_only_the_run_has_differs():
    assert differing_flags(Config(), Config().to_flags() + "--momentum=0.9\n") == [
        "no --momentum (the run has --momentum=0.9)"
    ]


def test_settings_that_are_free_do_not_differ():
    written = Config(seed=1, epochs=3).to_flags()
    assert differing_flags(Config(), written, free=("seed",)) == [
        "--epochs=50 (the run has --epochs=3)"
    ]
    assert differing_flags(Config(), written, free=("seed", "epochs")) == []


def test_identity_is_what_a_run_may_not_change():
    assert Config.identity() == set(_FIELDS) - _FREE


def test_every_flag_has_a_help_line():
    lines = {}
    settings.define_flags(
        {
            kind: lambda name, default, text: lines.update({name: text})
            for kind in (str, int, float, bool, tuple)
        }
    )
    assert list(lines) == list(_FIELDS)
    assert all(len(text) > 10 and text.endswith(".") for text in lines.values())
    assert lines["remainder"].endswith(" One of: merge, keep.")


def test_identity_is_what_may_not_change_as_flags_and_hparams_have_it():
    identity = _OTHER.identity_values()
    assert set(identity) == set(_FIELDS) - _FREE
    assert identity["acquisition"] == "bald,max_entropy"
    assert {type(value) for value in identity.values()} <= {str, int, float, bool}

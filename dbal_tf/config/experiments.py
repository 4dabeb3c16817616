"""Settings: what is run, how often, and what it leaves."""

import dataclasses

from dbal_tf.config import names as known
from dbal_tf.config.limits import option


@dataclasses.dataclass(frozen=True)
class ExperimentSettings:
    """What is run, how often, and what it leaves. Each field is a flag of the same name."""

    experiment: str = option(
        "run",
        "What to run. The paper's experiments have flagfiles, such as "
        "--flagfile=configs/figure1.cfg.",
        choices=known.EXPERIMENTS,
    )
    only: tuple[str, ...] = option(
        (),
        "Runs of the experiment to do now, by their folders, such as bald/0,random. "
        "Empty: all.",
        identity=False,
    )
    report_only: bool = option(
        False, "Run nothing; write the report of the runs that exist.", identity=False
    )
    # Further systems only add rows to the same table.
    systems: tuple[str, ...] = option(
        known.SEMI_SUPERVISED,
        "Semi-supervised systems that --experiment=table2 fits. plain_pseudo_label has no "
        "denoising autoencoder; full_ladder decodes all layers. Paper: the other eight.",
        choices=(*known.SEMI_SUPERVISED, *known.VARIANTS),
        identity=False,
    )
    schedule: str = option(
        "faithful",
        "Training time and size of the systems of --systems. faithful: as published; light: "
        "minutes to an hour each; tiny: seconds, for small images. Paper: faithful.",
        choices=known.SCHEDULES,
    )
    # A digest of the labels identifies a fit, wherever they were read from.
    labels_from: str = option(
        "",
        "Folder of an active learning run. --experiment=table2 learns from the labels that "
        "this run bought. Empty: from --initial_per_class images of each class, drawn by "
        "--seed, as in the paper.",
        identity=False,
    )
    labels: int = option(
        0,
        "Number of labels of --labels_from to learn from: the first ones, in the order in "
        "which they were bought; 0: all.",
        at_least=0,
        identity=False,
    )
    # Another number of rounds extends or shortens the same run.
    rounds: int = option(
        98,
        "Number of queries after the initial set. Paper: 98, for 20 to 1000 labels.",
        at_least=0,
        identity=False,
    )
    repetitions: int = option(
        1,
        "Runs per technique or system, each with its own split and initial weights. Paper: 3.",
        at_least=1,
        at_most=10_000,
    )
    repetition: int = option(0, "Number of the first repetition.", at_least=0)
    seed: int = option(0, "Seed that all random numbers are derived from.", at_least=0)
    run_dir: str = option(
        "",
        "Folder that the run writes to and resumes from. "
        "Empty: runs/<dataset>-<acquisition>-<posterior>-<seed>.",
        identity=False,
    )
    # Exports only save a model; they change nothing that the run computes.
    export_every: int = option(
        0,
        "Export a SavedModel every this many rounds; 0: at the end only; -1: never.",
        at_least=-1,
        identity=False,
    )
    bless_max_error: float = option(
        0.0,
        "Export a round of --export_every only if its test error (0 to 1) is at most this "
        "value and below that of the last exported round; 0: export all.",
        at_least=0.0,
        at_most=1.0,
        identity=False,
    )
    keep_scores: bool = option(
        False, "Write the scores of all scored images each round.", identity=False
    )

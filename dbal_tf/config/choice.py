"""Settings: how the images to label are chosen."""

import dataclasses

from dbal_tf.config import names as known
from dbal_tf.config.limits import option


@dataclasses.dataclass(frozen=True)
class ChoiceSettings:
    """How the images to label are chosen. Each field is a flag of the same name."""

    acquisition: tuple[str, ...] = option(
        ("var_ratios",),
        "Acquisition function. epig scores an image by what its label tells about the labels "
        "of other images (Bickford Smith et al. 2023); mbr queries by expected risk on a "
        "similarity graph of the images. A comma-separated list runs each and compares them. "
        "Paper: all except epig.",
        choices=known.TECHNIQUES,
    )
    var_ratios: str = option(
        "mean",
        "How to compute variation ratios: 1 - the highest mean probability (mean, the paper's "
        "equation), or 1 - the modal class's share of the samples' votes (votes, the authors' "
        "code).",
        choices=("mean", "votes"),
    )
    acquisition_size: int = option(10, "Images labelled per query. Paper: 10.", at_least=1)
    batch: str = option(
        "top_k",
        "How to choose the images of a query: the highest scores (top_k); the highest scores "
        "after adding random noise (stochastic, Kirsch et al. 2021); the jointly most "
        "informative images, for bald (batchbald, Kirsch et al. 2019); or k-means++ on how "
        "predictions vary (diverse, after BADGE, Ash et al. 2020). Paper: top_k.",
        choices=known.BATCHES,
    )
    stochastic: str = option(
        "power",
        "What --batch=stochastic and --screening=stochastic add noise to: log scores (power), "
        "scores (softmax) or minus the log ranks (softrank).",
        choices=known.STOCHASTIC,
    )
    temperature: float = option(
        1.0,
        "Scale of the noise of --batch=stochastic and --screening=stochastic (1 / coldness); "
        "0: no noise, as with top_k.",
        at_least=0.0,
        at_most=1e6,
    )
    candidates: int = option(
        1000,
        "Number of images that --batch=batchbald and --batch=diverse choose from; see "
        "--screening.",
        at_least=1,
    )
    screening: str = option(
        "top_k",
        "Which --candidates there are: those with the highest scores (top_k), which may all be "
        "alike in a large pool, or with the highest scores after adding noise (stochastic).",
        choices=known.SCREENINGS,
    )
    targets: int = option(
        100,
        "Number of pool images about whose labels epig measures information, a new random "
        "sample each round.",
        at_least=1,
    )
    num_samples: int = option(
        100,
        "Posterior samples T per image, for scores and test error. Paper: 100.",
        at_least=1,
        at_most=1_000_000,
    )
    pool_subset: int = option(
        0,
        "Number of pool images to score, a new random subset each round; 0: the whole pool. "
        "The authors' code: 2000.",
        at_least=0,
    )
    scorer: str = option(
        "local",
        "Where the pool is scored: in this process (local), or on Apache Beam's workers (beam, "
        "for --dataset=tfrecord; pip install '.[beam]').",
        choices=known.SCORERS,
    )
    beam_options: str = option(
        "",
        "Apache Beam's flags for --scorer=beam, in one string, such as "
        "'--direct_running_mode=multi_processing --direct_num_workers=4'.",
        identity=False,
    )
    refine: int = option(
        0,
        "Score in two passes: all images with the fast gaussian_dropout, then this many of "
        "the best with exact mc_dropout; 0: one pass. 500 works well. --batch=stochastic adds "
        "its noise to the scores of the second pass only.",
        at_least=0,
    )
    refine_samples: int = option(
        2000,
        "Posterior samples T per image in the second pass of --refine.",
        at_least=1,
        at_most=1_000_000,
    )
    graph_neighbors: int = option(
        10,
        "Number of nearest neighbours that each image is connected to in mbr's graph; 0: all "
        "other images.",
        at_least=0,
    )
    graph_scale: float = option(
        0.0,
        "Kernel width of mbr's graph, as a Euclidean distance between images with pixel "
        "values from 0 to 1; 0: the median length of the graph's edges.",
        at_least=0.0,
        at_most=1e6,
    )

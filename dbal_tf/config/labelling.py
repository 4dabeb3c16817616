"""Settings: who labels, and the page where a person does."""

import dataclasses

from dbal_tf.config import names as known
from dbal_tf.config.limits import option


@dataclasses.dataclass(frozen=True)
class LabellingSettings:
    """Who labels, and the page where a person does. Each field is a flag of the same name."""

    # The oracle does not change what the run asks for, and may be changed during a run.
    oracle: str = option(
        "dataset",
        "Who labels: the data set itself, whose labels are known (dataset); or a person, on a "
        "page in the browser (web) or in files (csv, label_studio): the program writes the "
        "images to label, and reads the answers when the same command is given again. Paper: "
        "dataset.",
        choices=known.ORACLES,
        identity=False,
    )
    show_predictions: str = option(
        "after",
        "Whether the page of --oracle=web shows what the model predicts: before the answer, "
        "which biases it; after; or never.",
        choices=known.SHOW_PREDICTIONS,
        identity=False,
    )
    # Folds change what the page lists, never what is bought.
    disagreement_folds: int = option(
        4,
        "Number of cross-validation folds by which the page of --oracle=web finds labels that "
        "may be wrong. While a person answers, each fold is predicted by a network trained on "
        "the others. 0: by the round's network, which was trained on all labels.",
        at_least=0,
        at_most=100,
        identity=False,
    )
    port: int = option(
        0,
        "Port of the page of --oracle=web; 0: any free port.",
        at_least=0,
        at_most=65535,
        identity=False,
    )
    expose: bool = option(
        False,
        "Let other machines reach the page of --oracle=web. Whoever has the printed address "
        "can see the images and answer; it is not encrypted.",
        identity=False,
    )

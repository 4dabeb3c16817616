"""Names of the files in a run's folder, relative to `<run_dir>/`.

    flags.cfg               resolved settings
    metadata.db             the store: a run is resumed from it alone
    curve.csv, curve.png    the learning curve
    rounds/0007/            query.csv; scores.npz with --keep_scores; predictions.npz
                            if a person labels; out_of_fold.npz if on the page;
                            scaleout.json with --scorer=beam
    scaleout/last/          how the last round was scored with --scorer=beam:
                            provenance.json, dead letters
    state.json              what the run is doing, if a person labels
    to_label.csv            the items to label with --oracle=csv, for a person to fill in;
                            their pictures are in to_label/
    answered/               filled-in files that were read
    to_label.json           the items to label with --oracle=label_studio; import it with
                            labelling_config.xml, export to labelled.json or labelled.csv
    tensorboard/            events
    unreadable.csv          image files that were set aside, and why
    near_copies.csv         groups of images that are near copies, and their labels
    export/<version>/       SavedModel, complete if it has complete.json

A fit of a semi-supervised system has no store. It has:

    begun.json              the facts that it began with
    checkpoints/            what it resumes from; removed at the end
    result.json             its result, written at the end

Published results are `curve.csv`, `flags.cfg`, `picks.csv` (every item that was
labelled) and `versions.json`.
"""

import pathlib
import shlex

FLAGS_FILE = "flags.cfg"
STORE_FILE = "metadata.db"
CURVE_FILE = "curve.csv"
CURVE_PLOT = "curve.png"
LOCK_FILE = ".lock"
PAGE_FILE = ".page.json"
PAGE_LOCK_FILE = ".page.lock"
TENSORBOARD_DIR = "tensorboard"
EXPORT_DIR = "export"
STATE_FILE = "state.json"
TO_LABEL_CSV = "to_label.csv"
PICTURES_DIR = "to_label"
ANSWERED_DIR = "answered"
TO_LABEL_JSON = "to_label.json"
FILES_TO_LABEL = (TO_LABEL_CSV, TO_LABEL_JSON)
LABELLING_CONFIG = "labelling_config.xml"
LABELLED_FILES = ("labelled.json", "labelled.csv")
EXPORT_MARKER = "complete.json"
PICKS_FILE = "picks.csv"
VERSIONS_FILE = "versions.json"
UNREADABLE_FILE = "unreadable.csv"
NEAR_COPIES_FILE = "near_copies.csv"
SCALEOUT_DIR = "scaleout/last"
PROVENANCE_FILE = "provenance.json"
BEGUN_FILE = "begun.json"
CHECKPOINT_DIR = "checkpoints"
RESULT_FILE = "result.json"


def query_file(round_index: int) -> str:
    """Returns the file of a round's query and its answers."""
    return f"rounds/{round_index:04d}/query.csv"


def scores_file(round_index: int) -> str:
    """Returns the file of a round's scores, written with --keep_scores."""
    return f"rounds/{round_index:04d}/scores.npz"


def scaleout_file(round_index: int) -> str:
    """Returns the file that says how a round was scored by --scorer=beam."""
    return f"rounds/{round_index:04d}/scaleout.json"


def predictions_file(round_index: int) -> str:
    """Returns the file of a round's predictions, written if a person labels."""
    return f"rounds/{round_index:04d}/predictions.npz"


def out_of_fold_file(round_index: int) -> str:
    """Returns the file of predictions by networks that were not trained on the items."""
    return f"rounds/{round_index:04d}/out_of_fold.npz"


def how_to_go_on(run_dir: str) -> str:
    """Returns advice on how to resume a stopped run."""
    flags = pathlib.Path(run_dir, FLAGS_FILE)
    if not flags.is_file():
        return "To go on, give the same command."
    command = f"python -m dbal_tf.main --flagfile={shlex.quote(str(flags))}"
    return f"To go on, give the same command, or:\n  {command}"

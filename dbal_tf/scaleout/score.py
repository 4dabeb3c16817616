r"""Scores a pool of any size on Apache Beam, and writes the query.

  python -m dbal_tf.scaleout.score --model=RUN_DIR/export/98 \
      --input='POOL/train-*.tfrecord' --output=FOLDER --acquisition=bald --top=1000

Flags that are not listed here are Beam's, such as --runner and
--direct_num_workers; docs/scale.md has those of clusters. FOLDER gets query.csv,
scores-*.parquet, dead_letter-*.jsonl with what could not be scored, and
provenance.json. Needs Beam: pip install '.[beam]'.
"""

import argparse
import dataclasses
import itertools
import json
import math
import re
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from dbal_tf.config import RESIZES
from dbal_tf.core import InputError
from dbal_tf.runtime import startup
from dbal_tf.scaleout import local_workers
from dbal_tf.scaleout.extra import check_installed
from dbal_tf.store.layout import PROVENANCE_FILE

_KINDS = ("power", "softmax")


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"dbal_tf: {message}; see --help.\n")


def _options(arguments: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    """Returns the program's flags, and what is left for Beam."""
    parser = _Parser(
        "dbal_tf.scaleout.score",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--model", required=True, help="folder of an export")
    add("--input", required=True, help="pattern of TFRecord shards, or of image files")
    add("--output", required=True, help="folder for the results")
    add("--acquisition", default="bald", help="a score that the model has")
    add("--top", type=_positive, default=1000, help="items in the query")
    add("--num_samples", type=_positive, default=100, help="posterior samples")
    add("--seed", type=_seed, default=0, help="seed of samples, ties and noise")
    add("--batch", choices=("top_k", "stochastic"), default="top_k", help="see dbal_tf.main")
    add("--stochastic", choices=_KINDS, default="power", help="what the noise is added to")
    add("--temperature", type=_temperature, default=1.0, help="scale of the noise")
    add(
        "--refine",
        type=_from_zero,
        default=0,
        help="how many of the best to score again; 0: none",
    )
    add("--refine_samples", type=_positive, default=2000, help="samples for --refine")
    add("--batch_size", type=_positive, default=1000, help="images that are scored at once")
    add("--resize", choices=RESIZES, default="pad", help="of image files, see dbal_tf.main")
    return parser.parse_known_args(arguments)


def _from_zero(text: str) -> int:
    number = int(text)
    if number < 0:
        raise ValueError(text)
    return number


def _seed(text: str) -> int:
    if (number := _from_zero(text)) < 2**63:
        return number
    raise ValueError(text)


def _temperature(text: str) -> float:
    if 0 <= (number := float(text)) < math.inf:
        return number
    raise ValueError(text)


def _positive(text: str) -> int:
    if number := _from_zero(text):
        return number
    raise ValueError(text)


def _check(options: argparse.Namespace, arguments: Sequence[str]) -> None:
    check_installed()
    for before, word in itertools.pairwise(["", *arguments]):
        if not word.startswith("-") and ("=" in before or not before.startswith("-")):
            raise InputError(
                f"{word} is no flag, nor the value of one; expected one pattern for --input; "
                "quote it, such as --input='POOL/train-*.tfrecord', so that the shell leaves "
                "it as it is."
            )
    if 0 < options.refine < options.top:
        raise InputError(
            f"--refine={options.refine} is below --top={options.top}; score at least as many "
            "images again as are asked for."
        )


def _job(options: argparse.Namespace) -> Any:
    """Returns the job that the flags describe; reads the model's signature."""
    from dbal_tf.scaleout import scoring
    from dbal_tf.scaleout.pipeline import Job

    noise = (0.0, "softmax")
    if options.batch == "stochastic":
        noise = options.temperature, options.stochastic
    ranking = scoring.Ranking(options.acquisition, options.num_samples, options.seed, *noise)
    pattern, folder = _located(options.input)
    return Job(
        options.model,
        (pattern,),
        options.output,
        options.top,
        ranking,
        scoring.image_shape(options.model, options.acquisition),
        options.batch_size,
        options.resize,
        options.refine,
        options.refine_samples,
        folder,
    )


def _located(pattern: str) -> tuple[str, str]:
    """Returns a pattern by which Beam finds files, and the folders before its wildcards."""
    start = re.split(r"[*?[]", pattern, maxsplit=1)[0]
    folder, slash, _ = start.rpartition("/")
    # Beam finds nothing by a wildcard without a folder.
    return (pattern, folder) if slash or start == pattern else (f"./{pattern}", ".")


def check_options(arguments: Sequence[str]) -> None:
    """Raises InputError if Beam does not know one of its flags."""
    from apache_beam.options.pipeline_options import PipelineOptions

    options = PipelineOptions(list(arguments))
    known = options.get_all_options()
    names = [one.removeprefix("--").split("=")[0] for one in arguments if one.startswith("-")]
    unknown = [name for name in names if name.replace("no_", "") not in known]
    if unknown:
        raise InputError(
            f"--{unknown[0]} is no flag of this program, nor of Beam's runners; see --help."
        )


def run(job: Any, arguments: Sequence[str]) -> dict[str, int]:
    """Runs the pipeline and writes its provenance.

    Args:
        job: The `pipeline.Job`.
        arguments: Beam's flags.

    Returns:
        The number of images scored, and of those set aside by reason.

    Raises:
        InputError: No file matches, Beam does not know a flag, or local workers are
            lost again and again.
    """
    from apache_beam.io.filesystems import FileSystems

    from dbal_tf.scaleout import pipeline

    check_options(arguments)
    if not any(match.metadata_list for match in FileSystems.match(list(job.patterns))):
        raise InputError(f"--input={job.patterns[0]} matches no file; correct the pattern.")
    # Beam would leave earlier files beside the new ones if the number of shards differs.
    earlier = FileSystems.match([job.path(pattern) for pattern in pipeline.SHARDS_WRITTEN])
    if paths := [one.path for match in earlier for one in match.metadata_list]:
        FileSystems.delete(paths)
    local_workers.run(job, arguments)
    with FileSystems.open(job.path(pipeline.COUNTS)) as file:
        counts: dict[str, int] = json.load(file)
    _write_provenance(job, arguments, counts)
    return counts


def _write_provenance(job: Any, arguments: Sequence[str], counts: dict[str, int]) -> None:
    import apache_beam as beam
    from apache_beam.io.filesystems import FileSystems

    from dbal_tf.runtime.provenance import versions
    from dbal_tf.scaleout.scoring import model_digest

    facts = {
        "model_sha256": model_digest(job.model),
        "job": dataclasses.asdict(job),
        "beam_options": list(arguments),
        "versions": {**versions(), "apache-beam": beam.__version__},
        "counts": counts,
    }
    with FileSystems.create(job.path(PROVENANCE_FILE)) as file:
        file.write((json.dumps(facts, indent=2) + "\n").encode())


def main(arguments: Sequence[str]) -> int:
    """Runs the program; returns its exit status."""
    options, of_beam = _options(arguments)
    local_workers.quieten()
    try:
        _check(options, arguments)
        startup.import_tensorflow()
        job = _job(options)
        counts = run(job, of_beam)
    except (InputError, OSError) as error:
        print(f"dbal_tf: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("dbal_tf: interrupted; the query was not written.", file=sys.stderr)
        return 130
    from dbal_tf.scaleout.pipeline import QUERY, SCORED

    scored = counts.pop(SCORED, 0)
    print(f"{scored} images scored; the query: {job.path(QUERY)}")
    for reason, count in sorted(counts.items()):
        print(f"{count} set aside: {reason}")
    return 0


def cli() -> None:
    """Runs the program with the command line's arguments."""
    sys.exit(main(sys.argv[1:]))


if __name__ == "__main__":
    cli()

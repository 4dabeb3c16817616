"""Times scoring, the whole pool, batches, a fit and a round, for this program and its peers.

  python tools/benchmark.py --data_dir=<folder with MNIST> --out=<folder>

All ways get the same MNIST images and the same weights, those of the paper's
network trained on 300 labels. They run in turn and are compared by their medians.
It is an error if the probabilities of a peer differ from ours. The table says
which peers are not installed; requirements-benchmark.txt has them. Each part
writes its tables as Markdown, and as JSON with all measured seconds.
"""

import dataclasses
import importlib
import json
import pathlib
import sys

from absl import app, flags, logging

from dbal_tf.runtime import startup
from dbal_tf.store.files import write_atomically

FLAGS = flags.FLAGS
PARTS = {
    "scoring": "scoring",
    "pool": "pool",
    "batches": "batches",
    "fit": "fit",
    "round": "whole_round",
}
flags.DEFINE_multi_enum("part", None, PARTS, "What to measure; may be repeated. Default: all.")
flags.DEFINE_string("data_dir", "", "Folder with MNIST. Empty: tensorflow-datasets.")
flags.DEFINE_string("out", "", "Folder for the results. Empty: they are printed only.")
flags.DEFINE_integer("repetitions", 5, "Turns, of which medians are taken.", 1)
flags.DEFINE_integer("images", 2000, "Images that peers score, and choose from.", 1)
flags.DEFINE_integer(
    "num_samples", 100, "Samples T in the parts scoring, batches and round.", 2
)
flags.DEFINE_integer("epochs", 50, "Epochs of every fit.", 1)


def main(argv: list[str]) -> None:
    """Measures the parts that the flags name."""
    logging.set_verbosity(logging.WARNING)
    startup.import_tensorflow()
    from benchmarks import measuring

    from dbal_tf.datasets import mnist
    from dbal_tf.runtime import provenance

    names = [field.name for field in dataclasses.fields(measuring.Settings)]
    settings = measuring.Settings(**{name: FLAGS[name].value for name in names})
    source = mnist.load(settings.data_dir)
    facts = {
        "command": f"python tools/benchmark.py {' '.join(shown(sys.argv[1:]))}",
        "machine": measuring.machine(),
        "versions": provenance.versions() | measuring.peer_versions(),
    }
    for part in FLAGS.part or PARTS:
        tables, seconds = importlib.import_module(f"benchmarks.{PARTS[part]}").run(
            source, settings
        )
        text = "\n".join(table.markdown() for table in tables)
        print(text, flush=True)
        if FLAGS.out:
            content = facts | {"tables": list(map(dataclasses.asdict, tables))}
            content = json.dumps(content | {"seconds": seconds}, indent=2) + "\n"
            write_atomically(pathlib.Path(FLAGS.out, f"{part}.json"), content)
            write_atomically(pathlib.Path(FLAGS.out, f"{part}.md"), text)


def shown(arguments: list[str]) -> list[str]:
    """Returns the arguments of a command without the folders of one machine."""
    names = {"--data_dir": "MNIST_DIR", "--out": "FOLDER"}
    pairs = [argument.partition("=") for argument in arguments]
    return [f"{flag}{sign}{names.get(flag, value)}" for flag, sign, value in pairs]


if __name__ == "__main__":
    app.run(main)

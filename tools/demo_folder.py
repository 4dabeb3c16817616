"""Writes a folder of digits as PNG files, to try the labelling page without a download.

python tools/demo_folder.py --out=<new folder>                unlabelled
python tools/demo_folder.py --out=<new folder> --labelled     a sub-folder per class
"""

import argparse
import pathlib
import shlex
import sys

import numpy as np
from PIL import Image

from dbal_tf.datasets import digits


def write(out: pathlib.Path, count: int, labelled: bool) -> int:
    """Writes the first `count` digits of a shuffled order; returns their number."""
    source = digits.load("")
    order = np.random.Generator(np.random.PCG64(0)).permutation(len(source.train))[:count]
    for number, row in enumerate(order.tolist()):
        name = source.class_names[source.train_classes[row]] if labelled else "."
        path = out / name / f"{number:04d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.asarray(source.train.images[row])[..., 0]).save(path)
    return len(order)


def main() -> None:
    """Writes the folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", required=True, type=pathlib.Path, help="folder, new or empty")
    parser.add_argument("--images", type=int, default=300, help="how many, at most 1200")
    parser.add_argument("--labelled", action="store_true", help="a sub-folder per class")
    flags = parser.parse_args()
    if flags.images < 1:
        sys.exit(f"--images={flags.images} asks for no image; expected 1 to 1200.")
    if flags.out.exists() and (not flags.out.is_dir() or any(flags.out.iterdir())):
        what = "not empty" if flags.out.is_dir() else "a file"
        sys.exit(f"--out={flags.out} is {what}; expected a new or empty folder; name another.")
    folder = shlex.quote(str(flags.out))
    count = write(flags.out, flags.images, flags.labelled)
    command = "python -m dbal_tf.main "
    if flags.labelled:
        command += f"--dataset=image_folder --data_dir={folder}"
    else:
        names = ",".join(map(str, range(10)))
        command += (
            f"--flagfile=configs/own_images.cfg --data_dir={folder} --class_names={names}"
        )
    print(f"{count} images; now: {command}")


if __name__ == "__main__":
    main()

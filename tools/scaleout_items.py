#!/usr/bin/env python3
"""Measures the cost per item of the dbal_tf.scaleout pipeline, without a network.

    python tools/scaleout_items.py --items=1000000,10000000

The stand-in model scores vectors of 8 bytes by their sum, so the cost is that of
reading, parsing, ranking and writing. One shard of 100,000 records is linked as often
as needed; ids are derived from the name of the shard. Each number of items runs in a
separate process, which prints CPU seconds, microseconds per item and its peak memory.
"""

import argparse
import os
import pathlib
import resource
import subprocess
import sys
import tempfile
import time

import numpy as np

from dbal_tf.runtime import startup

_SHAPE = (1, 8, 1)
_RECORDS = 100_000  # in a shard


def write_model(folder: str) -> None:
    """Writes a SavedModel with the signature of an export."""
    import tensorflow as tf

    class StandIn(tf.Module):
        @tf.function(
            input_signature=[
                tf.TensorSpec([None, *_SHAPE], tf.uint8, name="images"),
                tf.TensorSpec([], tf.int64, name="num_samples"),
                tf.TensorSpec([], tf.int64, name="seed"),
            ]
        )
        def scores(self, images: tf.Tensor, num_samples: tf.Tensor, seed: tf.Tensor) -> dict:
            total = tf.reduce_sum(tf.cast(images, tf.float32), axis=[1, 2, 3])
            return {"bald": total + 0.0 * tf.cast(num_samples + seed, tf.float32)}

    model = StandIn()
    tf.saved_model.save(model, folder, signatures={"scores_uint8": model.scores})


def write_shard(path: pathlib.Path) -> None:
    """Writes a shard of random vectors."""
    import tensorflow as tf

    def whole(value: int) -> tf.train.Feature:
        return tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))

    sides = dict(zip(("height", "width", "channels"), map(whole, _SHAPE), strict=True))
    rows = np.random.default_rng(0).integers(0, 256, (_RECORDS, 8), np.uint8)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for row in rows:
            raw = tf.train.Feature(bytes_list=tf.train.BytesList(value=[row.tobytes()]))
            features = tf.train.Features(feature={"image_raw": raw, **sides})
            writer.write(tf.train.Example(features=features).SerializeToString())


def run(folder: str, items: int) -> None:
    """Scores `items` items in this process, and prints the cost."""
    from dbal_tf.scaleout import score

    pool = pathlib.Path(folder, f"pool-{items}")
    pool.mkdir()
    count = -(-items // _RECORDS)
    for number in range(count):
        os.link(f"{folder}/shard", pool / f"train-{number:05d}-of-{count:05d}.tfrecord")
    flags = [f"--model={folder}/model", f"--input={pool}/train-*.tfrecord"]
    start = time.process_time()
    status = score.main([*flags, f"--output={folder}/out-{items}", "--batch_size=5000"])
    seconds = time.process_time() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(
        f"{count * _RECORDS:>10} items {seconds:8.1f} CPU s "
        f"{1e6 * seconds / (count * _RECORDS):6.2f} us an item, {peak} MiB"
    )
    sys.exit(status)


def main() -> None:
    """Measures each number of items."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--items", default="1000000,2000000,10000000")
    parser.add_argument("--folder", help="internal: the folder that a child process uses")
    flags = parser.parse_args()
    if flags.folder:
        run(flags.folder, int(flags.items))
    startup.import_tensorflow()
    with tempfile.TemporaryDirectory() as folder:
        write_model(f"{folder}/model")
        write_shard(pathlib.Path(folder, "shard"))
        for items in flags.items.split(","):
            command = [sys.executable, __file__, f"--items={items}", f"--folder={folder}"]
            done = subprocess.run(command, capture_output=True, text=True)
            print(
                done.stdout.splitlines()[-1] if done.stdout else done.stderr[-500:], flush=True
            )


if __name__ == "__main__":
    main()

"""The pipeline: reads images, scores them, and writes the scores and the query."""

import dataclasses
import json
import pathlib
from typing import Any

import apache_beam as beam
import pyarrow as pa
import pyarrow.parquet as parquet
from apache_beam.io.fileio import MatchAll
from apache_beam.io.filesystems import FileSystems
from apache_beam.io.parquetio import WriteToParquetBatched
from apache_beam.io.textio import WriteToText
from apache_beam.ml.inference.base import RunInference

from dbal_tf.scaleout.best import Best
from dbal_tf.scaleout.blocks import Bad, Ranked
from dbal_tf.scaleout.reading import BAD, SHARD, ReadImages, ReadShard
from dbal_tf.scaleout.scoring import Ranking, SavedModelHandler
from dbal_tf.store.csv_files import csv_text

QUERY, COUNTS, SCORES, DEAD_LETTER = "query.csv", "counts.json", "scores", "dead_letter"
SHARDS_WRITTEN = f"{SCORES}-*-of-*.parquet", f"{DEAD_LETTER}-*-of-*.jsonl"
SCORED = "scored"
_SCHEMA = pa.schema([("id", pa.string()), ("score", pa.float64())])


@dataclasses.dataclass(frozen=True)
class Job:
    """The settings of a pipeline; see the program's flags of the same names.

    Attributes:
        ranking: How items are scored and ranked.
        image_shape: Height, width and channels that the model takes.
        refine: How many of the best are scored again; 0: none.
        refine_samples: Posterior samples for scoring again.
        folder: Folder that the ids of image files are relative to.
    """

    model: str
    patterns: tuple[str, ...]
    output: str
    top: int
    ranking: Ranking
    image_shape: tuple[int, ...]
    batch_size: int = 1000
    resize: str = "pad"
    refine: int = 0
    refine_samples: int = 2000
    folder: str = ""

    def path(self, name: str) -> str:
        """Returns the path of an output."""
        return str(FileSystems.join(self.output, name))


def build(pipeline: beam.Pipeline, job: Job) -> None:
    """Adds all steps to a pipeline."""
    paths = (
        pipeline
        | "patterns" >> beam.Create(job.patterns)
        | "match" >> MatchAll()
        | "paths" >> beam.Map(lambda found: found.path)
        | "spread" >> beam.Reshuffle()
    )
    blocks, bad = _read(paths, job, "read", None)
    ranked = blocks | "score" >> RunInference(SavedModelHandler(job.model, job.ranking))
    best = ranked | "best" >> beam.CombineGlobally(Best(job.refine or job.top))
    if job.refine:
        wanted = best | "ids" >> beam.Map(lambda found: frozenset(found.ids.tolist()))
        again, _ = _read(paths, job, "read again", beam.pvalue.AsSingleton(wanted))
        finer = dataclasses.replace(job.ranking, num_samples=job.refine_samples)
        best = (
            again
            | "refine" >> RunInference(SavedModelHandler(job.model, finer))
            | "best of all" >> beam.CombineGlobally(Best(job.top))
        )
    _write(job, ranked, best, bad)


def _read(paths: Any, job: Job, name: str, wanted: Any) -> tuple[Any, Any]:
    """Returns the blocks of all files, and what cannot be scored."""
    side = [] if wanted is None else [wanted]
    if all(pattern.endswith(SHARD) for pattern in job.patterns):
        reader: beam.DoFn = ReadShard(job.image_shape, job.batch_size)
    else:
        paths |= f"{name}: batch" >> beam.BatchElements(job.batch_size, job.batch_size)
        reader = ReadImages(job.image_shape, job.resize, job.folder)
    read = paths | name >> beam.ParDo(reader, *side).with_outputs(BAD, main="blocks")
    return read.blocks, read[BAD]


def _write(job: Job, ranked: Any, best: Any, bad: Any) -> None:
    tables = ranked | "tables" >> beam.Map(_table)
    _ = tables | "scores" >> WriteToParquetBatched(
        job.path(SCORES), _SCHEMA, file_name_suffix=".parquet"
    )
    whole: dict[str, Any] = {"num_shards": 1, "shard_name_template": ""}
    text = best | "query" >> beam.Map(query_text)
    _ = text | "write query" >> WriteToText(job.path(QUERY), **whole)
    lines = bad | "lines" >> beam.Map(lambda one: json.dumps(one._asdict()))
    _ = lines | "dead letter" >> WriteToText(job.path(DEAD_LETTER), ".jsonl")
    reasons = bad | "reasons" >> beam.Map(_reason)
    numbers = ranked | "numbers" >> beam.Map(lambda block: (SCORED, len(block.ids)))
    _ = (
        (reasons, numbers)
        | beam.Flatten()
        | "sum" >> beam.CombinePerKey(sum)
        | "collect" >> beam.combiners.ToDict()
        | "counts" >> beam.Map(json.dumps)
        | "write counts" >> WriteToText(job.path(COUNTS), **whole)
    )


def _reason(one: Bad) -> tuple[str, int]:
    return one.reason, 1


def _table(block: Ranked) -> pa.Table:
    return pa.table([pa.array(block.ids.tolist()), pa.array(block.scores)], schema=_SCHEMA)


def read_scores(folder: pathlib.Path) -> dict[str, float]:
    """Returns the scores that a job has written to a local folder, by id."""
    tables = [parquet.read_table(path) for path in sorted(folder.glob(f"{SCORES}-*.parquet"))]
    if not tables:
        return {}
    whole = pa.concat_tables(tables)
    ids, scores = whole["id"].to_pylist(), whole["score"].to_pylist()
    return dict(zip(ids, scores, strict=True))


def query_text(best: Ranked) -> str:
    """Returns the query as CSV, best first, with the columns rank, from 1, id and score."""
    columns = range(1, len(best.ids) + 1), best.ids.tolist(), best.scores.tolist()
    return csv_text(("rank", "id", "score"), zip(*columns, strict=True)).rstrip("\n")

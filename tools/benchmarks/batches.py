"""Times queries from 10,000 images, by kind of batch and by epig, against bald with top_k."""

import functools

import numpy as np
from benchmarks import measuring
from benchmarks.measuring import Results, Settings, Table, ratio, significant
from benchmarks.model import LABELS, WEIGHT_DECAY, trained

from dbal_tf.acquisition import batchbald
from dbal_tf.artifacts import Examples, Model
from dbal_tf.bayesian.inference import predictor_for
from dbal_tf.components.posterior_choice import PosteriorChooser
from dbal_tf.config import Config
from dbal_tf.datasets.source import Source

_POOL = 10_000
_PEER = "batchbald_redux 2.0.5, get_batchbald_batch"
_PEER_CONFIGURATIONS = 10_000
_QUERY = 10
WAYS = {
    "bald, top_k": {},
    "bald, stochastic": {"batch": "stochastic"},
    "bald, batchbald": {"batch": "batchbald"},
    "bald, diverse": {"batch": "diverse"},
    "epig, top_k": {"acquisition": ("epig",)},
}


def run(source: Source, settings: Settings) -> Results:
    """Times the choice of a query, and BatchBALD on given samples against its peer."""
    network = trained(source, settings.epochs)
    model, images = Model(network, LABELS, WEIGHT_DECAY, 0), source.train.images[-_POOL:]
    pool = Examples(np.arange(_POOL).astype(str), images)
    calls = {}
    for name, changes in WAYS.items():
        config = Config(
            **{"acquisition": ("bald",), "num_samples": settings.num_samples} | changes
        )
        chooser = PosteriorChooser.from_config(config)
        calls[name] = functools.partial(chooser.run, model, None, pool, lambda _: 0)
        calls[name]()
    seconds, _ = measuring.interleaved(calls, settings.repetitions)
    first = seconds[next(iter(WAYS))]
    rows = [
        (name, *measuring.summary(seconds[name]), ratio(seconds[name], first)) for name in WAYS
    ]
    title = f"A query of {_QUERY} and its reserve from {_POOL:,} images"
    table = Table(title, ("way", "seconds", "from, to", "/ top_k"), rows)
    probs_ntc = predictor_for(network, "mc_dropout").probs(
        images[: settings.images], settings.num_samples, 0
    )
    against, spent = peers(probs_ntc)
    return [table, against], {"batches": seconds, "batchbald": spent}


def peers(probs_ntc: np.ndarray) -> tuple[Table, dict[str, list[float]]]:
    """Compares our BatchBALD on given samples with that of the authors."""
    rows = []
    calls = {"ours": functools.partial(batchbald, probs_ntc, _QUERY, 0)}
    calls["ours"]()
    try:
        import torch
        from batchbald_redux.batchbald import get_batchbald_batch
    except ImportError:
        rows = [(_PEER, "absent; pip install torch batchbald_redux", "")]
    else:
        log_probs = torch.log(torch.from_numpy(probs_ntc).clamp_min(1e-30))
        calls[_PEER] = functools.partial(
            get_batchbald_batch, log_probs, _QUERY, _PEER_CONFIGURATIONS, dtype=torch.double
        )
    spent = {name: [measuring.seconds_of(call)[0]] for name, call in calls.items()}
    rows += [
        (name, significant(times[0]), ratio(times, spent["ours"]))
        for name, times in spent.items()
    ]
    title = f"BatchBALD of {_QUERY} from {len(probs_ntc):,} images' samples"
    return Table(title, ("way", "seconds", "/ ours"), rows), spent

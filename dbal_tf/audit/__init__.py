"""Checks of a run on disk, and the lineage of its numbers. Needs no TensorFlow."""

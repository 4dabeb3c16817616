"""Whether a run is what it says, and what made its numbers. Needs no TensorFlow."""

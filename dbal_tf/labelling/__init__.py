"""The page where a person labels: a process of its own, without TensorFlow."""

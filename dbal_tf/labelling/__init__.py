"""The page where a person labels; it runs in its own process, without TensorFlow."""

"""Output of runs: tables, plots, pictures of the images bought, TensorBoard logs."""

"""What a run shows: tables and CSV, plots, pictures of the picks, TensorBoard."""

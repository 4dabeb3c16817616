"""Experiments: grids of runs and what is reported of them."""

"""Techniques that deep Bayesian active learning is compared with."""

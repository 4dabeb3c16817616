"""q(w): networks, posteriors over their weights and predictive statistics."""

"""Networks, approximate posteriors q(w) over their weights, predictive statistics."""

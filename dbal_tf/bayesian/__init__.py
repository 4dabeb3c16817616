"""Networks, approximate posteriors q(w) over their weights, and predictive statistics."""

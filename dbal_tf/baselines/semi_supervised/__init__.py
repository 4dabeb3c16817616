"""The semi-supervised systems of the paper's Table 2, one file each."""

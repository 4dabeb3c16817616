"""The steps of a round, one file each: a frozen dataclass with one `run`."""

"""What a run keeps on disk: its store and its other files, and the lock on its folder."""

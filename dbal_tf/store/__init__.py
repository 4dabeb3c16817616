"""What a run keeps: its store, the files in its folder, and who may write there."""

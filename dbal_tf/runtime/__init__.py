"""The process: TensorFlow's start, devices, signals, faults, versions."""

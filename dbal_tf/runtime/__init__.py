"""The process: TensorFlow's start-up, devices, signals, faults and versions."""

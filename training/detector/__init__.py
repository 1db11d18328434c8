"""The detector's trainer: photographs with pseudo-labels in, a small SCRFD-shaped `detector.onnx` out."""

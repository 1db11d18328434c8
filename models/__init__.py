"""The contract between training and serving: bundles, alignment, calibration, quality."""

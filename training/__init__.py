"""The trainer: turns faces into AdaFace checkpoints and checkpoints into bundles."""

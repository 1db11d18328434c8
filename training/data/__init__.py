"""Face crops for training: where they come from and how they are varied."""

"""Weights that come from elsewhere: other people's checkpoints, and recognizers exported before."""

"""Benchmark protocols on aligned crops: pair sets, IJB-B/C, TinyFace, EDC, open-set search."""

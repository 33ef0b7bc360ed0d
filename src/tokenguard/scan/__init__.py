"""Bytes -> matches: stage 1 (`engine`, Hyperscan) says where to look, stage 2 (`refine`, `re`) says what is there."""

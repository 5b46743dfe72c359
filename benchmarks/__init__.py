"""Benchmarks: what the sidecar costs beside the bare client loop, and what it reaches with an application. Run by ``make bench``."""

"""The core: decides everything and does nothing. Standard library only; no I/O, clock, thread or log."""

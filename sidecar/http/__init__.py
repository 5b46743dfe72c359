"""The admin server: the live page, probes, metrics, status and the actions, on a thread of its own."""

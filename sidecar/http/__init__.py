"""The admin server: probes, metrics, status and the actions, on a thread of its own."""

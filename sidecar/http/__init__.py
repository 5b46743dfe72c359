"""The admin server: probes, metrics and status, read-only, on a thread of its own."""

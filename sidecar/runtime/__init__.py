"""The runtime: the loop that owns the consumer and the engine, the flusher threads, the watchdog."""

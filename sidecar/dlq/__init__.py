"""``kafka-sidecar dlq``: what is in the dead-letter topic, and how it gets out again."""

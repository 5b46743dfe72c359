"""The real parts that tests run against: Kafka, the sidecar's own process, an HTTP application."""

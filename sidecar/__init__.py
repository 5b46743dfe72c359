"""Consumes Kafka for an application: bounded memory, backpressure, and every record accounted for."""

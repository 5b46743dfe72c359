"""The Kafka shell: the only package that imports confluent_kafka."""

"""Produces orders of ten customers, 200 a second, until it is stopped; makes the topic first. The client comes with the sidecar."""

import json
import os
import random
import signal
import threading

from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient, NewTopic

topic = os.environ.get("TOPIC", "orders")
kafka: dict[str, str | int | float | bool] = {"bootstrap.servers": os.environ.get("KAFKA", "localhost:9092")}

admin = AdminClient(kafka)
try:
    admin.create_topics([NewTopic(topic, num_partitions=12)])[topic].result(30)
except KafkaException as error:
    if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
        raise

stopped = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stopped.set())
producer = Producer(kafka)
dice = random.Random()  # noqa: S311 -- orders out of the air
while not stopped.wait(0.1):
    for _ in range(20):
        customer = f"c-{dice.randrange(10)}"
        order = json.dumps({"customer": customer, "total": dice.randrange(1, 10_000) / 100})
        producer.produce(topic, order.encode(), customer.encode())
    producer.poll(0)
producer.flush(10)

"""snowflake-connector-python and confluent-kafka: confluent.py <address> <set> <broker> <topic>

Idempotent, so at least once: nothing remembers how far it came.
"""

import sys

from confluent_kafka import Producer

from common import PRODUCER, Meter, connect, dumps, rows, tell

address, index, broker, topic = sys.argv[1:]

# https://docs.confluent.io/kafka-clients/python/current/overview.html#at-least-once-processing
producer = Producer({**PRODUCER, "bootstrap.servers": broker, "enable.idempotence": True})
producer.list_topics(topic, 30)
cursor = connect(address).cursor()

meter = Meter()
count = size = 0
for row in rows(cursor, index):
    value = dumps(row)
    while True:
        try:
            # Without a callback: flush() waits for all of them, and the benchmark counts what arrived.
            producer.produce(topic, value)
            break
        except BufferError:
            producer.poll(0.05)
    count += 1
    size += len(value)
    if count % 10_000 == 0:
        producer.poll(0)
if producer.flush(120) != 0:
    sys.exit("not all messages were acknowledged")
tell(meter.figures(count, size))

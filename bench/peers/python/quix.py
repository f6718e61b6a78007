"""A quixstreams Source over snowflake-connector-python: quix.py <address> <set> <broker> <topic>

At least once: sources are never transactional. https://quix.io/docs/quix-streams/connectors/sources/custom-sources.html
"""

import json
import os
import resource
import sys
import tempfile

from quixstreams import Application
from quixstreams.models.serializers import JSONSerializer
from quixstreams.sources import Source

from common import PRODUCER, Meter, connect, cpu_ms, dumps, rows, tell

address, index, broker, topic_name = sys.argv[1:5]


class SnowflakeSource(Source):
    """Runs in a process of its own."""

    def __init__(self, figures):
        super().__init__(name="snowflake", shutdown_timeout=60)
        self.figures = figures

    def run(self):
        cursor = connect(address).cursor()
        meter = Meter()
        count = size = 0
        for row in rows(cursor, index):
            message = self.serialize(value=row)
            self.produce(value=message.value, key=message.key)
            count += 1
            size += len(message.value)
        self.flush()
        with open(self.figures, "w", encoding="utf-8") as file:
            json.dump(meter.figures(count, size), file)


def main():
    # https://quix.io/docs/quix-streams/configuration.html
    app = Application(
        broker_address=broker,
        loglevel="ERROR",
        auto_create_topics=False,
        producer_extra_config=PRODUCER,
    )
    topic = app.topic(topic_name, value_serializer=JSONSerializer(dumps=dumps))
    with tempfile.TemporaryDirectory() as folder:
        figures = os.path.join(folder, "figures.json")
        app.add_source(SnowflakeSource(figures), topic=topic)
        app.run()
        with open(figures, encoding="utf-8") as file:
            made = json.load(file)
    made["totalCpuMs"] = cpu_ms() + cpu_ms(resource.RUSAGE_CHILDREN)
    tell(made)


if __name__ == "__main__":
    main()

"""What both Python programs share: the rows as snowflake-connector-python gives them, the producer's settings, the figures."""

import datetime
import decimal
import json
import resource
import time
from urllib.parse import urlsplit

import orjson
import snowflake.connector

# Many rows a call: https://docs.snowflake.com/en/developer-guide/python-connector/python-connector-example#fetching-values
# (fetch_arrow_batches() and to_pylist() were slower: the rows have to become Python's objects in any case.)
FETCH_ROWS = 10_000

# Bigger batches, and time to fill them: https://docs.confluent.io/kafka-clients/python/current/overview.html and
# https://github.com/confluentinc/librdkafka/blob/master/INTRODUCTION.md#high-throughput
# Each one: https://github.com/confluentinc/librdkafka/blob/master/CONFIGURATION.md
PRODUCER = {
    "linger.ms": 50,
    "batch.size": 1_000_000,
    "batch.num.messages": 100_000,
    "queue.buffering.max.messages": 200_000,
    "queue.buffering.max.kbytes": 262_144,
    "message.max.bytes": 1_040_000,
    "compression.type": "none",
}


def connect(address):
    url = urlsplit(address)
    return snowflake.connector.connect(
        account="bench",
        user="bench",
        password="bench",
        host=url.hostname,
        port=url.port,
        protocol="http",
        database="BENCH",
        schema="PUBLIC",
        warehouse="WH",
    )


def rows(cursor, index):
    """Each row as a dict."""
    cursor.execute(f"SELECT * FROM BENCH.PUBLIC.FLIGHTS /* set {index} */")
    names = [column[0] for column in cursor.description]
    while batch := cursor.fetchmany(FETCH_ROWS):
        for row in batch:
            yield dict(zip(names, row))


def other(value):
    if isinstance(value, decimal.Decimal):
        return str(value)
    if isinstance(value, (datetime.datetime, datetime.date)):
        return value.isoformat()
    raise TypeError(type(value))


def dumps(value):
    return orjson.dumps(value, other)


def cpu_ms(who=resource.RUSAGE_SELF):
    usage = resource.getrusage(who)
    return 1000 * (usage.ru_utime + usage.ru_stime)


class Meter:
    def __init__(self):
        self.cpu = cpu_ms()
        self.began = time.perf_counter()

    def figures(self, count, size):
        """As bench/measured/meter.ts has them. Python has no event loop that could stall."""
        return {
            "rows": count,
            "bytes": size,
            "wallMs": 1000 * (time.perf_counter() - self.began),
            "cpuMs": cpu_ms() - self.cpu,
            "totalCpuMs": cpu_ms(),
            "rssMb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            "stallMs": 0,
        }


def tell(figures):
    print(json.dumps(figures), flush=True)

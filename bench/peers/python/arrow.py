"""A dataset's JSON chunks as Arrow streams in the layout that Snowflake has for each type.

arrow.py <folder of the dataset> <its columns as JSON>; the last file written is arrow.json.
"""

import base64
import gzip
import json
import os
import sys

import pyarrow as pa

BATCH_ROWS = 10_000
TEXT_LENGTH = "16777216"


def integer(name):
    return pa.field(name, pa.int64(), True, {"logicalType": "FIXED", "precision": "38", "scale": "0"})


def small(name):
    return pa.field(name, pa.int32(), True, {"logicalType": "FIXED", "precision": "38", "scale": "0"})


MOMENT = pa.struct([integer("epoch"), small("fraction")])
ZONED = pa.struct([integer("epoch"), small("fraction"), small("timezone")])


def fixed(column, cells):
    scale = column["scale"]
    values = [None if cell is None else round(float(cell) * 10**scale) if scale else int(cell) for cell in cells]
    return pa.array(values, pa.int64() if column["precision"] > 9 else pa.int32())


def moment(cells):
    parts = [cell.split(".") for cell in cells]
    arrays = [pa.array([int(p[0]) for p in parts], pa.int64()), pa.array([int(p[1]) for p in parts], pa.int32())]
    return pa.StructArray.from_arrays(arrays, fields=list(MOMENT))


def zoned(cells):
    times, zones = zip(*(cell.split(" ") for cell in cells))
    time = moment(times)
    zone = pa.array([int(zone) for zone in zones], pa.int32())
    return pa.StructArray.from_arrays([time.field(0), time.field(1), zone], fields=list(ZONED))


def array(column, cells):
    kind = column["type"]
    if kind == "NUMBER":
        return fixed(column, cells)
    if kind == "BOOLEAN":
        return pa.array([None if cell is None else cell == "1" for cell in cells], pa.bool_())
    if kind == "TIMESTAMP_NTZ":
        return moment(cells)
    if kind == "TIMESTAMP_TZ":
        return zoned(cells)
    return pa.array(cells, pa.utf8())


def field(column, values):
    kind = column["type"]
    text = kind in ("VARCHAR", "VARIANT")
    metadata = {
        "logicalType": {"NUMBER": "FIXED", "VARCHAR": "TEXT"}.get(kind, kind),
        "precision": str(column["precision"] or 0),
        "scale": "9" if kind.startswith("TIMESTAMP") else str(column["scale"] or 0),
        "charLength": TEXT_LENGTH if text else "0",
        # Of a time with its zone: how drivers tell that it has all three fields.
        "byteLength": "16" if kind == "TIMESTAMP_TZ" else TEXT_LENGTH if text else "0",
        "finalType": "T",
    }
    return pa.field(column["name"], values.type, True, metadata)


def stream(columns, rows):
    arrays = [array(column, cells) for column, cells in zip(columns, zip(*rows))]
    schema = pa.schema([field(column, values) for column, values in zip(columns, arrays)])
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema) as writer:
        writer.write_table(pa.Table.from_arrays(arrays, schema=schema), max_chunksize=BATCH_ROWS)
    return sink.getvalue().to_pybytes()


def main():
    folder, columns = sys.argv[1], json.loads(sys.argv[2])
    with open(os.path.join(folder, "result.json"), encoding="utf-8") as file:
        result = json.load(file)
    made = {"inline": base64.b64encode(stream(columns, result["inline"])).decode(), "chunks": []}
    for at, chunk in enumerate(result["chunks"]):
        with gzip.open(os.path.join(folder, chunk["file"]), "rb") as file:
            rows = json.loads(b"[" + file.read() + b"]")
        body = stream(columns, rows)
        name = f"{at}.arrow.gz"
        with open(os.path.join(folder, name), "wb") as file:
            file.write(gzip.compress(body, 6))
        made["chunks"].append({"file": name, "rows": chunk["rows"], "bytes": len(body)})
    with open(os.path.join(folder, "arrow.json"), "w", encoding="utf-8") as file:
        json.dump(made, file)


main()

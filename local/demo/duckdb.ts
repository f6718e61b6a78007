/** Reads the flights with a DuckDB of one's own, not the stand-in's. */
import { DuckDBInstance } from '@duckdb/node-api';
import { cellSelect, type Image } from './flights.ts';

/** Images of the first `rows` flights that satisfy `where`, in ID order, some thousands at a time. */
export async function* readFlights(rows: number, where = 'true'): AsyncGenerator<Image[]> {
  const instance = await DuckDBInstance.create(':memory:', { threads: '2', memory_limit: '1GB' });
  const connection = await instance.connect();
  try {
    const result = await connection.stream(cellSelect(rows, where));
    for (;;) {
      const chunk = await result.fetchChunk();
      if (chunk === null || chunk.rowCount === 0) return;
      yield chunk.getRows() as Image[];
    }
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

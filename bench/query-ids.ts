/** A query id for each of the served results. */
const PREFIX = '01b00000-0000-4000-8000-';

export function queryIdOf(dataset: number): string {
  return `${PREFIX}${String(dataset).padStart(12, '0')}`;
}

export function datasetOf(queryId: string): number {
  return Number(queryId.slice(PREFIX.length));
}

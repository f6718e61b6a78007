/** A file of keys: JSON lines, or CSV with a header; `-` is stdin. Of what is wrong the line is told, never what it says. */
import { readFileSync, statSync } from 'node:fs';
import { checkSize, invalid, type Keys } from '../lambdas/operate/keys.ts';

/** Read whole: keys in JSON lines repeat the names of their columns. */
const MOST_FILE_BYTES = 32 * 1024 * 1024;

/** @throws KEYS_INVALID */
export function readKeys(path: string, key: readonly string[]): Keys {
  let text: string;
  try {
    if (path !== '-' && statSync(path).size > MOST_FILE_BYTES) throw tooLarge(path);
    text = readFileSync(path === '-' ? 0 : path, 'utf8');
  } catch (error) {
    if (!(error instanceof Error && 'syscall' in error)) throw error;
    throw invalid(`${path} can't be read: ${'code' in error ? String(error.code) : error.message}.`);
  }
  if (text.length > MOST_FILE_BYTES) throw tooLarge(path);
  return parseKeys(text, key);
}

/** @throws KEYS_INVALID */
export function parseKeys(text: string, key: readonly string[]): Keys {
  if (key.length === 0) throw invalid('The source has no key.');
  const plain = text.replace(/^\uFEFF/, '');
  const rows = plain.trimStart().startsWith('{') ? fromJson(plain, key) : fromCsv(plain, key);
  checkSize(rows);
  return { columns: [...key], rows };
}

function fromJson(text: string, key: readonly string[]): string[][] {
  const rows: string[][] = [];
  for (const [at, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue;
    const fields = objectOf(line, at + 1);
    const names = Object.keys(fields);
    const places = placesOf(key, names, `line ${at + 1}`);
    rows.push(
      places.map((place) => {
        const value = fields[names[place]!];
        if (typeof value === 'string') return value;
        throw invalid(`line ${at + 1}: ${names[place]!} is no text, number or boolean.`);
      }),
    );
  }
  return rows;
}

/** Numbers as their digits: a double has fewer. */
const asText = ((_: string, value: unknown, { source }: { source: string }) =>
  typeof value === 'number' || typeof value === 'boolean' ? source : value) as (key: string, value: unknown) => unknown;

function objectOf(line: string, number: number): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(line, asText);
  } catch {
    // The parser's own message quotes the line.
    throw invalid(`line ${number}: not JSON.`);
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw invalid(`line ${number}: not a JSON object.`);
}

function fromCsv(text: string, key: readonly string[]): string[][] {
  const [header, ...records] = csv(text);
  if (header === undefined) throw invalid('There are no keys.');
  const places = placesOf(key, header.cells, 'the header');
  return records.map(({ cells, line }) => {
    if (cells.length === header.cells.length) return places.map((place) => cells[place]!);
    throw invalid(`line ${line}: it has ${cells.length} values, the header has ${header.cells.length}.`);
  });
}

/** Where each column of the key stands. Case counts only where names differ in nothing else. */
function placesOf(key: readonly string[], names: readonly string[], where: string): number[] {
  const loose = (name: string) => names.filter((other) => other.toLowerCase() === name.toLowerCase());
  const places = key.map((name) => {
    const exact = names.indexOf(name);
    if (exact >= 0) return exact;
    const alone =
      loose(name).length === 1 && key.filter((other) => other.toLowerCase() === name.toLowerCase()).length === 1;
    return alone ? names.indexOf(loose(name)[0]!) : -1;
  });
  if (places.includes(-1) || names.length !== key.length)
    throw invalid(`${where}: its columns are not those of the key, ${key.join(', ')}.`);
  return places;
}

type CsvRecord = { cells: string[]; line: number };

/** RFC 4180: a quote inside quotes is doubled. A line without anything in it is no record. */
function csv(text: string): CsvRecord[] {
  const records: CsvRecord[] = [];
  const cell = /(?:"([^"]*(?:""[^"]*)*)"|([^",\r\n]*))(,|\r?\n|$)/y;
  let record: CsvRecord = { cells: [], line: 1 };
  let line = 1;
  while (cell.lastIndex < text.length || record.cells.length > 0) {
    const found = cell.exec(text);
    if (found === null) throw invalid(`line ${line}: a quote that does not end, or in the middle of a value.`);
    const [all, quoted, bare, end] = found;
    record.cells.push(quoted?.replaceAll('""', '"') ?? bare!);
    line += all.split('\n').length - 1;
    if (end === ',') continue;
    if (record.cells.length > 1 || quoted !== undefined || record.cells[0] !== '') records.push(record);
    record = { cells: [], line };
    if (end === '') break;
  }
  return records;
}

function tooLarge(path: string): Error {
  return invalid(`${path} is larger than ${MOST_FILE_BYTES} bytes.`);
}

/**
 * A key column's value as a person writes it -> the text that Snowflake makes of it (snowflake/sql/casts.ts). Only that very text
 * finds the row; and what a column can't hold must not become a record, so it is refused here.
 */
import type { Column } from '../protocol/window.ts';

const NUMBER = /^([+-]?)0*(\d*)(?:\.(\d*))?$/;
const DATE = /^\d{4}-\d\d-\d\d$/;
const TIME = /^([01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.(\d{1,9}))?$/;
const TIMESTAMP = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d(?:\.\d{1,9})?) ?(Z|[+-]\d\d:?\d\d)?$/i;
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** null: the column can't hold it. */
export function keyText(column: Column, text: string): string | null {
  switch (column.type) {
    case 'VARCHAR':
      return text.isWellFormed() ? text : null;
    case 'NUMBER':
      return number(column, text);
    case 'BOOLEAN':
      return /^(?:true|false)$/i.test(text) ? text.toLowerCase() : null;
    case 'DATE':
      return date(text);
    case 'TIME':
      return time(column, text);
    case 'TIMESTAMP_NTZ':
    case 'TIMESTAMP_LTZ':
    case 'TIMESTAMP_TZ':
      return timestamp(column, text);
    case 'BINARY':
      return Buffer.from(text, 'base64').toString('base64') === text ? text : null;
    case 'UUID':
      return UUID.test(text.toLowerCase()) ? text.toLowerCase() : null;
    default:
      return null;
  }
}

function number({ precision, scale }: Column, text: string): string | null {
  const [, sign, whole = '', fraction = ''] = NUMBER.exec(text) ?? [];
  if (sign === undefined || !/\d/.test(text)) return null;
  const decimals = scale ?? 0;
  const digits = fraction.replace(/0+$/, '').padEnd(decimals, '0');
  if (digits.length > decimals || whole.length > (precision ?? 38) - decimals) return null;
  const isZero = whole === '' && !/[1-9]/.test(digits);
  return `${sign === '-' && !isZero ? '-' : ''}${whole || '0'}${decimals > 0 ? `.${digits}` : ''}`;
}

function date(text: string): string | null {
  const at = DATE.test(text) && !text.startsWith('0000') ? Date.parse(text) : NaN;
  return !Number.isNaN(at) && new Date(at).toISOString().startsWith(text) ? text : null;
}

/** With nine decimals; finer ones than the column's are refused. */
function time({ precision }: Pick<Column, 'precision'>, text: string): string | null {
  const found = TIME.exec(text);
  if (found === null) return null;
  const decimals = (found[2] ?? '').padEnd(9, '0');
  return /[1-9]/.test(decimals.slice(precision ?? 9)) ? null : `${text.slice(0, 8)}.${decimals}`;
}

/** Of TIMESTAMP_TZ the offset is a part of the key; of TIMESTAMP_LTZ it says which instant is meant. */
function timestamp(column: Column, text: string): string | null {
  const [, day, clock, zone] = TIMESTAMP.exec(text) ?? [];
  const [first, second] = [date(day ?? ''), time(column, clock ?? '')];
  if (first === null || second === null) return null;
  const zoned = column.type !== 'TIMESTAMP_NTZ';
  if (zoned !== (zone !== undefined)) return null;
  if (!zoned) return `${first}T${second}`;
  const offset = zone!.toUpperCase() === 'Z' ? '+00:00' : zone!.replace(/^(...):?/, '$1:');
  const minutes = Number(offset.slice(1, 3)) * 60 + Number(offset.slice(4));
  if (minutes > 14 * 60 || Number(offset.slice(4)) > 59) return null;
  if (column.type === 'TIMESTAMP_TZ') return `${first}T${second}${offset}`;
  const instant = Date.parse(`${first}T${second.slice(0, 8)}Z`) - (offset.startsWith('-') ? -1 : 1) * minutes * 60_000;
  const utc = new Date(instant).toISOString();
  return /^\d{4}-/.test(utc) && !utc.startsWith('0000') ? `${utc.slice(0, 19)}${second.slice(8)}Z` : null;
}

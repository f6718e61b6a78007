/** What becomes of each type, as a Markdown table: written by the code that maps, the values by the code that encodes. */
import { format, resolveConfig } from 'prettier';
import { avroType } from '../lambdas/encoding/avro-schema.ts';
import { ImageWriter } from '../lambdas/encoding/image.ts';
import { types } from '../lambdas/encoding/types.ts';
import type { Column } from '../lambdas/protocol/window.ts';

const START = '<!-- types: written by npm run schema -->\n';
const END = '<!-- end of types -->';

/** The page with its table replaced by the code's. */
export async function withTypes(page: string, path: string): Promise<string> {
  const [start, end] = [page.indexOf(START), page.indexOf(END)];
  if (start < 0 || end < 0) throw new Error('the page has no place for the types');
  const head = ['Snowflake', 'plain JSON', 'for example', 'Avro, JSON with schema', 'for example', 'Protobuf'];
  const rows = Object.entries(types).flatMap(([type, { json, connect, protobuf, says, examples }]) =>
    examples.map(([precision, scale, text]) => {
      const column: Column = { name: 'V', type, precision, scale, nullable: true };
      const plain =
        json(column) === 'number' ? 'number' : json(column) === 'string' && type === 'NUMBER' ? 'string' : says;
      const name = `${type}${sizeOf(precision, scale)}`;
      const inConnect = `${connect(column).type}${nameOf(connect(column).name, avroType(connect(column)))}`;
      const { type: message } = protobuf(column);
      return [name, plain, code(cell(column, text, false)), inConnect, code(cell(column, text, true)), code(message)];
    }),
  );
  const lines = [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`);
  const written = `${page.slice(0, start)}${START}\n${lines.join('\n')}\n\n${page.slice(end)}`;
  return format(written, { ...(await resolveConfig(path)), parser: 'markdown' });
}

function sizeOf(precision: number | null, scale: number | null): string {
  const parts = [precision, scale].filter((part) => part !== null);
  return parts.length === 0 ? '' : `(${parts.join(',')})`;
}

function nameOf(name: string | null, avro: object | string): string {
  const logical = typeof avro === 'object' && 'logicalType' in avro ? ` (Avro: ${String(avro.logicalType)})` : '';
  return name === null ? '' : `, ${code(name)}${logical}`;
}

function code(text: string): string {
  return `\`${text}\``;
}

/** The cell as a record has it. */
function cell(column: Column, text: string, connect: boolean): string {
  const bytes = Buffer.from(JSON.stringify(text).slice(1, -1));
  const batch = { bytes, offsets: Int32Array.of(0, bytes.length), rows: 1, width: 1 };
  const writer = new ImageWriter([column], [0], connect);
  const to = new Uint8Array(writer.room(batch, 0));
  const image = Buffer.from(to.subarray(0, writer.write(batch, 0, to, 0))).toString();
  return image.slice('{"V":'.length, -1);
}

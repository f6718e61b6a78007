/** The settings of the JSON Schema as a Markdown list. */

type Schema = {
  description?: string;
  default?: unknown;
  type?: string;
  enum?: string[];
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: Schema | boolean;
  items?: Schema;
};

const START = '<!-- settings: written by npm run schema -->\n';
const END = '<!-- end of settings -->';

/** The page with its list replaced by the schema's. */
export function withSettings(page: string, schema: string): string {
  const [start, end] = [page.indexOf(START), page.indexOf(END)];
  if (start < 0 || end < 0) throw new Error('the page has no place for the settings');
  const lines = settings('', JSON.parse(schema) as Schema);
  return `${page.slice(0, start)}${START}\n${lines.join('\n')}\n\n${page.slice(end)}`;
}

function settings(path: string, schema: Schema): string[] {
  return Object.entries(schema.properties ?? {}).flatMap(([key, inner]) =>
    lines(path === '' ? key : `${path}.${key}`, inner, schema.required?.includes(key) ?? false),
  );
}

function lines(path: string, schema: Schema, required: boolean): string[] {
  const { additionalProperties: each } = schema;
  if (typeof each === 'object') return [line(path, schema, required), ...settings(`${path}.<name>`, each)];
  if (schema.properties === undefined) return [line(path, schema, required)];
  const own = schema.description === undefined ? [] : [line(path, schema, required)];
  return [...own, ...settings(path, schema)];
}

function line(path: string, schema: Schema, required: boolean): string {
  const plain = schema.default !== undefined && typeof schema.default !== 'object';
  const facts = [
    required ? 'required' : '',
    schema.enum === undefined ? '' : schema.enum.map((value) => `\`${value}\``).join(' or '),
    plain ? `default \`${String(schema.default)}\`` : '',
  ].filter((fact) => fact !== '');
  const after = [
    facts.length === 0 ? '' : ` (${facts.join('; ')})`,
    schema.description === undefined ? '' : `: ${schema.description}`,
  ];
  return `- \`${path}\`${after.join('')}`;
}

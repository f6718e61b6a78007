/** The configuration's schema for editors: JSON Schema of what users write, before defaults. */
import { z } from 'zod';
import { configSchema } from './schema.ts';

/** The text of config/schema.json. */
export function jsonSchema(): string {
  const schema = z.toJSONSchema(configSchema, { io: 'input', target: 'draft-7', reused: 'inline' });
  return JSON.stringify({ ...schema, title: 'Snowmelt configuration' }, null, 2) + '\n';
}

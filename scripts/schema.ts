/**
 * Writes what follows from the schema that validates configuration files: config/schema.json for editors, the list of
 * settings in docs/configuration.md, and the table of presets in docs/captures.md.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { jsonSchema } from '../lambdas/config/json-schema.ts';
import { withPresets } from './presets-table.ts';
import { withSettings } from './settings-list.ts';

const root = join(import.meta.dirname, '..');
const page = join(root, 'docs/configuration.md');
const captures = join(root, 'docs/captures.md');

writeFileSync(join(root, 'config/schema.json'), jsonSchema());
writeFileSync(page, withSettings(readFileSync(page, 'utf8'), jsonSchema()));
writeFileSync(captures, withPresets(readFileSync(captures, 'utf8')));

/**
 * Writes what follows from code: config/schema.json for editors and the list of settings in docs/configuration.md from the
 * schema that validates configuration files, the presets in docs/captures.md, the table in docs/types.md from what maps types,
 * docs/runbook.md from what alarms and errors say of themselves.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { jsonSchema } from '../lambdas/config/json-schema.ts';
import { withPresets } from './presets-table.ts';
import { runbook } from './runbook.ts';
import { withSettings } from './settings-list.ts';
import { withTypes } from './types-table.ts';

const root = join(import.meta.dirname, '..');
const page = join(root, 'docs/configuration.md');
const captures = join(root, 'docs/captures.md');

writeFileSync(join(root, 'config/schema.json'), jsonSchema());
writeFileSync(page, withSettings(readFileSync(page, 'utf8'), jsonSchema()));
writeFileSync(captures, withPresets(readFileSync(captures, 'utf8')));
writeFileSync(join(root, 'docs/runbook.md'), runbook());

const types = join(root, 'docs/types.md');
writeFileSync(types, await withTypes(readFileSync(types, 'utf8'), types));

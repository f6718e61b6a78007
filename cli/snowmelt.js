#!/usr/bin/env node
// The command. Read by whatever Node is there, which may be too old for the rest.
import '../scripts/require-node.cjs';

await import('./main.ts');

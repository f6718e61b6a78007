/** How child processes run Node: TypeScript is stripped once a machine, not once a process, which is most of a start. */
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const childEnvironment = { NODE_COMPILE_CACHE: join(tmpdir(), 'snowmelt-compile-cache') };

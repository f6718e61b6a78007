/** All parts, in the order in which they run. */
import type { Part } from './part.ts';
import { pipeline } from './parts/pipeline.ts';
import { read } from './parts/read.ts';

export const parts: readonly Part[] = [read, pipeline];

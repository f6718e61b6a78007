/** All parts, in the order in which they run. */
import type { Part } from './part.ts';
import { encode } from './parts/encode.ts';
import { pipeline } from './parts/pipeline.ts';
import { publish } from './parts/publish.ts';
import { read } from './parts/read.ts';

export const parts: readonly Part[] = [read, encode, publish, pipeline];

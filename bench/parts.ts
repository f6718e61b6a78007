/** All parts, in the order in which they run. */
import type { Part } from './part.ts';
import { cold } from './parts/cold.ts';
import { encode } from './parts/encode.ts';
import { idle } from './parts/idle.ts';
import { latency } from './parts/latency.ts';
import { peers } from './parts/peers.ts';
import { pipeline } from './parts/pipeline.ts';
import { publish } from './parts/publish.ts';
import { read } from './parts/read.ts';
import { scale } from './parts/scale.ts';

export const parts: readonly Part[] = [read, encode, publish, pipeline, cold, idle, latency, scale, peers];

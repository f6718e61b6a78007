import type { Part } from '../part.ts';
import { summary, type Run } from '../run.ts';

/** Chunks -> rows, by the product's reader and by its fallback. */
export const read: Part = {
  name: 'read',
  what: 'chunks over HTTP -> rows, in memory; the floor is HTTP, gunzip and JSON.parse of the same chunks',
  async run(context) {
    const set = await context.served('flights');
    const floors: Run[] = [];
    const chunks: Run[] = [];
    const sdk: Run[] = [];
    const sdkFloors: Run[] = [];
    for (let run = 0; run < context.args.runs; run++) {
      const reader = (which: string) =>
        context.measured('measured/read.ts', [set.address, set.queryId, set.rows, set.width, which]);
      floors.push(await context.floor(set));
      chunks.push(await reader('chunks'));
      sdkFloors.push(await context.measured('measured/sdk-floor.ts', [set.address, set.queryId]));
      sdk.push(await reader('sdk'));
    }
    return [
      summary('floor', floors),
      summary('reader: chunks', chunks, floors),
      summary("snowflake-sdk's rows, text, counted", sdkFloors, floors),
      summary('reader: sdk', sdk, floors),
    ];
  },
};

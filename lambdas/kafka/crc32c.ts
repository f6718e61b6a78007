/** CRC-32C (Castagnoli), the checksum of a record batch. Native where the module is there, else slicing-by-8. */
import nodeModule from 'node:module';

type Crc = (bytes: Uint8Array) => number;

/**
 * Loaded by name at run time: a bundler can't carry the native file, and without it the fallback serves. (No import named
 * `createRequire`: the bundles' banner declares that.)
 */
function native(): Crc | null {
  try {
    const module = nodeModule.createRequire(import.meta.url)('@node-rs/crc32') as { crc32c: Crc };
    return module.crc32c;
  } catch {
    return null;
  }
}

const POLYNOMIAL = 0x82f63b78;
let tables: Int32Array[] | null = null;

/** tables[k][b]: the remainder of byte b followed by k zero bytes. */
function slicingTables(): Int32Array[] {
  const made = Array.from({ length: 8 }, () => new Int32Array(256));
  const [first] = made as [Int32Array];
  for (let b = 0; b < 256; b++) {
    let c = b;
    for (let bit = 0; bit < 8; bit++) c = c & 1 ? (c >>> 1) ^ POLYNOMIAL : c >>> 1;
    first[b] = c;
  }
  for (let k = 1; k < 8; k++) {
    for (let b = 0; b < 256; b++) {
      const before = made[k - 1]![b]!;
      made[k]![b] = (before >>> 8) ^ first[before & 255]!;
    }
  }
  return made;
}

/** The fallback, eight bytes a step. */
export function crc32cInJs(bytes: Uint8Array): number {
  const [t0, t1, t2, t3, t4, t5, t6, t7] = (tables ??= slicingTables()) as [
    Int32Array,
    Int32Array,
    Int32Array,
    Int32Array,
    Int32Array,
    Int32Array,
    Int32Array,
    Int32Array,
  ];
  const length = bytes.length;
  let c = -1;
  let i = 0;
  for (; i + 8 <= length; i += 8) {
    const a = c ^ (bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24));
    c =
      t7[a & 255]! ^
      t6[(a >>> 8) & 255]! ^
      t5[(a >>> 16) & 255]! ^
      t4[a >>> 24]! ^
      t3[bytes[i + 4]!]! ^
      t2[bytes[i + 5]!]! ^
      t1[bytes[i + 6]!]! ^
      t0[bytes[i + 7]!]!;
  }
  for (; i < length; i++) c = t0[(c ^ bytes[i]!) & 255]! ^ (c >>> 8);
  return (c ^ -1) >>> 0;
}

/** Unsigned 32-bit CRC-32C. */
export const crc32c: Crc = native() ?? crc32cInJs;

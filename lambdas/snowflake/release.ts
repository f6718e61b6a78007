/**
 * Frees memory that nothing reads or writes any more. Left to the garbage collector, buffers would make it mark the whole
 * heap for every few megabytes of them (`--trace-gc`). One that shares its memory with others stays.
 */
export function release(bytes: Buffer<ArrayBuffer>): void {
  if (bytes.length > 0 && bytes.length === bytes.buffer.byteLength) bytes.buffer.transfer(0);
}

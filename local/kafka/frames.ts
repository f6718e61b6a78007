/** Cuts a TCP stream into Kafka's frames (int32 length, then that many bytes), copying each byte once. */

/** `socket.request.max.bytes` of Apache Kafka; replies are bounded by what a client asks for. */
const MAX_FRAME = 256 * 1024 * 1024;

/**
 * Returns a function to feed with the socket's chunks; `onFrame` gets each whole frame without its length,
 * in a buffer of its own that may be kept. Throws a RangeError at a length that can't be.
 */
export function frameReader(onFrame: (frame: Buffer) => void): (chunk: Buffer) => void {
  const length = Buffer.alloc(4);
  let lengthSeen = 0;
  let frame: Buffer | null = null;
  let filled = 0;

  return (chunk) => {
    let at = 0;
    while (at < chunk.length) {
      if (frame === null) {
        const taken = chunk.copy(length, lengthSeen, at, at + 4 - lengthSeen);
        at += taken;
        lengthSeen += taken;
        if (lengthSeen < 4) return;
        const size = length.readInt32BE(0);
        if (size < 0 || size > MAX_FRAME) throw new RangeError(`a frame of ${String(size)} bytes`);
        frame = Buffer.allocUnsafe(size);
        filled = 0;
        lengthSeen = 0;
      }
      const taken = chunk.copy(frame, filled, at);
      at += taken;
      filled += taken;
      if (filled === frame.length) {
        const whole = frame;
        frame = null;
        onFrame(whole);
      }
    }
  };
}

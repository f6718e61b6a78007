import type net from 'node:net';

/** Writes one frame (its length, then the pieces) and waits while the other side reads too slowly. No error if it is gone. */
export async function writeFrame(socket: net.Socket, pieces: readonly Buffer[]): Promise<void> {
  if (socket.destroyed) return;
  const length = Buffer.allocUnsafe(4);
  length.writeInt32BE(
    pieces.reduce((sum, piece) => sum + piece.length, 0),
    0,
  );
  socket.cork();
  let room = socket.write(length);
  for (const piece of pieces) room = socket.write(piece);
  socket.uncork();
  if (!room) await drained(socket);
}

function drained(socket: net.Socket): Promise<void> {
  return new Promise((resolve) => {
    const settle = (): void => {
      socket.off('drain', settle);
      socket.off('close', settle);
      resolve();
    };
    socket.on('drain', settle);
    socket.on('close', settle);
  });
}

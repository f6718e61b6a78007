/** Which process holds the other end of a connection to 127.0.0.1, by what Linux tells in /proc. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** The one of `pids` whose socket has this local port; null when none has, or where the system does not tell. */
export function processOf(port: number, pids: readonly number[]): number | null {
  const inode = inodeOf(port);
  if (inode === null) return null;
  const wanted = `socket:[${inode}]`;
  return pids.find((pid) => holds(pid, wanted)) ?? null;
}

function inodeOf(port: number): string | null {
  const local = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  for (const line of read('/proc/net/tcp').split('\n').slice(1)) {
    const fields = line.trim().split(/\s+/);
    if (fields[1]?.endsWith(local) === true && fields[9] !== '0') return fields[9] ?? null;
  }
  return null;
}

function holds(pid: number, socket: string): boolean {
  const folder = `/proc/${pid}/fd`;
  try {
    return readdirSync(folder).some((fd) => {
      try {
        return readlinkSync(`${folder}/${fd}`) === socket;
      } catch {
        return false; // closed meanwhile
      }
    });
  } catch {
    return false; // ended meanwhile
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

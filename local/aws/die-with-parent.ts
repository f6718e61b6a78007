/**
 * Ends this process when its parent does, even by SIGKILL: the parent holds the other end of the pipe that is our stdin,
 * and the kernel closes it.
 */
export function dieWithParent(): void {
  const end = () => process.kill(process.pid, 'SIGKILL');
  process.stdin.on('end', end).on('error', end).resume();
}

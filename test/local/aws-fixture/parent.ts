/** A process with a local AWS and a function that hangs. Prints the pids of all processes below it. */
import { readdirSync, readFileSync } from 'node:fs';
import { startAws } from '../../../local/aws/start.ts';
import { readAssembly } from '../../../local/aws/template/assembly.ts';

const aws = await startAws({ assembly: readAssembly(process.argv[2]!) });
aws.notices.on('log', ({ line }) => {
  if (line === 'hanging') console.log(JSON.stringify(childrenOf(process.pid)));
});
void aws.invoke('Plan', { do: 'hang' });

function childrenOf(pid: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => parentOf(name) === pid)
    .map(Number);
}

function parentOf(pid: string): number | null {
  try {
    return Number(/PPid:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
  } catch {
    return null; // it ended meanwhile
  }
}

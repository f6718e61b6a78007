/** `npm start` as README has it, asked from another terminal and over its page, and ended with Ctrl-C. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';

const PUBLISHED = /flights: window [1-9]/;
const PAGE = /as a page: (http:\S+);/;
const PATIENCE_MS = 120_000;

/** @throws with what it printed when it does not show windows, does not answer, or does not end */
export async function startLive(clone: string, env: NodeJS.ProcessEnv): Promise<void> {
  const command = spawn('npm', ['start', '--', '--rows', '2000'], { cwd: clone, env, detached: true });
  const ended = once(command, 'close');
  const late = setTimeout(() => process.kill(-command.pid!, 'SIGKILL'), PATIENCE_MS);
  let printed = '';
  try {
    await new Promise<void>((resolve, reject) => {
      const onText = (text: string) => {
        printed += text;
        if (PUBLISHED.test(printed)) resolve();
      };
      for (const stream of [command.stdout, command.stderr]) stream.setEncoding('utf8').on('data', onText);
      void ended.then(() => reject(new Error('it ended by itself')));
    });
    const { status, stdout, stderr } = spawnSync('npx', ['snowmelt', 'status', '--local'], {
      cwd: clone,
      env,
      encoding: 'utf8',
    });
    if (status !== 0 || !stdout.includes('all well')) throw new Error(`status: ${String(status)}\n${stdout}${stderr}`);
    const page = await fetch(PAGE.exec(printed)![1]!);
    if (!page.ok) throw new Error(`the page answers ${page.status}`);
    process.kill(-command.pid!, 'SIGINT');
    await ended;
    if (!printed.includes('windows published to demo.flights')) throw new Error('Ctrl-C ended it without a summary');
  } catch (error) {
    throw new Error(`${String(error)}\n${printed}`, { cause: error });
  } finally {
    clearTimeout(late);
    if (command.exitCode === null && command.signalCode === null) process.kill(-command.pid!, 'SIGKILL');
  }
}

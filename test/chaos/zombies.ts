/**
 * A worker that freezes with records sent and no commit, longer than its lease; another takes the partition over, then the
 * first one thaws and goes on as if nothing had been.
 */
import type { Stack } from '../../local/demo/stack.ts';
import type { Worker } from '../../local/demo/kills.ts';
import { nameOf, type Account } from './account.ts';
import { watchWire } from './wire.ts';

/** A successor that does not come by then has something else to wait for. */
const LONGEST_MS = 12_000;
/** Events for the partition come again and again: one of them finds the lease at its end. */
const CALL_EVERY_MS = 1_000;
/** What a thawed worker may take to hear that it was overtaken. */
const AFTERLIFE_MS = 30_000;

/** Freezes the process; thaws it when a successor's InitProducerId was answered. Resolves when that is done. */
export async function freeze(stack: Stack, account: Account, pid: number, worker: Worker): Promise<void> {
  const { aws } = stack;
  const of = ({ pid: other }: { pid: number }) => other === pid;
  if (aws.signal(of, 'SIGSTOP') === 0) return;
  stack.log(`chaos: froze ${nameOf(worker)} ${pid}`);
  const overtaken = await successor(stack, worker);
  if (overtaken) listen(stack, account, pid);
  aws.signal(of, 'SIGCONT');
  account.fault('worker thawed');
  stack.log(`chaos: thawed ${nameOf(worker)} ${pid}${overtaken ? ', overtaken' : ''}`);
}

/** False when nobody took the partition over in time. */
function successor(stack: Stack, worker: Worker): Promise<boolean> {
  return new Promise((resolve) => {
    const end = (overtaken: boolean) => {
      remove();
      clearTimeout(timer);
      clearInterval(calls);
      resolve(overtaken);
    };
    const timer = setTimeout(end, LONGEST_MS, false);
    const calls = setInterval(() => call(stack, worker), CALL_EVERY_MS);
    const remove = watchWire(stack, (request, point, code) => {
      const same = request.worker !== null && nameOf(request.worker) === nameOf(worker);
      if (same && request.type === 'kafka InitProducerId' && point === 'reply' && code === 0) end(true);
      return 'pass';
    });
  });
}

/** An event that comes late, as EventBridge may. */
function call({ aws }: Stack, { source, partition }: Worker): void {
  const publish = aws.deployment.functions.find(({ name }) => name.endsWith('-publish'))!.name;
  void aws.invoke(publish, { detail: { source, partition } });
}

/** The zombie's own words: the store's epoch or the broker refused it. */
function listen({ aws }: Stack, account: Account, pid: number): void {
  const heard = ({ pid: of, line }: { pid: number; line: string }) => {
    if (of === pid && /"outcome":"fenced"|KAFKA_FENCED/.test(line)) account.zombiesFenced.add(pid);
  };
  aws.notices.on('log', heard);
  setTimeout(() => aws.notices.off('log', heard), AFTERLIFE_MS).unref();
}

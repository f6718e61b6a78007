/** What people must have heard, computed from the log and the table, without any code of the product. */
import type { Notice } from '../../../lambdas/protocol/ports/state.ts';
import { windowsOf, type Defects } from './oracle.ts';
import type { World } from './world.ts';

/** Each number of one content and id, none left out; each snapshot's begin and end, and what each person did, told as one. */
export function checkNotices(world: World, heard: readonly Notice[], defects: Defects): void {
  const distinct = new Map<number, Notice>();
  for (const notice of heard) {
    const known = distinct.get(notice.number);
    if (known !== undefined && JSON.stringify(known) !== JSON.stringify(notice)) defects.mismatched++;
    // The first time that each is heard is in order.
    if (known === undefined && notice.number !== distinct.size + 1) defects.reordered++;
    distinct.set(notice.number, notice);
  }
  const notices = [...distinct.values()];
  const once = (wanted: (notice: Notice) => boolean) => {
    const found = notices.filter(wanted).length;
    if (found === 0) defects.missing++;
    else defects.duplicated += found - 1;
  };
  for (const window of windowsOf(world)) {
    if (window.kind !== 'snapshot' && window.kind !== 'repair') continue;
    for (const type of [`${window.kind}-begun`, `${window.kind}-done`])
      once((notice) => notice.type === type && 'window' in notice && notice.window === window.number);
  }
  const done = world.table.all().filter((item) => item['sk']!.S!.startsWith('audit#'));
  for (const item of done) {
    const { who, at } = JSON.parse(item['body']!.S!) as { who: string; at: number };
    const told = new Date(at).toISOString();
    once((notice) => notice.type === 'changed' && notice.who === who && notice.at === told);
  }
}

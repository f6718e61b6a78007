import { expect, test } from 'vitest';
import { withoutAborted, type FetchedMessage } from './aborted.ts';

const data = (offset: number, producerId: string): FetchedMessage => ({
  offset: String(offset),
  key: Buffer.from('k'),
  batchContext: { producerId, inTransaction: true },
});
const marker = (offset: number, producerId: string, type: 0 | 1): FetchedMessage => ({
  offset: String(offset),
  key: Buffer.from([0, 0, 0, type]),
  isControlRecord: true,
  batchContext: { producerId, inTransaction: true },
});
const shown = (messages: FetchedMessage[], abortedTransactions: { producerId: string; firstOffset: string }[]) =>
  withoutAborted({ messages, abortedTransactions })
    .filter(({ isControlRecord }) => isControlRecord !== true)
    .map(({ offset }) => Number(offset));

test('overlapping aborted transactions, listed in the order in which they ended', () => {
  const messages = [
    data(0, 'a'),
    data(1, 'b'),
    data(2, 'c'),
    marker(3, 'b', 0),
    data(4, 'a'),
    marker(5, 'a', 0),
    marker(6, 'c', 1),
  ];
  const aborted = [
    { producerId: 'b', firstOffset: '1' },
    { producerId: 'a', firstOffset: '0' },
  ];
  expect(shown(messages, aborted)).toEqual([2]);
});

test('a fetch that begins inside several of them', () => {
  const messages = [
    data(10, 'b'),
    data(11, 'a'),
    marker(12, 'a', 0),
    marker(13, 'b', 0),
    data(14, 'b'),
    marker(15, 'b', 1),
  ];
  const aborted = [
    { producerId: 'a', firstOffset: '2' },
    { producerId: 'b', firstOffset: '3' },
  ];
  expect(shown(messages, aborted)).toEqual([14]);
});

test('records outside of transactions stay, and a data key like a marker is no marker', () => {
  const plain = { ...data(1, 'a'), batchContext: { producerId: '-1', inTransaction: false } };
  const lookalike = { ...data(2, 'a'), key: Buffer.from([0, 0, 0, 0]) };
  const messages = [data(0, 'a'), plain, lookalike, data(3, 'a'), marker(4, 'a', 0)];
  expect(shown(messages, [{ producerId: 'a', firstOffset: '0' }])).toEqual([1]);
});

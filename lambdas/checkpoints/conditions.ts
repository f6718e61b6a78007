/**
 * The conditions of every write, by name. DynamoDB decides them atomically with the write; exactly one of two racing
 * writers finds its condition true.
 *
 * All of them require that the item exists and that its format is not a newer release's (EXISTS): an update never makes
 * an item. Each must stay true when the write itself is repeated, because the SDK repeats a request whose reply it lost;
 * and must be false when a repetition arrives late, after later writes of the same owner.
 */
import type { Told } from '../protocol/ports/state.ts';
import type { Position } from '../protocol/position.ts';
import type { Rerun } from '../protocol/window.ts';
import { json, number, positionValue, text, VERSION } from './items.ts';
import type { Expression, Item } from './table.ts';

const EXISTS: Expression = { text: 'attribute_exists(#pk) AND #v <= :v', values: { ':v': number(VERSION) } };

/** Joins conditions to one that needs them all, the item's existence first. */
export function requireAll(...conditions: Expression[]): Expression {
  return {
    text: [EXISTS, ...conditions].map((condition) => condition.text).join(' AND '),
    values: Object.assign({}, EXISTS.values, ...conditions.map((condition) => condition.values)) as Item,
  };
}

/**
 * Acquire.
 *
 *   owner A |--- lease ---|------ leaseUntil passed -------
 *   owner B      refused        taken: epoch + 1
 *   owner A      its own repeated request: taken again, epoch + 1 again, and A learns the last one
 *
 * An invocation's owner is random, so `owner = :me` is only ever its own repetition.
 */
export function leaseIsFree(owner: string, now: number): Expression {
  return {
    text: '#state = :active AND (attribute_not_exists(#owner) OR #leaseUntil <= :now OR #owner = :me)',
    values: { ':active': text('active'), ':now': number(now), ':me': text(owner) },
  };
}

/**
 * Reconcile and commit.
 *
 *   A: acquire (epoch 5) ...... frozen ...................... commit: refused, the epoch is 6
 *   B:                      lease over: acquire (epoch 6) ... commit
 *
 * The owner is compared too: after A's release a late repetition of A's commit finds none, though the epoch is still 5.
 */
export function leaseIsMine(epoch: number, owner: string): Expression {
  return { text: '#epoch = :epoch AND #owner = :owner', values: { ':epoch': number(epoch), ':owner': text(owner) } };
}

/** Release: as leaseIsMine, but its own repetition finds the owner gone, so the epoch alone. */
export function epochIsMine(epoch: number): Expression {
  return { text: '#epoch = :epoch', values: { ':epoch': number(epoch) } };
}

/**
 * Commit from P to Q.
 *
 *   position    P           Q             R
 *   commit      moves it    repetition    a repetition that arrives late: refused
 */
export function positionIs(previous: Position | null, position: Position): Expression {
  const values = { ':position': positionValue(position) };
  if (previous === null) {
    return { text: '(attribute_not_exists(#position) OR #position = :position)', values };
  }
  return {
    text: '(#position = :previous OR #position = :position)',
    values: { ...values, ':previous': positionValue(previous) },
  };
}

/**
 * Reconcile to Q: never back.
 *
 *   position    none or up to Q    beyond Q
 *   reconcile   moves it           refused: a write of this epoch that had been given up was applied after all
 */
export function positionNotBeyond(position: Position | null): Expression {
  if (position === null) return { text: 'attribute_not_exists(#position)', values: {} };
  return {
    text: '(attribute_not_exists(#position) OR #position <= :position)',
    values: { ':position': positionValue(position) },
  };
}

/** A window's query id is replaced only by someone who ran the window again knowing the one that stands. */
export function queryIdIs(previous: string): Expression {
  return { text: '#queryId = :previous', values: { ':previous': text(previous) } };
}

/** Of several who run a window again the first is waited for; who replaces its note has seen that one end. */
export function rerunIs(previous: Rerun | null): Expression {
  if (previous === null) return { text: 'attribute_not_exists(#rerun)', values: {} };
  return { text: '#rerun = :noted', values: { ':noted': json(previous) } };
}

/** Of several planners one writes down what is told next; the others send that. */
export function toldIs(previous: Told | null): Expression {
  if (previous === null) return { text: 'attribute_not_exists(#told)', values: {} };
  return { text: '#told = :previous', values: { ':previous': json(previous) } };
}

/** `finishedThrough` only grows: a slow planner's smaller number is refused. */
export function finishedThroughNotBeyond(finishedThrough: number): Expression {
  return { text: '#finishedThrough <= :finishedThrough', values: { ':finishedThrough': number(finishedThrough) } };
}

/** `consuming` only grows: with a slow planner's smaller number nobody would ask for the stage of a later window. */
export function consumingNotBeyond(window: number): Expression {
  return {
    text: '(attribute_not_exists(#consuming) OR #consuming <= :consuming)',
    values: { ':consuming': number(window) },
  };
}

/** The first worker that opens Kafka writes the cluster's id; every later one compares. */
export function clusterIsUnknownOr(clusterId: string): Expression {
  return {
    text: '(attribute_not_exists(#clusterId) OR #clusterId = :clusterId)',
    values: { ':clusterId': text(clusterId) },
  };
}

/** An operator's resume touches only what waits for an operator: a running partition keeps its own count of failures. */
export function needsOperator(): Expression {
  return { text: '#state = :needsOperator', values: { ':needsOperator': text('needs-operator') } };
}

/** What an operator has dealt with stays dealt with. */
export function dealtWithNotBeyond(position: Position): Expression {
  return {
    text: '(attribute_not_exists(#dealtWith) OR #dealtWith <= :dealtWith)',
    values: { ':dealtWith': positionValue(position) },
  };
}

/** One request at a time; its own repetition is not another one. */
export function noOtherRequest(id: string): Expression {
  return { text: '(attribute_not_exists(#requestId) OR #requestId = :id)', values: { ':id': text(id) } };
}

/** Only whoever knows the request that stands takes it out. */
export function requestIs(id: string): Expression {
  return { text: '#requestId = :id', values: { ':id': text(id) } };
}

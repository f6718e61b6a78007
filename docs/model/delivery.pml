/*
 * Switching `delivery` from exactly-once to at-least-once and back, with invocations of the other mode still sending.
 *
 * Mirrors design 3.9 on top of publish.pml: what an exactly-once invocation does is the same here, with transactions of
 * several rows. `delivery` is read when an invocation starts; one that started before the switch lives on (15 minutes
 * at most) and knows nothing of it. An at-least-once invocation uses no transaction and no marker: it sends, waits for
 * the acks, and commits to the store under its epoch; each such commit sets `marked` to none and removes `open`.
 *
 * A copy of a row is *strict* when it was sent in a transaction while exactly-once was configured and no at-least-once
 * invocation was alive; every other copy is loose: made while at-least-once was on, or in the grace of 15 minutes.
 *
 * Asserted: no row is ever skipped and no position is ahead of what is visible (missing 0); no row has two strict copies
 * (so one of two copies is always loose); no stop that an operator would have to resolve without need.
 * Bounds are small (two rows, three invocations in all): the space is the largest of the models.
 * That each copy carries its (window, row) is encoding, not protocol: here a row's number is its identity.
 */
#ifndef ROWS
#define ROWS 2
#endif
#ifndef BATCH
#define BATCH 2            /* greatest number of rows in a transaction */
#endif
#ifndef INVOCATIONS
#define INVOCATIONS 3      /* in all, two at a time */
#endif
#ifndef SWITCHES
#define SWITCHES 2         /* to at-least-once, and back */
#endif
#ifndef RESOLVE_FIRST
#define RESOLVE_FIRST 1    /* an at-least-once invocation that finds `marked` or `open` ends the exactly-once period: */
#endif                     /* InitProducerId, marker, reconcile, as an exactly-once one does, and only then sends */
/* ---- rules taken out */
#ifndef KEEPS_MARKED
#define KEEPS_MARKED 0             /* 1: an at-least-once commit leaves `marked` alone; 2: it moves it like any commit */
#endif
#ifndef KEEPS_OPEN
#define KEEPS_OPEN 0               /* an at-least-once commit leaves `open` alone */
#endif
#ifndef RELEASE_CLOSES
#define RELEASE_CLOSES 0           /* an at-least-once release removes `open`, reconciled or not */
#endif
#ifndef BELOW_NOT_IGNORED
#define BELOW_NOT_IGNORED 0        /* `marked` none: a marker that is not above `position` is looked up all the same */
#endif
#ifndef ONLY_BELOW_IGNORED
#define ONLY_BELOW_IGNORED 0       /* `marked` none: only a marker below `position` is ignored, not one at it */
#endif
#ifndef NO_EPOCH
#define NO_EPOCH 0                 /* an at-least-once commit has no epoch condition */
#endif
#ifndef COMMIT_BEFORE_ACK
#define COMMIT_BEFORE_ACK 0        /* at least once: the position moves before the acks came */
#endif

#define NONE 99
#define CLOSED 0
#define YOUNG 1
#define OLD 2
#define EXACTLY 0
#define ATLEAST 1

byte epoch = 0, position = 0, marked = NONE, open_ = CLOSED;
bit markedOld = 0;
byte finished = 0;                 /* windows up to here are finished: the log is not asked for them any more */
byte producerEpoch = 0, pending = 0, pendingFrom = 0, marker = NONE;
byte visible = 0, strict = 0;      /* rows 1..visible can be seen; bit r-1: row r has a strict copy */
bit delivery = EXACTLY;
byte invocations = 0;
byte alive = 0, atLeastAlive = 0;
bit loosened = 0;                  /* an at-least-once commit came after `open` was set */
bit openLater = 0;                 /* `open` was set after the last transaction was committed */

#define MINE (epoch == me)
#define BITS(from, through) ((1 << (through)) - (1 << ((from) - 1)))
#define IS_STRICT (delivery == EXACTLY && atLeastAlive == 0)
#define SEEN(from, through) assert((from) <= visible + 1); if :: (through) > visible -> visible = (through) :: else fi
#define NOT_ABOVE (ONLY_BELOW_IGNORED -> read < position : read <= position)

proctype worker() {
  byte me, at, producer, read, stop;
  bit ok, undecided, counted, reconciled, mode;

start: skip;
  d_step {
    if :: counted -> alive--; if :: mode == ATLEAST -> atLeastAlive-- :: else fi :: else fi;
    me = 0; at = 0; producer = 0; read = 0; ok = 0; stop = 0; undecided = 0; counted = 0; reconciled = 0; mode = 0
  }
  if
  :: atomic { invocations < INVOCATIONS -> invocations++ }
  :: invocations == INVOCATIONS -> goto done
  fi;
  d_step { mode = delivery; alive++; counted = 1; if :: mode == ATLEAST -> atLeastAlive++ :: else fi;
           epoch++; me = epoch; at = position }
  if
  :: mode == ATLEAST && !(RESOLVE_FIRST && (marked != NONE || open_ != CLOSED)) -> goto loop
  :: else
  fi;

open: skip;
  if :: goto release :: skip fi;
  d_step { producerEpoch++; producer = producerEpoch; pending = 0 }
  if :: goto start :: skip fi;
  d_step {
    read = marker; stop = 0; ok = 0 }
  d_step {
    if
    :: MINE -> ok = 1;
       if
       :: read == NONE && (open_ == OLD || (marked != NONE && !markedOld)) -> stop = 1
       :: read == NONE && !(open_ == OLD || (marked != NONE && !markedOld)) -> marked = NONE
       :: read != NONE && marked == NONE && NOT_ABOVE && !BELOW_NOT_IGNORED                   /* left from before at-least-once */
       :: read != NONE && !(marked == NONE && NOT_ABOVE && !BELOW_NOT_IGNORED) ->
            if
            :: read != marked && read <= finished -> stop = 3                                  /* the log has no such window */
            :: read != marked && read > finished && marked != NONE && read < marked -> stop = 2
            :: else -> marked = read; if :: read > position -> position = read :: else fi
            fi
       fi;
       if :: !stop -> open_ = YOUNG; openLater = 1; loosened = 0; at = position; assert(position <= visible) :: else fi
    :: else
    fi }
  if :: !ok -> goto start :: else fi;
  assert(stop == 0 || !MINE || (stop == 1 && open_ == OLD && !loosened));
  if :: stop -> goto start :: else fi;
  d_step { undecided = 0; reconciled = 1; read = 0 }

loop: skip;
  if :: at >= ROWS -> goto release :: else fi;
  if :: goto start :: goto release :: skip fi;
  if :: mode == ATLEAST -> goto send :: else fi;
  /* exactly once: a transaction of one or more rows */
  d_step { ok = 0; if :: producerEpoch == producer -> pendingFrom = at + 1; pending = at + 1; ok = 1 :: else fi }
  if :: !ok -> goto open :: else fi;
  if :: BATCH > 1 && at + 2 <= ROWS -> d_step { if :: producerEpoch == producer && pending == at + 1 -> pending = at + 2 :: else fi } :: skip fi;
  if :: goto start :: skip fi;
  d_step {
    ok = 0; read = 0;
    if
    :: producerEpoch == producer && pending != 0 ->
         ok = 1; read = pending;
         SEEN(pendingFrom, pending);
         if :: IS_STRICT -> assert((strict & BITS(pendingFrom, pending)) == 0); strict = strict | BITS(pendingFrom, pending) :: else fi;
         marker = pending; pending = 0; openLater = 0; markedOld = 0
    :: else
    fi }
  if
  :: undecided = 1; goto open                                      /* an error, or the answer is lost */
  :: ok -> skip
  fi;
  if :: goto start :: skip fi;
  d_step { ok = 0; if :: MINE && (position == at || position == read) -> position = read; marked = read; ok = 1; at = read; assert(position <= visible) :: else fi; read = 0 }
  if :: ok -> goto loop :: else -> goto start fi;

send: skip;                                                        /* at least once */
  if
  :: d_step { SEEN(at + 1, at + 1) }                               /* acked */
  :: d_step { SEEN(at + 1, at + 1) } goto start                    /* sent, and no ack came */
  :: goto release                                                  /* not sent */
  :: COMMIT_BEFORE_ACK -> skip
  fi;
  if :: goto start :: skip fi;
  d_step {
    ok = 0;
    if
    :: (MINE || NO_EPOCH) && (position == at || position == at + 1 || NO_EPOCH) ->
         ok = 1; position = at + 1; at = at + 1; loosened = 1; assert(position <= visible);
         if :: KEEPS_MARKED == 0 -> marked = NONE :: KEEPS_MARKED == 2 -> marked = position :: else fi;
         if :: !KEEPS_OPEN -> open_ = CLOSED :: else fi
    :: else
    fi }
  if :: ok -> goto loop :: else -> goto start fi;

release: skip;
  d_step {
    if
    :: MINE && ((reconciled && !undecided) || (mode == ATLEAST && RELEASE_CLOSES)) -> open_ = CLOSED
    :: else
    fi }
  goto start;
done: skip
}

/* the configuration is deployed anew: invocations that run keep theirs */
proctype operator() { byte n = 0; do :: n < SWITCHES -> n++; delivery = 1 - delivery :: break od }

/* windows are finished; markers expire, never while an invocation lives */
proctype time() {
  byte n = 0;
  do
  :: d_step { finished < position -> finished = position }
  :: d_step { n < 1 && alive == 0 && marker != NONE -> n++; marker = NONE; markedOld = 1;
              if :: open_ != CLOSED && !openLater -> open_ = OLD :: else fi }
  :: break
  od
}

init { atomic { run worker(); run worker(); run operator(); run time() } }

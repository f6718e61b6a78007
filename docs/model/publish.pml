/*
 * One partition of a source: lease, InitProducerId, marker, reconcile, Kafka transactions, store commits.
 *
 * Mirrors
 *   lambdas/protocol/publish.ts     publish, work, open, passVoid, reopenAfter, release    (design 2, 3.3 - 3.5)
 *   lambdas/protocol/reconcile.ts   reconcile, reconcileMissing                            (design 3.3)
 *   lambdas/checkpoints/leases.ts   acquire, reconcile, commit, release                    (design 3.8)
 *
 * Rows are numbered 1..ROWS through all windows; windows without rows for the partition don't appear (window.pml has
 * them). Two processes run INVOCATIONS invocations each. Any of them may crash, or freeze and thaw, between any two
 * steps; a lease may run out at any time; every request to Kafka and every store commit may lose its answer, and may
 * still be under way when its worker has given it up.
 *
 * Time, as far as the rules need it: Kafka forgets a marker `offsets.retention.minutes` after its commit, never while an
 * invocation lives (15 minutes against days). `open` holds a time: one set before the marker's commit is older than the
 * retention when that marker expires (OLD), one set after it may be younger (YOUNG).
 *
 * Asserted: each row becomes visible once, in order, none is skipped but a void one; no needless stop.
 */

/* ---- bounds */
#ifndef ROWS
#define ROWS 3
#endif
#ifndef INVOCATIONS
#define INVOCATIONS 2      /* per process */
#endif
#ifndef REOPENS
#define REOPENS 1          /* per invocation, after an error */
#endif
/* ---- what may happen */
#ifndef KAFKA_LATE
#define KAFKA_LATE 0       /* a commit may be under way when its worker has given it up */
#endif
#ifndef STORE_LATE
#define STORE_LATE 0       /* a store commit likewise */
#endif
#ifndef VOID
#define VOID 0             /* row 2 may be declared void at any time */
#endif
#ifndef GROUP_DELETED
#define GROUP_DELETED 0    /* the consumer group is deleted by hand, once, while `marked` is young */
#endif
#ifndef KAFKA_LOSES
#define KAFKA_LOSES 0      /* 1: Kafka loses its last committed transaction, records and marker, once, between invocations */
#endif                     /* 2: the same, and someone looks while the older marker is there and the lost one's time is not up */
/* ---- rules taken out */
#ifndef NO_EPOCH_CONDITION
#define NO_EPOCH_CONDITION 0          /* the write after the marker was read is unconditional */
#endif
#ifndef MARKER_BEFORE_INIT
#define MARKER_BEFORE_INIT 0          /* the marker is read before InitProducerId */
#endif
#ifndef OLD_OPEN_IS_NOTHING
#define OLD_OPEN_IS_NOTHING 0         /* missing marker under an old `open`: nothing was committed */
#endif
#ifndef OPEN_GOES_UNDECIDED
#define OPEN_GOES_UNDECIDED 0         /* a release removes `open` although an outcome is unknown */
#endif
#ifndef FIRST_OPEN_ONLY
#define FIRST_OPEN_ONLY 0             /* the write happens on the first open of an invocation only */
#endif
#ifndef OPEN_NOT_RESOLVED
#define OPEN_NOT_RESOLVED 0           /* nothing to send: Kafka is not opened for an `open` left by someone, which is removed */
#endif
#ifndef LOSS_ACCEPTED
#define LOSS_ACCEPTED 0               /* marker < marked: go on from the marker */
#endif
#ifndef OPEN_GOES_UNRECONCILED
#define OPEN_GOES_UNRECONCILED 0      /* a release removes `open` although this invocation did not reconcile */
#endif
#ifndef AGAINST_POSITION
#define AGAINST_POSITION 0            /* the marker is compared with `position`, not with `marked` */
#endif
#ifndef POSITION_IS_MARKER
#define POSITION_IS_MARKER 0          /* position := marker, not the greater of both */
#endif
#ifndef VOID_MOVES_MARKED
#define VOID_MOVES_MARKED 0           /* passing a void row sets `marked`, too */
#endif
#ifndef RELEASE_WITHOUT_EPOCH
#define RELEASE_WITHOUT_EPOCH 0       /* a release has no condition */
#endif
#ifndef MARKER_WITHOUT_TIME
#define MARKER_WITHOUT_TIME 0         /* the marker does not hold the time of its commit: `marked` gets that of the reconcile */
#endif
#ifndef NO_MARKED
#define NO_MARKED 0                   /* missing marker without `open`: go on, however young `marked` is */
#endif
#ifndef COMMIT_ANYWHERE
#define COMMIT_ANYWHERE 0             /* a store commit does not look at the position that stands */
#endif

#define NONE 99
#define CLOSED 0           /* values of `open` */
#define YOUNG 1
#define OLD 2

/* ---- the partition item */
byte epoch = 0, position = 0, marked = NONE, open_ = CLOSED;
bit owned = 0;             /* an owner stands: acquired, not released */
bit markedOld = 0;         /* the time of `marked` is older than the retention */
bit markedLate = 0;        /* MARKER_WITHOUT_TIME: `marked` claims a later time than its commit's */
/* ---- Kafka */
byte producerEpoch = 0;    /* the latest InitProducerId */
byte pending = 0;          /* the row in the undecided transaction, 0: none */
byte marker = NONE;
bit kafkaLate = 0;         /* the pending transaction's commit is under way, nobody waits for it */
byte visible = 0;          /* the last row that consumers see */
/* ---- a store commit under way that nobody waits for */
byte lateEpoch = 0, lateRow = 0;
/* ---- the world */
bit isVoid = 0;
byte alive = 0, disturbed = 0;
bit openLater = 0;         /* `open` was set after the last Kafka commit */
bit olderMarker = 0;       /* the marker is the one before the last: Kafka lost that */

#define SEEN_ONCE (pending == visible + 1 || (isVoid && visible == 1 && pending == 3))
#define BECOME_VISIBLE assert(SEEN_ONCE); \
  visible = pending; marker = pending; pending = 0; kafkaLate = 0; openLater = 0; markedOld = 0; olderMarker = 0
#define MINE (epoch == me)

proctype worker() {
  byte me, at, producer, read, found, invocations = 0, opens, stop;
  bit ok, undecided, counted, reconciled;

start: skip;
  d_step {
    if :: counted -> alive-- :: else fi;
    me = 0; at = 0; producer = 0; read = 0; opens = 0; found = CLOSED; ok = 0; stop = 0; undecided = 0; counted = 0; reconciled = 0
  }
  if :: invocations >= INVOCATIONS -> goto done :: else fi;
  if :: goto done :: skip fi;
  invocations++;
  /* checkpoints.acquire: epoch + 1 */
  d_step { epoch++; me = epoch; owned = 1; at = position; found = open_; alive++; counted = 1 }
  /* work: without rows to send Kafka is opened only for an `open` left by someone */
  if :: found == CLOSED || OPEN_NOT_RESOLVED -> if :: goto release :: skip fi :: else fi;

open: skip;
  if :: opens > REOPENS -> goto release :: else fi;
  if :: goto release :: skip fi;                                   /* Kafka can't be reached */
  opens++;
  if :: MARKER_BEFORE_INIT -> read = marker :: else fi;
  /* InitProducerId: fences earlier producers, aborts what they had undecided */
  d_step { producerEpoch++; producer = producerEpoch; pending = 0; kafkaLate = 0 }
  if :: goto start :: skip fi;                                     /* crash, here and below */
  if :: !MARKER_BEFORE_INIT -> read = marker :: else fi;
  if :: goto start :: goto release :: skip fi;
  /* reconcile, and its one conditional write */
  if
  :: FIRST_OPEN_ONLY && opens > 1 -> d_step { ok = 1; if :: read != NONE && read > at -> at = read :: else fi }
  :: else -> d_step {
       stop = 0; ok = 0;
       if
       :: MINE || NO_EPOCH_CONDITION ->
            ok = 1;
            if
            :: read == NONE && open_ == OLD -> if :: OLD_OPEN_IS_NOTHING :: else -> stop = 1 fi
            :: read == NONE && open_ != OLD && marked != NONE && !markedOld ->
                 if :: NO_MARKED && open_ == CLOSED -> marked = NONE :: else -> stop = 1 fi
            :: read == NONE && open_ != OLD && (marked == NONE || markedOld) -> marked = NONE
            :: read != NONE && ((marked != NONE && read < marked) || (AGAINST_POSITION && read < position)) ->
                 if :: LOSS_ACCEPTED :: else -> stop = 2 fi
            :: else ->
                 if :: MARKER_WITHOUT_TIME && read != marked -> markedLate = 1 :: else fi;
                 marked = read;
                 if :: read > position || POSITION_IS_MARKER -> position = read :: else fi
            fi;
            if :: !stop -> open_ = YOUNG; openLater = 1; at = position :: else fi
       :: else
       fi }
  fi;
  if :: !ok -> goto start :: else fi;                              /* fenced */
  if
  :: stop == 1 -> assert(open_ == OLD || disturbed || !MINE); goto start     /* MARKER_EXPIRED */
  :: stop == 2 -> assert(disturbed || !MINE); goto start                     /* KAFKA_LOST_DATA */
  :: else
  fi;
  d_step { undecided = 0; reconciled = 1; stop = 0; read = 0 }

loop: skip;
  if :: at >= ROWS -> goto release :: else fi;
  if :: goto start :: goto release :: skip fi;
  if
  :: isVoid && at == 1 ->                                          /* passVoid */
       d_step { ok = 0; if :: MINE -> position = 2; at = 2; ok = 1; if :: VOID_MOVES_MARKED -> marked = 2 :: else fi :: else fi }
       if :: ok -> goto loop :: else -> goto start fi
  :: skip                                                          /* also who read the window before it was void */
  fi;
  /* records and marker go into the transaction */
  d_step { ok = 0; if :: producerEpoch == producer -> pending = at + 1; ok = 1 :: else fi }
  if :: !ok -> goto open :: else fi;
  if :: goto start :: skip fi;
  if
  :: KAFKA_LATE ->
       if
       :: d_step { producerEpoch == producer && pending != 0 -> kafkaLate = 1; undecided = 1 }
          if :: goto open :: goto release :: goto start fi
       :: skip
       fi
  :: else
  fi;
  /* EndTxn */
  d_step { ok = 0; if :: producerEpoch == producer && pending != 0 -> BECOME_VISIBLE; ok = 1 :: else fi }
  if
  :: undecided = 1; goto open                                      /* an error, or the answer is lost */
  :: OPEN_GOES_UNDECIDED -> undecided = 1; goto release
  :: ok -> skip
  fi;
  if :: goto start :: skip fi;
  /* checkpoints.commit */
  if
  :: STORE_LATE && lateRow == 0 && lateEpoch == 0 -> d_step { lateEpoch = me; lateRow = at + 1; undecided = 1 } goto open
  :: skip
  fi;
  d_step {
    ok = 0;
    if
    :: MINE && (position == at || position == at + 1 || COMMIT_ANYWHERE) -> position = at + 1; marked = at + 1; markedLate = 0; ok = 1
    :: else
    fi }
  if :: !ok -> goto start :: else fi;
  at++; goto loop;

release: skip;
  d_step {
    if
    :: MINE || RELEASE_WITHOUT_EPOCH ->
         owned = 0;
         if
         :: (reconciled || OPEN_GOES_UNRECONCILED || OPEN_NOT_RESOLVED) && (!undecided || OPEN_GOES_UNDECIDED) -> open_ = CLOSED
         :: else
         fi
    :: else
    fi }
  goto start;
done: skip
}

/* what was given up arrives after all, or never */
proctype network() {
end: do
  :: d_step { kafkaLate -> BECOME_VISIBLE }
  :: d_step { lateRow != 0 ->
       if
       :: lateEpoch == epoch && owned && (position == lateRow - 1 || position == lateRow || COMMIT_ANYWHERE) -> position = lateRow; marked = lateRow
       :: else
       fi;
       lateRow = 0 }
  od
}

proctype retention() {
  byte expired = 0;
  do
  :: atomic { expired < 2 && alive == 0 && !kafkaLate && marker != NONE -> expired++;
       if
       :: olderMarker && marked != marker ->                       /* it goes before the one that was lost would have */
            if
            :: KAFKA_LOSES == 1 -> markedOld = 1; if :: open_ != CLOSED && !openLater -> open_ = OLD :: else fi
            :: if :: open_ != CLOSED -> open_ = OLD :: skip fi
            fi
       :: else ->
            if :: !markedLate -> markedOld = 1 :: else fi;
            if :: open_ != CLOSED && !openLater -> open_ = OLD :: else fi
       fi;
       marker = NONE }
  :: d_step { GROUP_DELETED && !disturbed && marker != NONE && marked != NONE && !markedOld -> marker = NONE; disturbed = 1 }
  :: d_step { KAFKA_LOSES && !disturbed && alive == 0 && !kafkaLate && marker != NONE && marker > 1 ->
       disturbed = 1; olderMarker = 1; marker--; visible = marker }
  :: break
  od
}

proctype operator() { if :: VOID -> isVoid = 1 :: skip fi }

init { atomic {
  run worker(); run worker(); run retention();
  if :: KAFKA_LATE || STORE_LATE -> run network() :: else fi;
  if :: VOID -> run operator() :: else fi } }

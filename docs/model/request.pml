/*
 * Requests: replay, resnapshot and repair, asked for by an operator or by `recount`.
 *
 * Mirrors the request slot of `meta` and what the planner makes of it (lambdas/protocol/plan.ts, design 4 "Replay,
 * resnapshot, repair" and "Late commits"): one slot, put while it is empty; instead of an ordinary window the planner
 * appends one of kind `snapshot` or `repair`, read AT the `to` of the head, with that `to` and the request's id; a request
 * may void an older window, after the one that makes up for it is written; then the slot is cleared on condition that it
 * still holds that id. A planner that finds the request answered finishes what the one before it left: void, clear.
 *
 * The table has keys a and b; commit i is at time i: 1 a, 2 b, 3 a. Commit 1 may become visible late, after its time was
 * read. An ordinary window has the last visible commit of each key within (from, to]; a snapshot the state of both keys
 * AT `to`, a repair that of a. Two planners look, scan, write, void and clear in separate steps and die between any two.
 * `meta` is looked at first, then the log, as lambdas/checkpoints/look.ts does. One window may become unreadable.
 *
 * Asserted: no older image of a key after a newer one; a window is void only when another makes up for it; at the end
 * consumers have the table. A request that nobody answers, or a partition that nobody frees, is a standstill.
 */
#ifndef WINDOWS
#define WINDOWS 7
#endif
#ifndef COMMITS
#define COMMITS 3
#endif
#ifndef SERVED
#define SERVED 0           /* 1: every window carries the id of the last request answered, and ids only grow */
#endif                     /* 0: only the window that answers a request names it */
#ifndef ONCE
#define ONCE 0             /* 1: assert that no request is answered twice */
#endif
/* ---- rules taken out */
#ifndef ADVANCES
#define ADVANCES 0         /* the window of a request is read now, and `to` is now */
#endif
#ifndef AT_DAMAGED
#define AT_DAMAGED 0       /* a repair is read AT the damaged window's own `to` */
#endif
#ifndef CLEAR_ANY
#define CLEAR_ANY 0        /* the slot is cleared whatever it holds */
#endif
#ifndef CLEAR_FIRST
#define CLEAR_FIRST 0      /* the slot is cleared before the window is written */
#endif
#ifndef VOID_FIRST
#define VOID_FIRST 0       /* the window is voided before the one that makes up for it is written */
#endif
#ifndef NO_CLEANUP
#define NO_CLEANUP 0       /* a planner that finds the request answered leaves it */
#endif
#ifndef CLEANUP_FORGETS_VOID
#define CLEANUP_FORGETS_VOID 0   /* ... or clears it without voiding */
#endif

#define SNAPSHOT 1
#define REPAIR 2

byte now = 0; bit late = 0, lateSeen = 0;         /* commits so far; commit 1 not visible yet; a window was read without it */
byte request = 0, wants = 0, target = 0, ids = 0; /* the slot: id (0: empty), kind, the window to be voided or repaired */
byte head = 0, to[9], a[9], b[9], names[9], made[9];  /* the log; a, b: the commit that the window's row shows, 0: no row */
byte unreadable = 0; bit isVoid = 0;              /* the window that can't be read; it is void */
byte published = 0, seenA = 0, seenB = 0;         /* consumers */
bit asked = 0;                                    /* everybody who has something to ask for has asked */
byte answered = 0;                                /* ids answered, a bit each */

/* the last visible commit of a key in (from, until] */
#define LAST_A(from, until) ((until) >= 3 && (from) < 3 -> 3 : ((until) >= 1 && (from) < 1 && !late -> 1 : 0))
#define LAST_B(from, until) ((until) >= 2 && (from) < 2 -> 2 : 0)
/* a snapshot after window 1, the only one that may be unreadable */
#define MADE_UP (made[2] == SNAPSHOT || made[3] == SNAPSHOT || made[4] == SNAPSHOT || made[5] == SNAPSHOT || made[6] == SNAPSHOT || made[7] == SNAPSHOT)
#define IS_ANSWERED (h > 0 && (SERVED -> names[h] >= r : names[h] == r))
#define QUIET (now == COMMITS && !late && request == 0 && (head == WINDOWS || to[head] == now) && published == head && asked)
#define WORK ((request != 0 && (head < WINDOWS || names[head] == request)) || (head < WINDOWS && now > to[head]))

proctype planner() {
  byte r, kind, what, h, va, vb, t; bit missed;
start: skip;
  d_step { r = 0; kind = 0; what = 0; h = 0; va = 0; vb = 0; t = 0; missed = 0 }
endIdle:
  if
  :: d_step { WORK && !(NO_CLEANUP && request != 0 && head > 0 && names[head] == request) -> r = request; kind = wants; what = target }
  fi;
  h = head;                                                        /* the log, after meta */
  if
  :: r != 0 && IS_ANSWERED -> if :: NO_CLEANUP -> goto start :: else -> goto finish fi
  :: r == 0 && now <= to[h] -> goto start
  :: h >= WINDOWS -> goto start
  :: else
  fi;
  if
  :: CLEAR_FIRST && r != 0 -> d_step { if :: request == r -> request = 0 :: else fi } if :: goto start :: skip fi
  :: VOID_FIRST && r != 0 && kind == SNAPSHOT -> isVoid = 1; if :: goto start :: skip fi
  :: else
  fi;
  d_step {                                                         /* the scan */
    if
    :: r == 0 -> t = now; missed = (late && to[h] == 0); va = LAST_A(to[h], t); vb = LAST_B(to[h], t)
    :: else ->
         t = (ADVANCES -> now : to[h]);
         va = LAST_A(0, (AT_DAMAGED && kind == REPAIR -> to[what] : t));
         vb = (kind == SNAPSHOT -> LAST_B(0, t) : 0)
    fi }
  if :: goto start :: skip fi;
  d_step {                                                         /* putWindow: if the number is free */
    if
    :: head == h ->
         head = h + 1; to[head] = t; a[head] = va; b[head] = vb; made[head] = (r != 0 -> kind : 0);
         lateSeen = lateSeen || missed; names[head] = (r != 0 -> r : (SERVED -> names[h] : 0));
         if :: r != 0 -> assert(!ONCE || !((answered >> r) & 1)); answered = answered | (1 << r) :: else fi
    :: else -> r = 0
    fi;
    va = 0; vb = 0; t = 0; missed = 0 }
  if :: r == 0 -> goto start :: else fi;
  if :: goto start :: goto finishVoids fi;
finish: skip;
  if :: CLEANUP_FORGETS_VOID -> goto clear :: else fi;
finishVoids: skip;
  if
  :: kind == SNAPSHOT && what != 0 -> d_step { assert(MADE_UP); isVoid = 1 }
       if :: goto start :: skip fi
  :: else
  fi;
clear: skip;
  d_step { if :: request == r || CLEAR_ANY -> request = 0; wants = 0; target = 0 :: else fi }
  goto start
}

/* one partition, in order; what it saw unreadable waits until it is void */
proctype publisher() {
  byte w;
end: do
  :: d_step { published < head && published + 1 != unreadable -> w = published + 1;
       if :: a[w] != 0 -> assert(a[w] >= seenA && (a[w] > seenA || made[w] != 0)); seenA = a[w] :: else fi;
       if :: b[w] != 0 -> assert(b[w] >= seenB && (b[w] > seenB || made[w] != 0)); seenB = b[w] :: else fi;
       published = w; w = 0 }
  :: d_step { published < head && published + 1 == unreadable && isVoid ->
       assert(MADE_UP);
       published++ }
  od
}

proctype writer() {
  do
  :: d_step { now == 0 -> now = 1; late = 1 }
  :: d_step { now == 0 -> now = 1 }
  :: d_step { now > 0 && now < COMMITS -> now++ }
  :: d_step { late -> late = 0 }
  :: d_step { unreadable == 0 && head == 1 && published == 0 && now < COMMITS -> unreadable = 1 }
  :: d_step { now == COMMITS && !late -> skip } break
  od
}

/* an operator who sees a window unreadable, then a recount that sees a late commit: both wait for the slot */
proctype operator() {
  if
  :: d_step { unreadable != 0 && request == 0 -> ids++; request = ids; wants = SNAPSHOT; target = unreadable }
  :: (now == COMMITS && unreadable == 0) || head == WINDOWS
  fi;
  if
  :: d_step { lateSeen && !late && request == 0 -> ids++; request = ids; wants = REPAIR; target = 1 }
  :: (now == COMMITS && !late && !lateSeen) || head == WINDOWS
  fi;
  asked = 1;
  QUIET || head == WINDOWS;                       /* a full log is a bound of the model */
  assert(head == WINDOWS || ((ids < 1 || ((answered >> 1) & 1)) && (ids < 2 || ((answered >> 2) & 1))));     /* no request was lost */
  assert(head == WINDOWS || (seenA == 3 && seenB == 2))
}

init { atomic { run planner(); run planner(); run publisher(); run writer(); run operator() } }

/*
 * Several partitions of one source against void windows, barriers (truncate) and changes of P.
 *
 * Mirrors
 *   lambdas/protocol/past.ts      hasPassed, isPast, nextWindowFor, isBarrier, heldBy     (design 1 "past", 4 Barriers)
 *   lambdas/protocol/publish.ts   work, open, passVoid                                    (design 3.4)
 *   lambdas/protocol/begin.ts     currentLayout: items before the layout                  (design 4 Partition items)
 *
 * Kafka per partition: InitProducerId fences, transactions commit with their marker, answers get lost. Workers crash,
 * freeze and thaw anywhere, any number of times; leases are stolen at any time. Markers don't expire here (publish.pml).
 *
 * Windows 1..W are written in order, at any time. ROWTABLE says how many rows a window has for p0 and p1; a key k is one
 * of these rows (KEYROWS says which). Asserted at every commit: nothing twice; nothing skipped that is not void; rows of
 * k in order over all partitions; truncate after all rows before it and before all rows after it. At the end all that is
 * not void is visible. A state from which nothing useful can happen is an invalid end state: a standstill.
 *
 *   CASE=1  void + truncate       1: p1 1         2: p0 1, p1 2 (may be void)   3: truncate p0 1   4: p0 1, p1 1 new rows
 *   CASE=2  the same, window 4 has no row for p1, 5 has
 *   CASE=3  the same, window 4 (the one after the truncate) may be void, too; 5 makes up for it
 *   CASE=4  P 1 -> 2              1: p0 j, k      2: p0 j, p1 k                 3: p0 j, p1 k
 *   CASE=5  P 1 -> 2, sparse      1: p0 j, k      2: p0 j                       3: p0 j, p1 k
 *   CASE=6  P 2 -> 1              1: p0 j, p1 l,k 2: p0 k                       3: p0 k
 *   CASE=7  P 2 -> 1, sparse      1: p0 j, p1 l,k 2: no rows                    3: p0 k
 *   CASE=8  P 1 -> 2 -> 1         1: p0 k         2: p1 k                       3: p0 k
 *   CASE=9  P 1 -> 2, truncate    1: p0 j, k      2: p1 l,k                     3: truncate p0     4: p0 j, p1 k
 */
#ifndef CASE
#define CASE 1
#endif
/* ---- rules taken out */
#ifndef BARRIER_MINDS_ITSELF
#define BARRIER_MINDS_ITSELF 0       /* a barrier holds its own window and the one after it, not what comes later */
#endif
#ifndef ONE_SIDED
#define ONE_SIDED 0                  /* the window after a truncate is no barrier */
#endif
#ifndef NO_BARRIER
#define NO_BARRIER 0                 /* nobody waits */
#endif
#ifndef VOID_NOT_HELD
#define VOID_NOT_HELD 0              /* passing a void window is not held by a barrier */
#endif
#ifndef VOID_UNRECONCILED
#define VOID_UNRECONCILED 0          /* a void window is passed without InitProducerId and reconcile */
#endif
#ifndef VOID_IS_EMPTY
#define VOID_IS_EMPTY 0              /* everybody is past a void window */
#endif
#ifndef VOID_WITHOUT_EPOCH
#define VOID_WITHOUT_EPOCH 0         /* a void window is passed without the epoch condition */
#endif
#ifndef VOID_MOVES_MARKED
#define VOID_MOVES_MARKED 0          /* passing a void window sets `marked`, too */
#endif
#ifndef OWN_LAYOUT_ONLY
#define OWN_LAYOUT_ONLY 0            /* "every partition": only those of the window's own layout */
#endif
#ifndef ITEMS_LATE
#define ITEMS_LATE 0                 /* partition items are put when first called; one that is missing is not waited for */
#endif
#ifndef WORKERS
#define WORKERS 2      /* workers at a time, all partitions together */
#endif
#ifndef KAFKA_LATE
#define KAFKA_LATE 0   /* 1: commits under way after their worker gave them up (else a frozen worker stands for it) */
#endif
/* per window: rows of p0, rows of p1 (2 bits each, p0 low); the same for the number of k's row */
#define AT(w,a,b) (((a)|((b)<<2))<<(4*(w)))
#define TRUNCATE 9
#define VOIDABLE 0
#define ONE_PARTITION 0           /* bit w: the window's layout has one partition, p0 (OWN_LAYOUT_ONLY) */
#if CASE==1 || CASE==2 || CASE==3
#undef TRUNCATE
#undef VOIDABLE
#define TRUNCATE 3
#if CASE==1
#define W 4
#define ROWTABLE (AT(1,0,1)|AT(2,1,2)|AT(3,1,0)|AT(4,1,1))
#define VOIDABLE 4
#elif CASE==2
#define W 5
#define ROWTABLE (AT(1,0,1)|AT(2,1,2)|AT(3,1,0)|AT(4,1,0)|AT(5,0,1))
#define VOIDABLE 4
#else
#define W 5
#define ROWTABLE (AT(1,0,1)|AT(2,0,1)|AT(3,1,0)|AT(4,1,1)|AT(5,1,1))
#define VOIDABLE 20
#endif
#define KEYROWS 0
#define BARRIERS 24        /* barriers: 3 and 4 */
#elif CASE==4
#define W 3
#define ROWTABLE (AT(1,2,0)|AT(2,1,1)|AT(3,1,1))
#define KEYROWS (AT(1,2,0)|AT(2,0,1)|AT(3,0,1))
#define BARRIERS 4
#undef ONE_PARTITION
#define ONE_PARTITION 2
#elif CASE==5
#define W 3
#define ROWTABLE (AT(1,2,0)|AT(2,1,0)|AT(3,1,1))
#define KEYROWS (AT(1,2,0)|AT(3,0,1))
#define BARRIERS 4
#undef ONE_PARTITION
#define ONE_PARTITION 2
#elif CASE==6
#define W 3
#define ROWTABLE (AT(1,1,2)|AT(2,1,0)|AT(3,1,0))
#define KEYROWS (AT(1,0,2)|AT(2,1,0)|AT(3,1,0))
#define BARRIERS 4
#undef ONE_PARTITION
#define ONE_PARTITION 12
#elif CASE==7
#define W 3
#define ROWTABLE (AT(1,1,2)|AT(3,1,0))
#define KEYROWS (AT(1,0,2)|AT(3,1,0))
#define BARRIERS 4
#undef ONE_PARTITION
#define ONE_PARTITION 12
#elif CASE==8
#define W 3
#define ROWTABLE (AT(1,1,0)|AT(2,0,1)|AT(3,1,0))
#define KEYROWS (AT(1,1,0)|AT(2,0,1)|AT(3,1,0))
#define BARRIERS 12
#undef ONE_PARTITION
#define ONE_PARTITION 10
#else
#undef TRUNCATE
#define TRUNCATE 3
#define W 4
#define ROWTABLE (AT(1,2,0)|AT(2,0,2)|AT(3,1,0)|AT(4,1,1))
#define KEYROWS (AT(1,2,0)|AT(2,0,2)|AT(4,0,1))
#define BARRIERS 28
#undef ONE_PARTITION
#define ONE_PARTITION 2
#endif
#define ENC(w,r) ((w)*4+(r))
#define ROWS(w,p) ((ROWTABLE>>(4*(w)+2*(p)))&3)
#define KEYROW(w,p) ((KEYROWS>>(4*(w)+2*(p)))&3)
#define VOIDED(w) ((voids>>(w))&1)
#define END(w,p) ENC(w,ROWS(w,p))
byte head=1, voids=0, truncated=0;
byte position[2]=0, marked[2]=0, owner[2]=0;       /* store: position, marked (0 = none), the latest acquirer = epoch */
byte producerOf[2]=0, pending[2]=0, marker[2]=0;       /* Kafka: the latest InitProducerId, the undecided transaction, the marker */
bit kafkaLate[2]=0;
bit item[2]=0;                                /* ITEMS_LATE: the item is there */
/* past: no window up to w has rows for p that its position has not passed */
#if VOID_IS_EMPTY
#define NOT_PASSED(v,w,p) ((v)<=(w) && ROWS(v,p)>0 && !VOIDED(v) && position[p]<END(v,p))
#else
#define NOT_PASSED(v,w,p) ((v)<=(w) && ROWS(v,p)>0 && position[p]<END(v,p))
#endif
#define PAST(p,w) (!(NOT_PASSED(1,w,p)||NOT_PASSED(2,w,p)||NOT_PASSED(3,w,p)||NOT_PASSED(4,w,p)||NOT_PASSED(5,w,p)))
#if OWN_LAYOUT_ONLY
#define ALLPAST(w,l) (PAST(0,w) && (((ONE_PARTITION>>(l))&1) || PAST(1,w)))
#elif ITEMS_LATE
#define ALLPAST(w,l) (PAST(0,w) && (!item[1] || PAST(1,w)))
#else
#define ALLPAST(w,l) (PAST(0,w) && PAST(1,w))
#endif
#define IS_BARRIER(w) ((BARRIERS>>(w))&1)
#if NO_BARRIER
#define NOT_HELD(w) 1
#elif !BARRIER_MINDS_ITSELF && !ONE_SIDED
#define HOLDS(f,w) ((f)<=(w) && IS_BARRIER(f) && !ALLPAST((f)-1,w))
#define NOT_HELD(w) (!(HOLDS(1,w)||HOLDS(2,w)||HOLDS(3,w)||HOLDS(4,w)||HOLDS(5,w)))
#elif ONE_SIDED
#define NOT_HELD(w) (!(IS_BARRIER(w) && (w)!=TRUNCATE+1) || ALLPAST((w)-1,w))
#else
#define NOT_HELD(w) (!IS_BARRIER(w) || ALLPAST((w)-1,w))
#endif
#define HAS_MORE(v,p,x) (ROWS(v,p)>0 && END(v,p)>(x))
#define NEXT(p,x) (HAS_MORE(1,p,x)->1:(HAS_MORE(2,p,x)->2:(HAS_MORE(3,p,x)->3:(HAS_MORE(4,p,x)->4:(HAS_MORE(5,p,x)->5:6)))))
#define MAY(w) ((w)<=head && (NOT_HELD(w) || (VOID_NOT_HELD && VOIDED(w))))
#define NEED(p) MAY(NEXT(p,position[p]))
#define DONE (head==W && NEXT(0,position[0])==6 && NEXT(1,position[1])==6)
/* at a commit of c on p */
#define SKIPPED(v,p,c) (ROWS(v,p)>0 && ENC(v,ROWS(v,p))>marker[p] && (v)<(c)/4 && !VOIDED(v))
#define KEY_LATER(v,q,w) ((v)<(w) && KEYROW(v,q)>0 && marker[q]<ENC(v,KEYROW(v,q)) && !VOIDED(v))
#define NOT_VISIBLE(v,q) ((v)<TRUNCATE && ROWS(v,q)>0 && marker[q]<END(v,q) && !VOIDED(v))
#define COMMIT(p) \
  assert(pending[p]>marker[p]); \
  assert(pending[p]/4==marker[p]/4 -> pending[p]==marker[p]+1 : pending[p]%4==1); \
  assert(!(SKIPPED(1,p,pending[p])||SKIPPED(2,p,pending[p])||SKIPPED(3,p,pending[p])||SKIPPED(4,p,pending[p]))); \
  assert(KEYROW(pending[p]/4,p)!=pending[p]%4 || !(KEY_LATER(1,0,pending[p]/4)||KEY_LATER(1,1,pending[p]/4)||KEY_LATER(2,0,pending[p]/4)||KEY_LATER(2,1,pending[p]/4))); \
  assert(pending[p]/4>=TRUNCATE || !truncated); assert(pending[p]/4<=TRUNCATE || truncated); \
  if :: pending[p]/4==TRUNCATE -> truncated=1; assert(!(NOT_VISIBLE(1,0)||NOT_VISIBLE(1,1)||NOT_VISIBLE(2,0)||NOT_VISIBLE(2,1))) :: else fi; \
  marker[p]=pending[p]; pending[p]=0; kafkaLate[p]=0
proctype worker(){
  byte p,pos,w,read; bit ok;
  goto again;
open: skip;                                       /* open: InitProducerId */
  d_step{ producerOf[p]=_pid; pending[p]=0; kafkaLate[p]=0 }
  if :: goto out :: skip fi;
  read=marker[p];                                 /* the marker, then reconcile and its one conditional write */
  d_step{ ok=0;
    if :: owner[p]==_pid -> ok=1; assert(read>=marked[p]); marked[p]=read; if :: read>position[p] -> position[p]=read :: else fi; pos=position[p]
       :: else fi; read=0 }
  if :: !ok -> goto out :: else fi;
loop: skip;                                       /* nextWindowFor, heldBy */
  d_step{ w=NEXT(p,pos); ok=MAY(w) }
  if :: goto out :: ok -> skip fi;
  if :: VOIDED(w) ->                              /* passVoid */
        d_step{ ok=0; if :: owner[p]==_pid || VOID_WITHOUT_EPOCH -> ok=1; position[p]=END(w,p); pos=END(w,p);
                           if :: VOID_MOVES_MARKED -> marked[p]=pos :: else fi :: else fi; w=0 }
        if :: ok -> goto loop :: else -> goto out fi
     :: (!VOID_NOT_HELD || NOT_HELD(w)) -> skip                          /* also one who read the window before it was void */
  fi;
  d_step{ ok=0; if :: producerOf[p]==_pid -> pending[p]=(pos/4==w -> pos+1 : ENC(w,1)); ok=1 :: else fi; w=0 }
  if :: !ok -> if :: goto open :: goto out fi :: else fi;
  if :: goto out :: skip fi;
  if :: d_step{ KAFKA_LATE && producerOf[p]==_pid && pending[p]>0 -> kafkaLate[p]=1; ok=0 }           /* sent, given up */
     :: d_step{ producerOf[p]==_pid && pending[p]>0 -> COMMIT(p); ok=1 }
     :: d_step{ !(producerOf[p]==_pid && pending[p]>0) -> ok=0 }
  fi;
  if :: goto open :: goto out :: ok -> skip fi;                            /* an error or a lost answer; a crash */
  d_step{ ok=0; if :: owner[p]==_pid -> ok=1; pos=marker[p]; position[p]=pos; marked[p]=pos :: else fi }
  if :: ok -> goto loop :: else -> goto out fi;
out: skip;                                                                   /* this invocation is dead: forget its epochs */
  d_step{ if :: owner[p]==_pid -> owner[p]=0 :: else fi; if :: producerOf[p]==_pid && !kafkaLate[p] -> producerOf[p]=0; pending[p]=0 :: else fi;
          p=0;pos=0;w=0;read=0;ok=0 }
again: skip;
  do
  :: d_step{ DONE -> skip } break
  :: d_step{ NEED(0) -> p=0; owner[0]=_pid; pos=position[0]; item[0]=1 } goto acq
  :: d_step{ NEED(1) -> p=1; owner[1]=_pid; pos=position[1]; item[1]=1 } goto acq
  od;
  goto fin;
acq: skip;
  if :: VOID_UNRECONCILED && VOIDED(NEXT(p,pos)) && MAY(NEXT(p,pos)) ->
        d_step{ if :: owner[p]==_pid -> position[p]=END(NEXT(p,pos),p) :: else fi } goto out
     :: else -> goto open fi;
fin: skip
}
proctype network(){
  end: do :: d_step{ kafkaLate[0] -> COMMIT(0) } :: d_step{ kafkaLate[1] -> COMMIT(1) } od }
proctype planner(){ do :: d_step{ head<W -> head++ } :: head==W -> break od }
#define LASTSEEN(p,v) (ROWS(v,p)==0 || VOIDED(v) || marker[p]>=END(v,p))
proctype operator(){
  do :: d_step{ (VOIDABLE&4) && head>=2 && !VOIDED(2) -> voids=voids|4 }
     :: d_step{ (VOIDABLE&16) && head>=4 && !VOIDED(4) -> voids=voids|16 }
     :: break od;
  DONE; assert(LASTSEEN(0,1)&&LASTSEEN(0,2)&&LASTSEEN(0,3)&&LASTSEEN(0,4)&&LASTSEEN(0,5));
        assert(LASTSEEN(1,1)&&LASTSEEN(1,2)&&LASTSEEN(1,3)&&LASTSEEN(1,4)&&LASTSEEN(1,5)) }
init{ byte i; atomic{ if :: !ITEMS_LATE -> item[0]=1; item[1]=1 :: else fi;
      for (i : 1 .. WORKERS) { run worker() } if :: KAFKA_LATE -> run network() :: else fi; run planner(); run operator() } }

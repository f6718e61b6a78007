/*
 * Captures of kind `stream`: planning may run ahead of publishing, and consuming a stream can't be repeated.
 *
 * A stage is asked for (`consuming` in meta: here `head`), then filled from the stream in one transaction, which consumes
 * (consumptionStatement in snowflake/sql/stream.ts). With the ledger, which the same transaction moves from n - 1 to n or
 * not at all, a stage can't be consumed ahead of its turn, however late its block comes. The code asks for stage n + 1 only
 * once the window of stage n is written, which is stricter than what is modelled (AHEAD=0 is closer). Asserted: stage n
 * never holds older rows than stage n + 1.
 */
/* LEDGER=0: the rule taken out. AHEAD=0: instead, the next window waits until the one before has its stage. */
#ifndef AHEAD
#define AHEAD 1
#endif
#ifndef LEDGER
#define LEDGER 1
#endif
#define W 3
byte head=0, st[5]=0, lo[5], hi[5], off=0, ver=0;
proctype writer(){ do :: ver<4 -> ver++ :: break od }
proctype planner(){ byte n,k=0;
  do
  :: k<4 -> k++; n=head;
     if :: n<W && (AHEAD || n==0 || st[n]!=0) -> d_step{ if :: head==n -> head=n+1 :: else fi }; n=n+1 :: else -> skip fi;
     if :: skip -> goto nxt :: skip fi;                  /* crash, or the statement is still queued */
     if :: n>0 -> d_step{ if :: st[n]==0 && (!LEDGER || n==1 || st[n-1]!=0) ->
             st[n]=1; lo[n]=off; hi[n]=ver; off=ver;
             assert(n==1 || st[n-1]!=0);                  /* else n holds older rows than n-1 will */
             if :: n<W -> assert(st[n+1]==0) :: else fi
          :: else fi } :: else fi;
nxt: skip
  :: k<4 -> break
  :: k>=4 -> break
  od }
init{ atomic{ run writer(); run planner(); run planner() } }

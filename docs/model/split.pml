/*
 * plan and publish as two functions, joined by events that may be lost, doubled or late.
 *
 * Mirrors
 *   lambdas/protocol/plan.ts            scan, write, callPartitions; finish    (design 2, 4 Log)
 *   lambdas/protocol/past.ts            isPast, heldBy, partitionsToCall       (design 1 "past", 4 Barriers)
 *   lambdas/protocol/publish.ts         work, callAgain
 *   lambdas/checkpoints/window-log.ts   putWindow, prune
 *
 * P = 2 partitions, four windows. Publishing one row is atomic and fenced by the epoch here (publish.pml shows that);
 * the store's position lags behind the truth. A state from which nothing useful can happen is an invalid end state.
 *     window   1 rows(p0)=2 rows(p1)=1    changes
 *              2            1          0  changes        (partition 1 is sparse)
 *              3            1          0  truncate: barrier
 *              4            1          1  the snapshot after the truncate
 * Two planners have different scans of the same window; the scan decides the order of rows (window 1, p0): a partition
 * that is published from two results delivers an element twice.
 */
/* ---- rules taken out */
#ifndef APPENDED_FIRST
#define APPENDED_FIRST 0             /* a window is written without its result, which is frozen later */
#endif
#ifndef FROZEN_BLINDLY
#define FROZEN_BLINDLY 0             /* and frozen without a condition */
#endif
#ifndef PAST_BY_POSITION
#define PAST_BY_POSITION 0           /* "past" by the stored position, not computed from the windows' ranges */
#endif
#ifndef OPENER_ALONE
#define OPENER_ALONE 0               /* only the invocation that appended a window scans it and calls its partitions */
#endif
#ifndef ONE_SIDED
#define ONE_SIDED 0                  /* the window after a truncate is no barrier */
#endif
#ifndef NO_BARRIER
#define NO_BARRIER 0                 /* nobody waits */
#endif
#ifndef HEAD_DELETED
#define HEAD_DELETED 0               /* the head is deleted, too, once it is finished */
#endif
/* ---- what may happen */
#ifndef CLEAN
#define CLEAN 0                      /* finished windows are deleted */
#endif
/* ---- bounds */
#ifndef MAXOPEN
#define MAXOPEN 2
#endif
#ifndef FAULTS
#define FAULTS 1            /* faults in all: crashes of planners and publishers, lost events, doubled events */
#endif
#define AHEADOK (head==0 || result[head]!=0)
#ifndef W
#define W 4
#endif
#define ROWS(w,p) (((w)==0)->0:(((p)==0)->(((w)==1)->2:1):(((w)==1||(w)==4)->1:0)))
#define ENC(w,r) ((w)*4+(r))
byte head=0, result[6]=0, cleaned=0;
byte truth[2]=0, position[2]=0, delivered=0;
byte owner[2]=0;                      /* the latest acquirer: what the epoch tells */
bit event[2]=0;
byte faults=0;
/* last window <= w with rows for p */
#define LASTROWS(w,p) (((p)==0)->(w):(((w)>=4)->4:(((w)>=1)->1:0)))
#define PASTC(p,w) (position[p]>=ENC(LASTROWS(w,p),ROWS(LASTROWS(w,p),p)))
#define PASTS(p,w) (position[p]>=ENC(w,ROWS(w,p)))
#if !PAST_BY_POSITION
#define PAST(p,w) PASTC(p,w)
#else
#define PAST(p,w) PASTS(p,w)
#endif
#define FROZEN(w) ((w)<=head && result[w]!=0)
#define OPENOK ((head<MAXOPEN) || (PAST(0,head+1-MAXOPEN) && PAST(1,head+1-MAXOPEN)))
/* some frozen window with rows that p is not past (rows: 1..4 for p0; 1 and 4 for p1) */
#define GO3 (NO_BARRIER || (PAST(0,2)&&PAST(1,2)))            /* nobody is called who would wait at a barrier */
#define GO4 (NO_BARRIER || ONE_SIDED || (PAST(0,3)&&PAST(1,3)))
#define NEEDR(p) ((FROZEN(1)&&!PASTC(p,1)) || (FROZEN(2)&&!PASTC(p,2)) || (GO3&&FROZEN(3)&&!PASTC(p,3)) || (GO4&&FROZEN(4)&&!PASTC(p,4)))
#define NEED(p) NEEDR(p)
#define ALLDONE (PAST(0,W) && PAST(1,W))
#define BAR(w) (!NO_BARRIER && ((w)==3 || (!ONE_SIDED && (w)==4)))
proctype planner(byte id){
  byte h,w; bit won;
  do
  :: atomic{ head<W && OPENOK && (!APPENDED_FIRST || AHEADOK) -> h=head }
     d_step{ won=0;
         if :: head==h -> won=1; head=h+1; assert(position[0]/4<head && position[1]/4<head); if :: !APPENDED_FIRST -> result[head]=id :: else fi
            :: else fi; if :: !OPENER_ALONE -> h=0; won=0 :: else fi }
     if :: OPENER_ALONE && won ->
             if :: faults<FAULTS -> faults++                                     /* crash */
                :: d_step{ if :: result[h+1]==0 -> result[h+1]=id :: else fi }
                   if :: faults<FAULTS -> faults++
                      :: d_step{ if :: NEED(0) -> event[0]=1 :: else fi; if :: NEED(1) -> event[1]=1 :: else fi }
                   fi
             fi
        :: else fi;
     d_step{ h=0; won=0 }
  :: atomic{ !OPENER_ALONE && APPENDED_FIRST && head>0 && (result[head]==0 || (head>1 && result[head-1]==0)) -> w=head; if :: result[w]!=0 -> w=head-1 :: else fi }
     d_step{ if :: FROZEN_BLINDLY || result[w]==0 -> result[w]=id :: else fi; w=0 }
  :: d_step{ !OPENER_ALONE && id==1 && event[0]==0 && NEED(0) -> event[0]=1 }
  :: d_step{ !OPENER_ALONE && id==1 && event[1]==0 && NEED(1) -> event[1]=1 }
  :: d_step{ CLEAN && id==1 && cleaned+1<=head-(1-HEAD_DELETED) && head>0 && result[cleaned+1]!=0 && PAST(0,cleaned+1) && PAST(1,cleaned+1) -> cleaned++;
             if :: HEAD_DELETED && cleaned==head -> head=0; cleaned=0; result[1]=0; result[2]=0; result[3]=0; result[4]=0 :: else fi }
  :: d_step{ ALLDONE && head==W -> skip } break
  od
}
proctype publisher(){
  byte p,pos,w,r,q,qw,el; bit ok;
  goto again;
work: skip;
     d_step{ owner[p]=_pid; pos=truth[p]; qw=0; q=0;
             if :: position[p]<pos -> position[p]=pos :: else fi; if :: position[p]>pos -> pos=position[p] :: else fi }
loop: skip;
     d_step{ w=pos/4; r=pos%4;
       if :: w==0 || r>=ROWS(w,p) -> w++; r=0 :: else fi;
       if :: !PAST_BY_POSITION ->                      /* skip windows without rows for p; what was cleaned has none */
             if :: w<=head && result[w]!=0 && ROWS(w,p)==0 -> w++ :: else fi;
             if :: w<=head && result[w]!=0 && ROWS(w,p)==0 -> w++ :: else fi
          :: else fi;
       ok=(w<=W && w<=head && result[w]!=0);
       if :: ok && BAR(w) && !(PAST(0,w-1) && PAST(1,w-1)) -> ok=0 :: else fi;
       if :: ok && qw!=w -> qw=w; q=result[w] :: else fi;
       if :: (q==1 && r==0) || (q==2 && r==1) -> el=1 :: else -> el=2 fi }
     if :: !ok -> goto out
        :: ok && faults<FAULTS -> faults++; goto out                    /* crash */
        :: ok && ROWS(w,p)==0 -> d_step{ if :: owner[p]==_pid -> position[p]=ENC(w,0); pos=ENC(w,0) :: else ok=0 fi }
        :: ok && ROWS(w,p)>0 ->
           d_step{ ok=0;
             if :: owner[p]==_pid -> ok=1;
               assert(w>cleaned);
               if :: p==0 && w==1 -> assert((delivered & el)==0); delivered=delivered|el :: else fi;
               if :: w==3 && !NO_BARRIER -> assert(truth[1]>=ENC(1,1) && truth[1]<ENC(4,1)) :: else fi;     /* old rows before, new rows after */
               if :: w==4 && !NO_BARRIER -> assert(truth[0]>=ENC(3,1)) :: else fi;
               truth[p]=ENC(w,r+1); pos=truth[p]
             :: else fi }
           if :: !ok -> goto out
              :: ok && faults<FAULTS -> faults++; goto out              /* crash between Kafka and the store */
              :: ok -> d_step{ if :: owner[p]==_pid && position[p]<pos -> position[p]=pos :: else fi }
           fi
     fi;
     if :: ok -> goto loop :: else fi;
out: skip;
     d_step{ p=0;pos=0;w=0;r=0;q=0;qw=0;el=0;ok=0 }
again: do
  :: d_step{ ALLDONE && head==W -> skip } goto end
  :: atomic{ event[0] -> p=0; event[0]=0; if :: skip :: faults<FAULTS -> faults++; event[0]=1 fi } goto work
  :: atomic{ event[1] -> p=1; event[1]=0; if :: skip :: faults<FAULTS -> faults++; event[1]=1 fi } goto work
  :: atomic{ event[0] && faults<FAULTS -> faults++; event[0]=0 }
  :: atomic{ event[1] && faults<FAULTS -> faults++; event[1]=0 }
  od;
end: skip
}
init{ atomic{ run planner(1); run planner(2); run publisher(); run publisher() } }

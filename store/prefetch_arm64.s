#include "textflag.h"

// func prefetchKey(shard, cell, leaf uintptr)
TEXT ·prefetchKey(SB), NOSPLIT, $0-24
	MOVD cell+8(FP), R1
	PRFM (R1), PLDL1KEEP
	MOVD shard+0(FP), R0
	PRFM (R0), PLDL1KEEP
	PRFM 64(R0), PLDL1KEEP
	PRFM 128(R0), PLDL1KEEP
	MOVD leaf+16(FP), R2
	PRFM (R2), PLDL1KEEP
	RET

// func prefetchEntry(at, last uintptr)
TEXT ·prefetchEntry(SB), NOSPLIT, $0-16
	MOVD at+0(FP), R0
	MOVD last+8(FP), R1
	PRFM (R0), PLDL1KEEP
	ADD  $64, R0
	CMP  R1, R0
	CSEL HI, R1, R0, R0
	PRFM (R0), PLDL1KEEP
	PRFM (R1), PLDL1KEEP
	RET

// func prefetchRest(at uintptr, lines int)
TEXT ·prefetchRest(SB), NOSPLIT, $0-16
	MOVD at+0(FP), R0
	MOVD lines+8(FP), R1
next:
	PRFM (R0), PLDL1KEEP
	ADD  $64, R0
	SUB  $1, R1
	CMP  $0, R1
	BGT  next
	RET

#include "textflag.h"

// func prefetchKey(shard, cell, leaf uintptr)
TEXT ·prefetchKey(SB), NOSPLIT, $0-24
	MOVQ cell+8(FP), BX
	PREFETCHT0 (BX)
	MOVQ shard+0(FP), AX
	PREFETCHT0 (AX)
	PREFETCHT0 64(AX)
	PREFETCHT0 128(AX)
	MOVQ leaf+16(FP), CX
	PREFETCHT0 (CX)
	RET

// func prefetchEntry(at, last uintptr)
TEXT ·prefetchEntry(SB), NOSPLIT, $0-16
	MOVQ at+0(FP), AX
	MOVQ last+8(FP), BX
	PREFETCHT0 (AX)
	ADDQ $64, AX
	CMPQ AX, BX
	CMOVQHI BX, AX
	PREFETCHT0 (AX)
	PREFETCHT0 (BX)
	RET

// func prefetchRest(at uintptr, lines int)
TEXT ·prefetchRest(SB), NOSPLIT, $0-16
	MOVQ at+0(FP), AX
	MOVQ lines+8(FP), CX
next:
	PREFETCHT0 (AX)
	ADDQ $64, AX
	DECQ CX
	JG   next
	RET

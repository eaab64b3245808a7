package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// slices returns where the elements of parameters begin, and how many they are.
func slices(names ...string) (bases []GPVirtual, length GPVirtual) {
	for _, name := range names {
		bases = append(bases, Load(Param(name).Base(), GP64()).(GPVirtual))
	}
	return bases, Load(Param(names[0]).Len(), GP64()).(GPVirtual)
}

// An access is one vector of each slice of a loop: whole, or under a mask.
type access struct {
	at   []Mem
	mask OpmaskVirtual
}

// Load returns the vector of a slice; beyond the mask it is 0.
func (a access) Load(slice int) VecVirtual {
	x := ZMM()
	if a.mask != nil {
		VMOVUPS_Z(a.at[slice], a.mask, x)
	} else {
		VMOVUPS(a.at[slice], x)
	}
	return x
}

// Store writes the vector of a slice, or what the mask has of it.
func (a access) Store(x VecVirtual, slice int) {
	if a.mask != nil {
		VMOVUPS(x, a.mask, a.at[slice])
	} else {
		VMOVUPS(x, a.at[slice])
	}
}

// loop emits body for every vector of slices, and for the rest under a mask. It
// leaves bases and length as they are.
func loop(name string, length GPVirtual, bases []GPVirtual, body func(a access)) {
	n, whole := GP64(), access{}
	MOVQ(length, n)
	var ps []GPVirtual
	for _, base := range bases {
		p := GP64()
		MOVQ(base, p)
		ps, whole.at = append(ps, p), append(whole.at, Mem{Base: p})
	}
	Label(name)
	CMPQ(n, Imm(lanes))
	JLT(LabelRef(name + "Rest"))
	body(whole)
	for _, p := range ps {
		ADDQ(Imm(bytes), p)
	}
	SUBQ(Imm(lanes), n)
	JMP(LabelRef(name))
	Label(name + "Rest")
	TESTQ(n, n)
	JE(LabelRef(name + "Done"))
	body(access{whole.at, laneMask(n)})
	Label(name + "Done")
}

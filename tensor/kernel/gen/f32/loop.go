package main

import (
	"strconv"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"

	"limbeck/tensor/kernel/gen/constants"
)

const (
	lanes = 8         // floats in a vector
	bytes = 4 * lanes // of a vector
)

// begin opens a routine that Go sees with that signature.
func begin(name, signature, doc string) {
	TEXT(name, NOSPLIT, signature)
	Pragma("noescape")
	Doc(name + " " + doc)
}

// tailMasks holds 8 lanes of ones, then 8 of zeros: a mask of n lanes starts
// 8-n lanes into it.
func tailMasks() Mem {
	return constants.Vector("tailMasks", 2*lanes, func(i int) Constant {
		if i < lanes {
			return U32(0xffffffff)
		}
		return U32(0)
	})
}

// laneMask returns a mask of the first n lanes, n ≤ 8.
func laneMask(n GPVirtual) VecVirtual {
	p, back := GP64(), GP64()
	LEAQ(tailMasks().Offset(bytes), p)
	MOVQ(n, back)
	NEGQ(back)
	mask := YMM()
	VMOVUPS(Mem{Base: p, Index: back, Scale: 4}, mask)
	return mask
}

// An access is how a loop's body reaches one vector of each of its slices.
type access struct {
	ptrs   []GPVirtual
	unroll int        // which copy of the body this is
	mask   VecVirtual // nil unless this is the tail
}

func (a access) mem(i int) Mem { return Mem{Base: a.ptrs[i], Disp: a.unroll * bytes} }

// Load returns the vector of slice i; lanes beyond its end are 0.
func (a access) Load(i int) VecVirtual {
	v := YMM()
	if a.mask != nil {
		VMASKMOVPS(a.mem(i), a.mask, v)
	} else {
		VMOVUPS(a.mem(i), v)
	}
	return v
}

// Store writes the vector of a slice, or what the mask has of it.
func (a access) Store(v VecVirtual, i int) {
	if a.mask != nil {
		VMASKMOVPS(v, a.mask, a.mem(i))
	} else {
		VMOVUPS(v, a.mem(i))
	}
}

// slices returns pointers to the named parameters.
func slices(names ...string) []GPVirtual {
	ptrs := make([]GPVirtual, len(names))
	for i, n := range names {
		ptrs[i] = Load(Param(n).Base(), GP64()).(GPVirtual)
	}
	return ptrs
}

func length(name string) GPVirtual { return Load(Param(name).Len(), GP64()).(GPVirtual) }

var loops int // numbers labels

// loop emits body for n elements: unroll vectors at a time, then one vector at a
// time, then the rest under a mask. It changes n and ptrs.
func loop(n GPVirtual, ptrs []GPVirtual, unroll int, body func(access)) {
	loops++
	id := strconv.Itoa(loops)
	steps := []int{unroll, 1}
	if unroll == 1 {
		steps = steps[1:]
	}
	for _, step := range steps {
		top, end := "loop"+id+"by"+strconv.Itoa(step), "end"+id+"by"+strconv.Itoa(step)
		Label(top)
		CMPQ(n, I32(int32(step*lanes)))
		JLT(LabelRef(end))
		for u := range step {
			body(access{ptrs: ptrs, unroll: u})
		}
		for _, p := range ptrs {
			ADDQ(I32(int32(step*bytes)), p)
		}
		SUBQ(I32(int32(step*lanes)), n)
		JMP(LabelRef(top))
		Label(end)
	}
	TESTQ(n, n)
	JE(LabelRef("done" + id))
	body(access{ptrs: ptrs, mask: laneMask(n)})
	Label("done" + id)
}

func zero() VecVirtual {
	v := YMM()
	VXORPS(v, v, v)
	return v
}

// accumulators returns n vectors of zeros.
func accumulators(n int) []VecVirtual {
	v := make([]VecVirtual, n)
	for i := range v {
		v[i] = zero()
	}
	return v
}

// fold combines the accumulators, then their lanes, by op, and returns the
// result in lane 0.
func fold(acc []VecVirtual, op func(a, b, dst Op)) VecVirtual {
	for n := len(acc) / 2; n > 0; n /= 2 {
		for i := range n {
			op(acc[i+n], acc[i], acc[i])
		}
	}
	s, t := acc[0].AsX(), XMM()
	VEXTRACTF128(U8(1), acc[0], t)
	op(t, s, s)
	VMOVHLPS(s, s, t)
	op(t, s, s)
	VMOVSHDUP(s, t)
	op(t, s, s)
	return acc[0]
}

func addPS(a, b, dst Op) { VADDPS(a, b, dst) }
func maxPS(a, b, dst Op) { VMAXPS(a, b, dst) }

// returnFloat returns lane 0 of v.
func returnFloat(v VecVirtual) {
	Store(v.AsX(), ReturnIndex(0))
	end()
}

func end() {
	VZEROUPPER()
	RET()
}

// broadcast returns all lanes set to the float32 parameter.
func broadcast(name string) VecVirtual {
	a, err := Param(name).Resolve()
	if err != nil {
		panic(err)
	}
	v := YMM()
	VBROADCASTSS(a.Addr, v)
	return v
}

// bits returns a vector in memory whose lanes all have these bits.
func bits(v uint32) Mem {
	return constants.Words("lanes"+strconv.FormatUint(uint64(v), 16), lanes, v)
}

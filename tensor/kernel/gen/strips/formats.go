package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"

	"limbeck/tensor/kernel/gen/constants"
)

// A format is how a row of a strip lies in memory.
type format struct {
	name    string
	width   int // channels
	bytes   int
	decoder func(t tier) decoder
}

// A decoder emits the decoding of the row at a place: what its vectors share at
// once, and each vector when it is called for.
type decoder func(Mem) []func() VecVirtual

var (
	f16  = format{"F16", 16, 32, halves}
	q8_0 = format{"Q8_0", 32, 34, int8s}
	q4_0 = format{"Q4_0", 32, 18, nibbles}
)

func halves(t tier) decoder {
	return func(at Mem) (out []func() VecVirtual) {
		for j := 0; j < 16; j += t.lanes {
			out = append(out, func() VecVirtual {
				v := t.register()
				VCVTPH2PS(at.Offset(2*j), v)
				return v
			})
		}
		return out
	}
}

// scale emits the f16 at a place in all lanes.
func (t tier) scale(at Mem) VecVirtual {
	v := t.register()
	if t.lanes == 16 {
		VPBROADCASTW(at, v.AsY())
		VCVTPH2PS(v.AsY(), v)
	} else {
		VPBROADCASTW(at, v.AsX())
		VCVTPH2PS(v.AsX(), v)
	}
	return v
}

func int8s(t tier) decoder {
	return func(at Mem) (out []func() VecVirtual) {
		d := t.scale(at)
		for j := 0; j < 32; j += t.lanes {
			out = append(out, func() VecVirtual {
				v := t.register()
				VPMOVSXBD(at.Offset(2+j), v)
				VCVTDQ2PS(v, v)
				VMULPS(d, v, v)
				return v
			})
		}
		return out
	}
}

// nibbles decodes the low nibbles of 16 bytes, then the high ones.
func nibbles(t tier) decoder {
	fifteen, eight := words("fifteen", 15), words("eight", 8)
	return func(at Mem) (out []func() VecVirtual) {
		d := t.scale(at)
		for j := 0; j < 32; j += t.lanes {
			out = append(out, func() VecVirtual {
				v := t.register()
				VPMOVZXBD(at.Offset(2+j%16), v)
				switch {
				case j >= 16:
					VPSRLD(U8(4), v, v)
				case t.lanes == 16:
					VPANDD(fifteen, v, v)
				default:
					VPAND(fifteen, v, v)
				}
				VPSUBD(eight, v, v)
				VCVTDQ2PS(v, v)
				VMULPS(d, v, v)
				return v
			})
		}
		return out
	}
}

// words returns 16 words in memory, all of that value.
func words(name string, v uint32) Mem { return constants.Words("strips"+name, 16, v) }

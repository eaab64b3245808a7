// Command half writes the kernels of the packed layouts of 16-bit floats: products with
// activations in f32, and the decoder of pairs of bf16.
package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"

	"limbeck/tensor/kernel/gen/constants"
	"limbeck/tensor/kernel/gen/places"
	"limbeck/tensor/kernel/gen/x16"
)

// columns are those of a block, of 16 weight rows each.
const (
	columns    = 8
	blockBytes = columns * 16 * 2
	wordBytes  = 4
)

// A format turns 16 of its floats in memory into f32: one vector, or two, in whose
// order the outputs come, which then have to be put into that of rows.
type format struct {
	name  string
	widen func(from Mem, to VecVirtual)
	two   func(from Mem, to [2]VecVirtual)
	order func(y [2]VecVirtual)
}

var formats = []format{
	{
		name:  "f16",
		widen: func(from Mem, to VecVirtual) { VCVTPH2PS(from, to) },
		two: func(from Mem, to [2]VecVirtual) {
			VCVTPH2PS(from, to[0])
			VCVTPH2PS(from.Offset(16), to[1])
		},
		order: func([2]VecVirtual) {},
	},
	{
		name: "bf16",
		widen: func(from Mem, to VecVirtual) {
			VPMOVZXWD(from, to)
			VPSLLD(Imm(16), to, to)
		},
		two: func(from Mem, to [2]VecVirtual) { // even rows, odd rows
			VMOVDQU(from, to[1])
			VPSLLD(Imm(16), to[1], to[0])
			VPAND(high16(), to[1], to[1])
		},
		order: func(y [2]VecVirtual) {
			low, high := YMM(), YMM()
			VUNPCKLPS(y[1], y[0], low)  // rows 0 to 3 and 8 to 11
			VUNPCKHPS(y[1], y[0], high) // rows 4 to 7 and 12 to 15
			VPERM2F128(Imm(0x20), high, low, y[0])
			VPERM2F128(Imm(0x31), high, low, y[1])
		},
	},
}

// high16 returns, in memory, ones in the upper half of each of 8 words.
func high16() Mem { return constants.Words("halfHigh16", 8, 0xffff0000) }

func main() {
	ConstraintExpr("!purego")
	for _, f := range formats {
		for n := 1; n <= 6; n++ {
			avx2(f, n)
		}
		for n := 1; n <= 8; n++ {
			avx512(f, n)
		}
	}
	pairsPanel()
	Generate()
}

// pairsPanel emits the decoder of a group of pairs.
func pairsPanel() {
	TEXT("bf16PairsPanel", NOSPLIT, "func(dst *float32, w *byte, blocks int)")
	Pragma("noescape")
	Doc("bf16PairsPanel decodes pairs of 16 rows, column by column.")
	dst, w, left := Load(Param("dst"), GP64()), Load(Param("w"), GP64()), Load(Param("blocks"), GP64())
	mask := YMM()
	VMOVDQU(high16(), mask)
	Label("pair")
	for half := range 2 {
		pairs, low := YMM(), YMM()
		VMOVDQU(Mem{Base: w, Disp: 32 * half}, pairs)
		VPSLLD(Imm(16), pairs, low)
		VPAND(mask, pairs, pairs)
		VMOVDQU(low, Mem{Base: dst, Disp: 32 * half})
		VMOVDQU(pairs, Mem{Base: dst, Disp: 64 + 32*half})
	}
	ADDQ(Imm(64), w)
	ADDQ(U32(128), dst)
	DECQ(left)
	JNE(LabelRef("pair"))
	VZEROUPPER()
	RET()
}

// A tile is what the kernels of both tiers share: n activation rows by whole
// groups of 16 rows.
type tile struct {
	n    int
	x    places.Places
	w, y Register
}

// product emits the loops over groups and blocks. clear and store begin and end
// a group, column adds the products of one.
func (t *tile) product(clear func(), column func(i int), store func()) {
	x16.OverGroups([]Register{t.w}, t.x, blockBytes, columns*wordBytes, clear, func() {
		for i := range columns {
			column(i)
		}
		t.x.Advance(Imm(columns * wordBytes))
	}, func() {
		store()
		ADDQ(Imm(64), t.y)
	})
}

// begin begins a kernel.
func begin(f format, tier string, n int, doc string) {
	name := fmt.Sprintf("%sx16%s%d", f.name, tier, n)
	TEXT(name, NOSPLIT, x16.Signature)
	Pragma("noescape")
	Doc(fmt.Sprintf("%s multiplies %d activation rows by groups of 16 rows of %s.", name, n, f.name), doc)
}

// load loads the parameters.
func load(n int) *tile {
	t := &tile{n: n}
	t.y, t.w, t.x = x16.Operands(n)
	return t
}

// rows addresses the outputs of each activation row in turn.
func (t *tile) rows(do func(i int, at Register)) {
	at := GP64()
	MOVQ(t.y, at)
	for i := range t.n {
		if i > 0 {
			ADDQ(x16.Ldy(), at)
		}
		do(i, at)
	}
}

func avx512(f format, n int) {
	begin(f, "v", n, "Strides are in bytes; of a group's outputs those of lanes are written.")
	t := load(n)
	var acc []VecVirtual
	for range n {
		acc = append(acc, ZMM())
	}
	t.product(func() {
		for _, a := range acc {
			VXORPS(a, a, a)
		}
	}, func(c int) {
		if 32*c%64 == 0 {
			x16.Fetch(x16.AheadAVX512, t.w, 32*c, 64)
		}
		w := ZMM()
		f.widen(Mem{Base: t.w, Disp: 32 * c}, w)
		for i, a := range acc {
			VFMADD231PS_BCST(t.x.At(i, wordBytes*c), w, a)
		}
	}, func() {
		lanes := K()
		KMOVW(x16.Lanes(), lanes)
		t.rows(func(i int, at Register) { VMOVUPS(acc[i], lanes, Mem{Base: at}) })
	})
	VZEROUPPER()
	RET()
}

func avx2(f format, n int) {
	begin(f, "n", n, "Strides are in bytes; lanes leave out outputs of a single group.")
	copyLanes := x16.WholeOutputs(n)
	t := load(n)
	var acc [][2]VecVirtual
	for range n {
		acc = append(acc, [2]VecVirtual{YMM(), YMM()})
	}
	t.product(func() {
		for _, a := range acc {
			VXORPS(a[0], a[0], a[0])
			VXORPS(a[1], a[1], a[1])
		}
	}, func(c int) {
		if 32*c%64 == 0 {
			x16.FetchAVX2(n, x16.AheadAVX2, t.w, 32*c, 64)
		}
		w := [2]VecVirtual{YMM(), YMM()}
		f.two(Mem{Base: t.w, Disp: 32 * c}, w)
		for i, a := range acc {
			b := YMM()
			VBROADCASTSS(t.x.At(i, wordBytes*c), b)
			VFMADD231PS(w[0], b, a[0])
			VFMADD231PS(w[1], b, a[1])
		}
	}, func() {
		t.rows(func(i int, at Register) {
			f.order(acc[i])
			VMOVUPS(acc[i][0], Mem{Base: at})
			VMOVUPS(acc[i][1], Mem{Base: at, Disp: 32})
		})
	})
	copyLanes()
	VZEROUPPER()
	RET()
}

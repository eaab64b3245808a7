package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"

	"limbeck/tensor/kernel/gen/constants"
)

func norm() {
	elementwise("mulScaledAVX2", "func(y, x, w []float32, r float32)", "is mulScaledGeneric.",
		[]string{"y", "x", "w"}, []string{"r"}, func(a access, c []VecVirtual) {
			x := a.Load(1)
			VMULPS(c[0], x, x)
			VMULPS(a.Load(2), x, x)
			a.Store(x, 0)
		})
	elementwise("normGradAVX2", "func(dx, dy, x, w []float32, r, m float32)", "is normGradGeneric.",
		[]string{"dx", "dy", "x", "w"}, []string{"r", "m"}, func(a access, c []VecVirtual) {
			x, t := a.Load(2), a.Load(1)
			VMULPS(a.Load(3), t, t)
			VFNMADD231PS(x, c[1], t)
			dx := a.Load(0)
			VFMADD231PS(t, c[0], dx)
			a.Store(dx, 0)
		})
	elementwise("softmaxGradAVX2", "func(dp, p []float32, sum, scale float32)", "is softmaxGradGeneric.",
		[]string{"dp", "p"}, []string{"sum", "scale"}, func(a access, c []VecVirtual) {
			d, p := a.Load(0), a.Load(1)
			VSUBPS(c[0], d, d)
			VMULPS(c[1], p, p)
			VMULPS(p, d, d)
			a.Store(d, 0)
		})
	elementwise("addMulAVX2", "func(z, x, y []float32, a float32)", "is addMulGeneric.",
		[]string{"z", "x", "y"}, []string{"a"}, func(a access, c []VecVirtual) {
			x := a.Load(1)
			VMULPS(a.Load(2), x, x)
			z := a.Load(0)
			VFMADD231PS(x, c[0], z)
			a.Store(z, 0)
		})
}

func rope() {
	begin("ropeAVX2", "func(x, cos, sin []float32, sign float32)", "is ropeGeneric.")
	sign := broadcast("sign")
	p, n := slices("x", "cos", "sin"), length("cos")
	// The lane of 4 for each lane of 8.
	twice := constants.Vector("twice", lanes, func(i int) Constant { return U32(i / 2) })
	pick := YMM()
	VMOVUPS(twice, pick)
	const pairs = lanes / 2
	rotate := func(x, c, s VecVirtual) {
		VPERMPS(c, pick, c)
		VPERMPS(s, pick, s)
		VMULPS(sign, s, s)
		other := YMM()
		VPERMILPS(U8(0xb1), x, other)
		VMULPS(s, other, other)
		VFMADDSUB213PS(other, c, x)
	}
	Label("pairs")
	CMPQ(n, Imm(pairs))
	JLT(LabelRef("rest"))
	x, c, s := YMM(), YMM(), YMM()
	VMOVUPS(Mem{Base: p[0]}, x)
	VMOVUPS(Mem{Base: p[1]}, c.AsX())
	VMOVUPS(Mem{Base: p[2]}, s.AsX())
	rotate(x, c, s)
	VMOVUPS(x, Mem{Base: p[0]})
	ADDQ(Imm(bytes), p[0])
	ADDQ(Imm(bytes/2), p[1])
	ADDQ(Imm(bytes/2), p[2])
	SUBQ(Imm(pairs), n)
	JMP(LabelRef("pairs"))
	Label("rest")
	TESTQ(n, n)
	JE(LabelRef("done"))
	half := laneMask(n)
	ADDQ(n, n)
	full := laneMask(n)
	VMASKMOVPS(Mem{Base: p[0]}, full, x)
	VMASKMOVPS(Mem{Base: p[1]}, half.AsX(), c.AsX())
	VMASKMOVPS(Mem{Base: p[2]}, half.AsX(), s.AsX())
	rotate(x, c, s)
	VMASKMOVPS(x, full, Mem{Base: p[0]})
	Label("done")
	end()
}

// adamW repeats adamWGeneric without fusing, so that both give the same bits.
func adamW() {
	begin("adamWAVX2", "func(w, g, m, v []float32, c *[8]float32)", "is adamWGeneric; c are the constants in order.")
	consts := Load(Param("c"), GP64()).(GPVirtual)
	c := make([]VecVirtual, 8)
	for i := range c {
		c[i] = YMM()
		VBROADCASTSS(Mem{Base: consts, Disp: 4 * i}, c[i])
	}
	scale, keep, new1, beta2, new2, root, eps, step := c[0], c[1], c[2], c[3], c[4], c[5], c[6], c[7]
	ptrs, n := slices("w", "g", "m", "v"), length("w")
	loop(n, ptrs, 1, func(a access) {
		d, m, t := a.Load(1), a.Load(2), YMM()
		VMULPS(scale, d, d)
		VSUBPS(m, d, t)
		VMULPS(new1, t, t)
		VADDPS(t, m, m)
		a.Store(m, 2)
		v := a.Load(3)
		VMULPS(beta2, v, v)
		VMULPS(new2, d, t)
		VMULPS(d, t, t)
		VADDPS(t, v, v)
		a.Store(v, 3)
		VSQRTPS(v, v)
		VDIVPS(root, v, v)
		VADDPS(eps, v, v)
		VMULPS(step, m, m)
		VDIVPS(v, m, m)
		w := a.Load(0)
		VMULPS(keep, w, w)
		VADDPS(m, w, w)
		a.Store(w, 0)
	})
	end()
}

// convert emits conversions of n floats, n a multiple of 8.
func convert() {
	decode := func(name, doc string, body func(m Mem, v VecVirtual)) {
		begin(name, "func(dst []float32, src []byte)", doc)
		p, n := slices("dst", "src"), length("dst")
		eight(n, p, []int{bytes, bytes / 2}, func() {
			v := YMM()
			body(Mem{Base: p[1]}, v)
			VMOVUPS(v, Mem{Base: p[0]})
		})
	}
	encode := func(name, doc string, body func(v VecVirtual, m Mem)) {
		begin(name, "func(dst []byte, src []float32)", doc)
		p, n := slices("dst", "src"), length("src")
		eight(n, p, []int{bytes / 2, bytes}, func() {
			v := YMM()
			VMOVUPS(Mem{Base: p[1]}, v)
			body(v, Mem{Base: p[0]})
		})
	}
	const doc = "takes a multiple of 8 floats."
	decode("f16ToF32AVX2", doc, func(m Mem, v VecVirtual) { VCVTPH2PS(m, v) })
	decode("bf16ToF32AVX2", doc, func(m Mem, v VecVirtual) {
		VPMOVZXWD(m, v)
		VPSLLD(U8(16), v, v)
	})
	encode("f32ToF16AVX2", doc, func(v VecVirtual, m Mem) { VCVTPS2PH(U8(0), v, m) })
	encode("f32ToBF16AVX2", doc, func(v VecVirtual, m Mem) {
		roundBF16(v)
		VPSRLD(U8(16), v, v)
		high := XMM()
		VEXTRACTI128(U8(1), v, high)
		VPACKUSDW(high, v.AsX(), high)
		VMOVDQU(high, m)
	})
}

// roundBF16 makes the upper halves of v's lanes what bf16 rounds them to.
func roundBF16(v VecVirtual) {
	nan, quiet, odd := YMM(), YMM(), YMM()
	VCMPPS(U8(3), v, v, nan)
	VPOR(bits(1<<22), v, quiet)
	VPSRLD(U8(16), v, odd)
	VPAND(bits(1), odd, odd)
	VPADDD(bits(0x7fff), v, v)
	VPADDD(odd, v, v)
	VBLENDVPS(nan, quiet, v, v)
}

// pairRows emits the rounding of two rows to pairs of bf16.
func pairRows() {
	elementwise("pairRowsAVX2", "func(dst, low, high []float32)", "is pairRowsGeneric.", []string{"dst", "low", "high"}, nil,
		func(a access, _ []VecVirtual) {
			low, high := a.Load(1), a.Load(2)
			roundBF16(low)
			roundBF16(high)
			VPSRLD(U8(16), low, low)
			VPAND(bits(0xffff0000), high, high)
			VPOR(high, low, low)
			a.Store(low, 0)
		})
}

// eight emits body for each 8 of n elements, and moves the pointers by steps.
func eight(n GPVirtual, ptrs []GPVirtual, steps []int, body func()) {
	Label("next")
	CMPQ(n, Imm(lanes))
	JLT(LabelRef("done"))
	body()
	for i, p := range ptrs {
		ADDQ(Imm(uint64(steps[i])), p)
	}
	SUBQ(Imm(lanes), n)
	JMP(LabelRef("next"))
	Label("done")
	end()
}

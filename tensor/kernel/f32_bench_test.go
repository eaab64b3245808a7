package kernel

import (
	"math/rand/v2"
	"testing"
)

// benchTiers runs f for each tier, with n elements that take that many bytes of
// memory traffic each.
func benchTiers(b *testing.B, bytes int, f func(n int)) {
	const n = 4096
	was := current
	defer setTier(was)
	for c := tierGeneric; c <= bestTier(); c++ {
		setTier(c)
		b.Run(c.String(), func(b *testing.B) {
			s := fastest(b, func() { f(n) })
			b.ReportMetric(float64(n*bytes)/s/1e9, "GB/s")
		})
	}
}

func BenchmarkLoops(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	v := [5][]float32{}
	for i := range v {
		v[i] = randoms(r, 4096)
	}
	raw := make([]byte, 2*4096)
	cos, sin := v[3][:2048], v[4][:2048]
	m2 := make([]float32, 4096)
	for _, c := range []struct {
		name  string
		bytes int
		run   func(int)
	}{
		{"Dot", 8, func(int) { Dot(v[0], v[1]) }},
		{"Axpy", 12, func(int) { Axpy(1e-9, v[0], v[1]) }},
		{"Exp", 8, func(int) { Exp(v[2], v[0]) }},
		{"SumExp", 4, func(int) { SumExp(v[0], 10) }},
		{"LogSumExp", 8, func(int) { LogSumExp(v[0]) }},
		{"AddSoftmax", 12, func(int) { AddSoftmax(v[2], v[0], 10, 1e-9) }},
		{"SwiGLU", 12, func(int) { SwiGLU(v[2], v[0], v[1]) }},
		{"SwiGLUGrad", 28, func(int) { SwiGLUGrad(v[2], v[3], v[4], v[0], v[1]) }},
		{"RMSNorm", 12, func(int) { RMSNorm(v[2], v[0], v[1], 1e-5) }},
		{"RMSNormGrad", 40, func(int) { RMSNormGrad(v[2], v[3], v[4], v[0], v[1], 1e-5) }},
		{"RoPE", 12, func(int) { RoPE(v[0], cos, sin) }},
		{"AdamW", 28, func(int) { AdamW(v[2], v[0], v[1], m2, adamWSettings) }},
		{"F16ToF32", 6, func(int) { F16ToF32(v[2], raw) }},
		{"F32ToF16", 6, func(int) { F32ToF16(raw, v[0]) }},
		{"F32ToBF16", 6, func(int) { F32ToBF16(raw, v[0]) }},
	} {
		b.Run(c.name, func(b *testing.B) { benchTiers(b, c.bytes, c.run) })
	}
}

// BenchmarkMulPanels multiplies from the first-level cache; BenchmarkPeakFMA is
// what it could reach.
func BenchmarkMulPanels(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	const rows, k, cols = 96, 128, 2 * PanelWidth
	a, panels, c := matrix(r, rows, k, 0, false), randoms(r, k*cols), make([]float32, rows*cols)
	was := current
	defer setTier(was)
	for t := tierGeneric; t <= bestTier(); t++ {
		setTier(t)
		b.Run(t.String(), func(b *testing.B) {
			s := fastest(b, func() { MulPanels(c, cols, a, panels, k*PanelWidth, cols, false) })
			b.ReportMetric(2*rows*k*cols/s/1e9, "GFLOP/s")
		})
	}
}

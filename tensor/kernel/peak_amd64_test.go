//go:build !purego

package kernel

import "testing"

// BenchmarkPeakFMA is the limit for every product of floats on one core.
func BenchmarkPeakFMA(b *testing.B) {
	if bestTier() < tierAVX2 {
		b.Skip("no FMA")
	}
	const n = 100_000
	s := fastest(b, func() { peakFMAAVX2(n) })
	b.ReportMetric(2*12*8*n/s/1e9, "GFLOP/s")
}

// BenchmarkPeakDot is the limit for every product of int8 on one core.
func BenchmarkPeakDot(b *testing.B) {
	if bestTier() < tierAVX512 {
		b.Skip("no VNNI")
	}
	const n = 100_000
	s := fastest(b, func() { peakDotVNNI(n) })
	b.ReportMetric(2*12*64*n/s/1e9, "GOP/s")
}

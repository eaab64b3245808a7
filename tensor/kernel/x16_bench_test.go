package kernel

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// fastest runs f as b asks and returns the time of the fastest run: on a
// machine that others use too, the figure that belongs to the code.
func fastest(b *testing.B, f func()) float64 {
	best := time.Duration(1 << 62)
	for b.Loop() {
		start := time.Now()
		f()
		best = min(best, time.Since(start))
	}
	return best.Seconds()
}

// walkBytes is far more than the caches hold; a benchmark of memory walks
// through it in pieces short enough to be undisturbed now and then.
const walkBytes = 128 << 20

// fastTiersBench runs f for every tier above the generic one.
func fastTiersBench(b *testing.B, f func(b *testing.B)) {
	for c := tierGeneric + 1; c <= bestTier(); c++ {
		inTier(c, func() { b.Run(c.String(), f) })
	}
}

// usedTiersBench runs g for those of them that use format f.
func usedTiersBench(b *testing.B, f *packedFormat, g func(b *testing.B)) {
	fastTiersBench(b, func(b *testing.B) {
		if !f.used() {
			b.Skip("no product of this tier")
		}
		g(b)
	})
}

// BenchmarkMatVec multiplies one row by matrices that are not in cache. The
// limit is the rate at which one core reads memory, BenchmarkMemoryRead.
func BenchmarkMatVec(b *testing.B) {
	const rows, cols = 4096, 512
	p := filledBytes(walkBytes)
	y := make([]float32, rows)
	for _, f := range packedFormats {
		x := randomActivations(rand.New(rand.NewPCG(1, 9)), f.layout.X, 1, cols)
		b.Run(f.layout.Name, func(b *testing.B) {
			usedTiersBench(b, &f, func(b *testing.B) {
				size, at := f.layout.Bytes(rows, cols), 0
				s := fastest(b, func() {
					f.layout.MatMul(y, rows, x, 1, p[at:], rows, cols, 0, rows/GroupRows)
					if at += size; at+size > len(p) {
						at = 0
					}
				})
				b.ReportMetric(float64(size)/s/1e9, "GB/s")
			})
		})
	}
}

// BenchmarkMemoryRead searches memory for a byte that is not there.
func BenchmarkMemoryRead(b *testing.B) {
	const size = 2 << 20
	p, at := filledBytes(walkBytes), 0
	s := fastest(b, func() {
		bytes.IndexByte(p[at:at+size], 255)
		at = (at + size) % len(p)
	})
	b.ReportMetric(size/s/1e9, "GB/s")
}

// filledBytes returns n bytes, none of them 255, in pages of their own.
func filledBytes(n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(i % 200)
	}
	return p
}

// BenchmarkMatMul multiplies rows by a matrix in cache, few as when sequences
// are decoded together, many as of a prompt; an operation is a multiplication or
// an addition. BenchmarkPeakDot is the limit of AVX-512.
func BenchmarkMatMul(b *testing.B) {
	const rows, cols = 576, 1536
	r := rand.New(rand.NewPCG(1, 9))
	for _, f := range packedFormats {
		p := pack(f.layout, f.random(r, rows, cols), rows, cols)
		for _, n := range []int{1, 2, 3, 5, 7, 8, 13, 16, 32, 48, 512} {
			x := randomActivations(r, f.layout.X, n, cols)
			y := make([]float32, n*rows)
			b.Run(fmt.Sprintf("%s/n=%d", f.layout.Name, n), func(b *testing.B) {
				usedTiersBench(b, &f, func(b *testing.B) {
					s := fastest(b, func() { f.layout.MatMul(y, rows, x, n, p, rows, cols, 0, groups(rows)) })
					b.ReportMetric(2*float64(n*rows*cols)/s/1e9, "GOP/s")
				})
			})
		}
	}
}

func BenchmarkPack(b *testing.B) {
	const rows, cols = 1536, 512
	for _, f := range packedFormats {
		b.Run(f.layout.Name, func(b *testing.B) {
			m := f.random(rand.New(rand.NewPCG(1, 9)), rows, cols)
			p := make([]byte, f.layout.Bytes(rows, cols))
			s := fastest(b, func() { f.layout.Pack(p, m, rows, cols, 0, groups(rows)) })
			b.ReportMetric(float64(len(m))/s/1e9, "GB/s")
		})
	}
}

// BenchmarkPackOnce packs matrices that are not in cache to memory that is, as a
// first token's products do; the rate counts what is read. BenchmarkMemoryRead is
// the limit.
func BenchmarkPackOnce(b *testing.B) {
	const rows, cols, calls = 4 * GroupRows, 2048, 8
	m := filledBytes(walkBytes)
	for _, f := range packedFormats {
		b.Run(f.layout.Name, func(b *testing.B) {
			p := make([]byte, f.layout.Bytes(rows, cols))
			size, at := rows*cols/f.len*f.size, 0
			s := fastest(b, func() {
				for range calls {
					f.layout.Pack(p, m[at:], rows, cols, 0, groups(rows))
					if at += size; at+size > len(m) {
						at = 0
					}
				}
			})
			b.ReportMetric(calls*float64(size)/s/1e9, "GB/s")
		})
	}
}

// BenchmarkDecodePanel decodes to a buffer in cache; the rate counts floats written.
func BenchmarkDecodePanel(b *testing.B) {
	const cols = 512
	for _, f := range packedFormats {
		b.Run(f.layout.Name, func(b *testing.B) {
			p := pack(f.layout, f.random(rand.New(rand.NewPCG(1, 9)), GroupRows, cols), GroupRows, cols)
			panel := make([]float32, cols*GroupRows)
			s := fastest(b, func() { f.layout.DecodePanel(panel, p, cols, 0) })
			b.ReportMetric(float64(4*len(panel))/s/1e9, "GB/s")
		})
	}
}

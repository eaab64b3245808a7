package steps

import (
	"math"
	"sync"
	"sync/atomic"
	"time"

	"limbeck/internal/par"
	"limbeck/measure"
	"limbeck/nn/op"
	"limbeck/tensor"
	"limbeck/tensor/dtype"
	"limbeck/tensor/kernel"
)

// Slices in which the machine's rates are measured: the best counts, since
// others may use the cores meanwhile, but not for as long as a training takes.
const (
	rateSlices = 12
	rateSlice  = 30 * time.Millisecond
	rateSize   = 512 // rows and columns of what is multiplied
)

// predictThreads is how many threads predictions count with; 0: one a core.
var predictThreads atomic.Int32

// PredictFor makes predictions those of so many threads; 0: one a core. The machine's
// rates are measured once, so it comes before the first prediction.
func PredictFor(threads int) { predictThreads.Store(int32(threads)) }

func predictPool() *par.Pool { return par.New(int(predictThreads.Load())) }

// countedThreads is how many threads that is.
func countedThreads() int {
	pool := predictPool()
	defer pool.Close()
	return pool.Threads()
}

// The floating-point operations a second of a matrix product on these threads, in
// f32, in bf16, and of int8 activations by packed weights, each measured once.
var (
	f32Rate  = sync.OnceValue(func() float64 { return gemmRate(false) })
	bf16Rate = sync.OnceValue(func() float64 { return gemmRate(true) })
	int8Rate = sync.OnceValue(packedRate)
)

func gemmRate(bf16 bool) float64 {
	pool := predictPool()
	defer pool.Close()
	const n = rateSize
	x := rateNumbers(3 * n * n)
	a, b, c := kernel.Dense(x[:n*n], n, n), kernel.Dense(x[n*n:2*n*n], n, n), kernel.Dense(x[2*n*n:], n, n)
	g := op.GEMM{BF16: bf16}
	return bestRate(func() { g.Mul(pool, c, a, b, false) })
}

// drawTime is what a draw of one item takes, in seconds, where the constants hold that count
// what computes one number at a time. It is fitted to two processors: a Zen 3, on which
// they were measured, and a Zen 5, which draws in less than half of it, and takes less
// than half of what they say.
const drawTime = 8e-9

// slowness is how many times longer such work takes here.
var slowness = sync.OnceValue(func() float64 {
	const items, resamples = 1000, 1000
	a, b := make([]float64, items), make([]float64, items)
	for i := range a {
		a[i], b[i] = float64(i%2), float64(i%3%2)
	}
	boot := measure.Bootstrap{Resamples: resamples, Seed: 1}
	best := math.Inf(1)
	for range rateSlices {
		start := time.Now()
		boot.Compare(measure.Average, a, b)
		best = min(best, time.Since(start).Seconds())
	}
	return best / (items * resamples * drawTime)
})

func packedRate() float64 {
	pool := predictPool()
	defer pool.Close()
	w := op.Shaped(rateSize, rateSize)
	if err := w.Set(tensor.New("rate", dtype.Q8_0, rateSize, rateSize)); err != nil {
		panic(err) // a shape that we made
	}
	w.Pack(pool, nil)
	tape := op.NewTape(pool)
	x := rateNumbers(rateSize * rateSize)
	return bestRate(func() {
		tape.Reset()
		v := tape.Value(rateSize, rateSize)
		copy(v.Data, x)
		op.MatMul(tape, v, w)
	})
}

// rateNumbers returns n numbers that are neither zero nor large.
func rateNumbers(n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(i%7) - 3
	}
	return x
}

// bestRate returns the operations a second of multiply, a product of squares.
func bestRate(multiply func()) float64 {
	multiply() // reserves memory
	best := 0.0
	for range rateSlices {
		start, products := time.Now(), 0
		for time.Since(start) < rateSlice {
			multiply()
			products++
		}
		best = max(best, 2*rateSize*rateSize*rateSize*float64(products)/time.Since(start).Seconds())
	}
	return best
}

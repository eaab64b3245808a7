package steps

import (
	"math"
	"sync"
	"sync/atomic"
	"time"

	"limbeck/internal/machine"
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

// rates are what the machine does, each measured once, in its best slice; int8 is that of
// activations by packed weights.
type rates struct {
	f32, bf16, int8 float64 // operations a second of a matrix product on these threads
	draw            float64 // seconds that a draw of one item takes
}

func f32Rate() float64  { return machineRates().f32 }
func bf16Rate() float64 { return machineRates().bf16 }
func int8Rate() float64 { return machineRates().int8 }

// drawTime is what a draw of one item takes, in seconds, where the constants hold that count
// what computes one number at a time. It is fitted to two processors: a Zen 3, on which
// they were measured, and a Zen 5, which draws in less than half of it, and takes less
// than half of what they say.
const drawTime = 8e-9

// slowness is how many times longer such work takes here.
func slowness() float64 { return machineRates().draw / drawTime }

// machineRates measures all in turn in each round: a moment in which others have the cores
// slows some slices of each, and all of none.
var machineRates = sync.OnceValue(func() (r rates) {
	pool := predictPool()
	defer pool.Close()
	f32, bf16, int8 := denseProduct(pool, false), denseProduct(pool, true), packedProduct(pool)
	r.draw = math.Inf(1)
	for range rateSlices {
		r.f32 = max(r.f32, sliceRate(f32))
		r.int8 = max(r.int8, sliceRate(int8))
		if machine.FastBF16() {
			r.bf16 = max(r.bf16, sliceRate(bf16))
		}
		r.draw = min(r.draw, secondsOfDraw())
	}
	if !machine.FastBF16() {
		r.bf16 = r.f32
	}
	return r
})

// denseProduct returns a product of squares of rateSize that are not packed before.
func denseProduct(pool *par.Pool, bf16 bool) func() {
	const n = rateSize
	x := rateNumbers(3 * n * n)
	a, b, c := kernel.Dense(x[:n*n], n, n), kernel.Dense(x[n*n:2*n*n], n, n), kernel.Dense(x[2*n*n:], n, n)
	g := op.GEMM{BF16: bf16}
	return func() { g.Mul(pool, c, a, b, false) }
}

// packedProduct returns one of activations by packed weights.
func packedProduct(pool *par.Pool) func() {
	w := op.Shaped(rateSize, rateSize)
	if err := w.Set(tensor.New("rate", dtype.Q8_0, rateSize, rateSize)); err != nil {
		panic(err) // a shape that we made
	}
	w.Pack(pool, nil)
	tape := op.NewTape(pool)
	x := rateNumbers(rateSize * rateSize)
	return func() {
		tape.Reset()
		v := tape.Value(rateSize, rateSize)
		copy(v.Data, x)
		op.MatMul(tape, v, w)
	}
}

// secondsOfDraw returns the seconds that a draw of one item takes now.
func secondsOfDraw() float64 {
	const items, resamples = 1000, 1000
	a, b := make([]float64, items), make([]float64, items)
	for i := range a {
		a[i], b[i] = float64(i%2), float64(i%3%2)
	}
	boot := measure.Bootstrap{Resamples: resamples, Seed: 1}
	start := time.Now()
	boot.Compare(measure.Average, a, b)
	return time.Since(start).Seconds() / (items * resamples)
}

// rateNumbers returns n numbers that are neither zero nor large.
func rateNumbers(n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(i%7) - 3
	}
	return x
}

// sliceRate returns the operations a second of multiply, a product of squares, in a slice.
func sliceRate(multiply func()) float64 {
	start, products := time.Now(), 0
	for time.Since(start) < rateSlice {
		multiply()
		products++
	}
	return 2 * rateSize * rateSize * rateSize * float64(products) / time.Since(start).Seconds()
}

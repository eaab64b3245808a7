package steps

import (
	"sync"
	"sync/atomic"
	"time"

	"limbeck/internal/par"
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

package train

import (
	"math"

	"limbeck/internal/par"
	"limbeck/nn/op"
	"limbeck/tensor/kernel"
)

// An optimizer is AdamW over a set of weights: Loshchilov and Hutter 2019,
// arXiv:1711.05101, alg. 2. Vectors (norms and biases) do not decay.
type optimizer struct {
	o       *Options
	pool    *par.Pool
	weights []*op.Weight
	own     int         // so many are the model's; later ones are matrices, even adapters of 1 row
	m, v    [][]float32 // first and second moments, by weight
	pieces  []piece

	params  kernel.AdamWParams
	squares []float64 // of the gradient's elements, by piece
	mem     [][]byte  // to round weights, by worker
	norm    bool      // the task at hand: norm, or step
}

// A piece is part of one weight. Pieces are cut by size alone, so that sums
// over them have one order.
type piece struct{ weight, lo, hi int }

const pieceFloats = 1 << 16 // whole blocks of any format

func newOptimizer(o *Options, pool *par.Pool, weights []*op.Weight, own int) *optimizer {
	z := &optimizer{o: o, pool: pool, weights: weights, own: own}
	for i, w := range weights {
		n := w.Rows * w.Cols
		z.m, z.v = append(z.m, op.LargeFloats(n)), append(z.v, op.LargeFloats(n))
		for lo := 0; lo < n; lo += pieceFloats {
			z.pieces = append(z.pieces, piece{i, lo, min(lo+pieceFloats, n)})
		}
	}
	z.squares = make([]float64, len(z.pieces))
	z.mem = make([][]byte, pool.Threads())
	for i := range z.mem {
		z.mem[i] = make([]byte, op.RoundBytes)
	}
	return z
}

// gradNorm returns the Euclidean norm of all gradients together.
func (z *optimizer) gradNorm() float64 {
	for _, w := range z.weights {
		w.SettleGrad()
	}
	z.norm = true
	z.pool.Run(z, len(z.pieces))
	var sum float64
	for _, s := range z.squares {
		sum += s
	}
	return math.Sqrt(sum)
}

// step makes step i, counted from 0, and forgets the gradients, whose norm is
// given.
func (z *optimizer) step(i int, rate, norm float64) {
	o := z.o
	z.params = kernel.AdamWParams{
		LR: rate, Beta1: o.Beta1, Beta2: o.Beta2, Eps: o.Eps, Scale: 1,
		Correction1: 1 - math.Pow(o.Beta1, float64(i+1)),
		Correction2: 1 - math.Pow(o.Beta2, float64(i+1)),
	}
	if o.Clip > 0 && norm > o.Clip {
		z.params.Scale = o.Clip / (norm + 1e-6) // as torch.nn.utils.clip_grad_norm_
	}
	z.norm = false
	z.pool.Run(z, len(z.pieces))
	z.forget()
}

// forget makes all gradients zero.
func (z *optimizer) forget() {
	for _, w := range z.weights {
		w.ForgetGrad()
	}
}

// Do measures or moves one piece.
func (z *optimizer) Do(worker, i int) {
	p := z.pieces[i]
	w := z.weights[p.weight]
	g := w.Grad[p.lo:p.hi]
	if z.norm {
		z.squares[i] = float64(kernel.SumSquares(g))
		return
	}
	params := z.params
	if w.Rows > 1 || p.weight >= z.own {
		params.Decay = z.o.Decay
	}
	kernel.AdamW(w.Master()[p.lo:p.hi], g, z.m[p.weight][p.lo:p.hi], z.v[p.weight][p.lo:p.hi], params)
	w.Round(p.lo, p.hi, z.mem[worker])
}

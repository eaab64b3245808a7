package op

import (
	"math"

	"limbeck/internal/pages"
	"limbeck/tensor/dtype"
	"limbeck/tensor/kernel"
)

// A Rotation holds the angles of rotary position embedding for every position
// up to the largest one used. Su et al. 2021, arXiv:2104.09864, sect. 3.2.2:
// pair i of d/2 at position p turns by p·base^(−2i/d). Pairs are neighbors, as
// in GGUF's llama.
type Rotation struct {
	dims, context int
	base          float64
	freq          []float64   // none before the first angles: dims may be a hostile file's
	n             int         // positions that have angles
	parts         [][]float32 // of partAngles positions, each with its cosines, then its sines
	space         *pages.Space
}

// partAngles is for how many positions memory is taken at once.
const partAngles = 256

// mostAngles is for how many positions addresses are reserved at most: files may claim a
// context that no model has.
const mostAngles = 1 << 20

// NewRotation returns the rotation of heads of dims channels. Beyond context positions
// it takes memory of Go's heap.
func NewRotation(dims int, base float64, context int) *Rotation {
	return &Rotation{dims: dims, base: base, context: context}
}

// grow makes the angles of positions below n.
func (r *Rotation) grow(n int) {
	if r.space == nil {
		for i := range r.dims / 2 {
			// The reference computes frequencies and angles in f32.
			r.freq = append(r.freq, float64(float32(1/math.Pow(r.base, float64(2*i)/float64(r.dims)))))
		}
		parts := rowPieces(min(r.context, mostAngles), partAngles)
		r.parts, r.space = make([][]float32, 0, parts), pages.Reserve(parts*r.partBytes())
	}
	for ; r.n < n; r.n++ {
		if r.n == len(r.parts)*partAngles {
			r.parts = append(r.parts, dtype.Floats(r.space.Take(r.partBytes())))
		}
		cos, sin := r.angles(r.n)
		for i, f := range r.freq {
			s, c := math.Sincos(float64(float32(r.n) * float32(f)))
			cos[i], sin[i] = float32(c), float32(s)
		}
	}
}

func (r *Rotation) partBytes() int { return partAngles * 2 * len(r.freq) * 4 }

// angles returns those of a position, for each pair.
func (r *Rotation) angles(pos int) (cos, sin []float32) {
	half := len(r.freq)
	both := r.parts[pos/partAngles][pos%partAngles*2*half:][:2*half]
	return both[:half], both[half:]
}

// reach makes the angles of all positions of a batch.
func (r *Rotation) reach(b Batch) {
	last := 0
	for _, s := range b.Seqs {
		last = max(last, s.past()+s.Len)
	}
	r.grow(last)
}

// A turner rotates one head: [kernel.RoPE], or back.
type turner func(x, cos, sin []float32)

// turn rotates the heads of x, which is of position pos.
func (r *Rotation) turn(x []float32, pos int, by turner) {
	cos, sin := r.angles(pos)
	for ; len(x) > 0; x = x[r.dims:] {
		by(x[:r.dims], cos, sin)
	}
}

// turnTo writes the heads of x, which is of position pos, rotated and times scale, to dst.
func (r *Rotation) turnTo(dst, x []float32, pos int, scale float32) {
	cos, sin := r.angles(pos)
	kernel.RoPEScaled(dst, x, cos, sin, scale)
}

// RoPE rotates, in place, the heads of every row of x by the row's position in
// its sequence. x is [tokens, heads·dims].
func RoPE(t *Tape, x *Value, r *Rotation, b Batch) {
	r.reach(b)
	n := Alloc[rope](t)
	*n = rope{x: x, r: r, b: b}
	t.Pool.Run(n, rowPieces(x.Rows, pieceRows))
	t.Record(n, nil)
}

type rope struct {
	x *Value
	r *Rotation
	b Batch
}

// Do rotates the rows of one piece.
func (n *rope) Do(_, piece int) { n.rotate(piece, n.x.Data, kernel.RoPE) }

// rotate turns the rows of one piece of v, which is of x's shape.
func (n *rope) rotate(piece int, v []float32, by turner) {
	lo, hi := rowPiece(piece, n.x.Rows, pieceRows)
	row, cols := 0, n.x.Cols
	for _, s := range n.b.Seqs {
		for i := max(lo, row); i < min(hi, row+s.Len); i++ {
			n.r.turn(v[i*cols:(i+1)*cols], s.past()+i-row, by)
		}
		row += s.Len
	}
}

func (*rope) Op() string { return "rope" }

// Backward rotates the gradient back: a rotation's transpose is its inverse.
func (n *rope) Backward(t *Tape) {
	if n.x.Grad != nil {
		t.Pool.Run((*ropeBack)(n), rowPieces(n.x.Rows, pieceRows))
	}
}

type ropeBack rope

// Do rotates the gradients of one piece's rows.
func (n *ropeBack) Do(_, piece int) { (*rope)(n).rotate(piece, n.x.Grad, kernel.RoPEGrad) }

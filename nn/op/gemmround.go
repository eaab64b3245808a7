package op

import (
	"limbeck/internal/par"
	"limbeck/tensor/kernel"
)

// roundPiece is the number of elements that a piece of rounding takes, about.
const roundPiece = 1 << 14

// A rounding turns a matrix into pairs of bf16, in parallel.
type rounding struct {
	dst, src kernel.Mat
	rows     int // of a piece; or columns, in pairs, if byColumn
	byColumn bool
}

// pairs returns the pairs along the rows of m, in *mem, which it lets grow.
func (r *rounding) pairs(p *par.Pool, mem *[]float32, m kernel.Mat) kernel.Mat {
	dst := kernel.PairShape(m)
	*mem = grow(*mem, dst.Rows*dst.Cols)
	dst.Data = (*mem)[:dst.Rows*dst.Cols]
	if len(dst.Data) == 0 {
		return dst
	}
	*r = rounding{dst: dst, src: m, byColumn: dst.ColStride != 1}
	outer, inner := dst.Rows, 2*dst.Cols
	if r.byColumn {
		outer, inner = dst.Cols, 2*dst.Rows
	}
	r.rows = max(1, roundPiece/inner)
	run(p, r, (outer+r.rows-1)/r.rows, outer*inner)
	return dst
}

// Do rounds some rows, or some columns two by two.
func (r *rounding) Do(_, piece int) {
	lo := piece * r.rows
	d, s := r.dst, r.src
	if r.byColumn {
		hi := min(lo+r.rows, d.Cols)
		kernel.RoundPairs(part(d, 0, d.Rows, lo, hi), part(s, 0, s.Rows, 2*lo, min(2*hi, s.Cols)))
		return
	}
	hi := min(lo+r.rows, d.Rows)
	kernel.RoundPairs(part(d, lo, hi, 0, d.Cols), part(s, lo, hi, 0, s.Cols))
}

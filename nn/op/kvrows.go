package op

import (
	"limbeck/tensor/dtype"
	"limbeck/tensor/kernel"
)

// A kvCode is a format of caches to which rows are encoded before they are stored.
type kvCode interface {
	// encode writes a head's channels in the format.
	encode(dst []byte, x []float32)

	// putKeys stores encoded keys as positions of a group, from lane on.
	putKeys(group []byte, keys encoded, lane int)
}

// encoded are n rows of so many bytes in a cache's format, apart bytes apart.
type encoded struct {
	data           []byte
	n, size, apart int
}

func (e encoded) row(i int) []byte { return e.data[i*e.apart:][:e.size] }

// putRows is [kvLayout.put] of a code whose values lie one position after another.
func (s *kvShape) putRows(c kvCode, group []byte, values kernel.Strips, k, v kernel.Mat, pos int, mem []float32) {
	code := encoded{dtype.FloatBytes(mem), k.Rows, s.keySize, s.strips * s.stripSize}
	code.encode(c, k)
	c.putKeys(group, code, pos%kernel.PanelWidth)
	code.encode(c, v)
	for i := range s.strips {
		strip := values.Data[i*values.Apart:][:values.Apart]
		for r := range code.n {
			copy(strip[(pos+r)*s.stripSize:][:s.stripSize], code.data[r*code.apart+i*s.stripSize:])
		}
	}
}

// encode fills e with rows by c, and clears what is beyond them.
func (e encoded) encode(c kvCode, x kernel.Mat) {
	for i := range e.n {
		c.encode(e.row(i), x.Data[i*x.RowStride:][:x.Cols])
		clear(e.data[i*e.apart:][e.size:e.apart])
	}
}

package op

import (
	"fmt"

	"limbeck/tensor/dtype"
	"limbeck/tensor/kernel"
)

// A KV holds the past keys and values of one sequence, in all layers, in one
// number format. They lie as attention multiplies them: those of a head follow
// each other in blocks of keyBlock positions,
//
//	keys:    [kvHeads][capacity/16]            groups of 16 positions
//	values:  [kvHeads][blocks][strips][room]   room is keyBlock, or less in the last block
//
// whose insides are the format's; see kvLayout. Its memory grows with what it
// holds.
type KV struct {
	n, limit int
	shape    kvShape
	layers   []kvLayer
}

// keyBlock is the number of positions that attention takes at a time. Blocks
// begin at its multiples, so that what is added up together depends on
// positions alone.
const keyBlock = 128

// FirstPositions is the room that a cache starts with, unless its limit is less.
const FirstPositions = 2 * keyBlock

// A kvShape is what all layers of a cache have in common.
type kvShape struct {
	t              *dtype.Type
	layout         kvLayout
	heads, headDim int
}

func shapeKV(t *dtype.Type, heads, headDim int) kvShape {
	layoutFor := kvLayouts[t]
	if layoutFor == nil || headDim%t.Len != 0 {
		panic(fmt.Sprintf("op: heads of %d channels in a cache of %s", headDim, t))
	}
	return kvShape{t, layoutFor(headDim), heads, headDim}
}

// shapeKV returns the shape of keys and values of sequences without a cache. A
// training keeps them as it multiplies, whether it records or not: what is
// computed twice has the same bits.
func (t *Tape) shapeKV(heads, headDim int) kvShape {
	switch {
	case t.KV != nil && !t.recording:
		return shapeKV(t.KV, heads, headDim)
	case t.attendsInPairs(headDim):
		return kvShape{dtype.BF16, bf16PairsKV{}, heads, headDim}
	}
	return shapeKV(dtype.F32, heads, headDim)
}

// attendsInPairs reports whether a training multiplies pairs of bf16 in attention
// with heads of so many channels.
func (t *Tape) attendsInPairs(headDim int) bool { return t.BF16 && headDim%2 == 0 }

// A kvLayer is the keys and values of one layer, with room for capacity
// positions, a multiple of 16.
type kvLayer struct {
	keys, values []byte
	capacity     int
}

// NewKV returns an empty cache in format t, one of [KVTypes] whose blocks fill
// headDim, for at most limit positions.
func NewKV(t *dtype.Type, layers, kvHeads, headDim, limit int) *KV {
	return &KV{shape: shapeKV(t, kvHeads, headDim), limit: roundUp(limit), layers: make([]kvLayer, layers)}
}

// KVBytes returns the size of a cache in format t for so many positions.
func KVBytes(t *dtype.Type, layers, kvHeads, headDim, positions int) int {
	s := shapeKV(t, kvHeads, headDim)
	return layers * s.bytes(positions)
}

// Len returns the number of positions held.
func (c *KV) Len() int { return c.n }

// Cap returns the number of positions that the cache can hold.
func (c *KV) Cap() int { return c.limit }

// Type returns the format of the cache.
func (c *KV) Type() *dtype.Type { return c.shape.t }

// Bytes returns the memory that the cache takes now.
func (c *KV) Bytes() int {
	n := 0
	for _, l := range c.layers {
		n += len(l.keys) + len(l.values)
	}
	return n
}

// MaxBytes returns the memory that the cache takes when it is full; more if it
// has been larger than it may be now.
func (c *KV) MaxBytes() int {
	n := 0
	for _, l := range c.layers {
		n += c.shape.bytes(max(c.limit, l.capacity))
	}
	return n
}

// SetCap makes c a cache for at most limit positions, which are no fewer than it
// holds. It keeps the memory that it has.
func (c *KV) SetCap(limit int) {
	if limit < c.n {
		panic(fmt.Sprintf("op: a limit of %d positions for a cache that holds %d", limit, c.n))
	}
	c.limit = roundUp(limit)
}

// Truncate forgets all positions from n on.
func (c *KV) Truncate(n int) {
	if n < 0 || n > c.n {
		panic(fmt.Sprintf("op: truncate to %d positions a cache that holds %d", n, c.n))
	}
	c.n = n
}

// CopyFrom makes c hold the first n positions that src holds. It panics if their
// shapes differ, or if that is more than src holds or c can hold.
func (c *KV) CopyFrom(src *KV, n int) {
	if n > src.n {
		panic(fmt.Sprintf("op: copy of %d positions of a cache that holds %d", n, src.n))
	}
	if len(c.layers) != len(src.layers) || c.shape != src.shape {
		panic("op: copy of a cache of another shape")
	}
	c.n = 0 // nothing to carry over
	for i := range c.layers {
		c.reserve(i, n)
		c.shape.copy(c.layers[i], src.layers[i], n)
	}
	c.n = n
}

// reserve makes room for n positions in a layer. Room at least doubles, so that
// a sequence is copied a bounded number of times.
func (c *KV) reserve(layer, n int) {
	l := &c.layers[layer]
	if n <= l.capacity {
		return
	}
	if n > c.limit {
		panic(fmt.Sprintf("op: %d positions in a cache of %d", n, c.limit))
	}
	room := min(c.limit, roundUp(max(n, 2*l.capacity, FirstPositions)))
	mem := make([]byte, c.shape.bytes(room))
	largePages(mem)
	grown := c.shape.layer(mem, room)
	c.shape.copy(grown, *l, c.n)
	*l = grown
}

func roundUp(n int) int { return multiple(n, kernel.PanelWidth) }

// strips returns how many strips hold the channels of a head's values.
func (s *kvShape) strips() int { return (s.headDim + s.layout.strip() - 1) / s.layout.strip() }

// keyBytes returns the size of one head's keys.
func (s *kvShape) keyBytes(positions int) int { return positions * s.t.Bytes(s.headDim) }

// stripBytes returns the size of one strip of values.
func (s *kvShape) stripBytes(positions int) int { return positions * s.t.Bytes(s.layout.strip()) }

// bytes returns the size of one layer.
func (s *kvShape) bytes(positions int) int {
	return s.heads * (s.keyBytes(positions) + s.strips()*s.stripBytes(positions))
}

// layer lays out mem, of that many bytes.
func (s *kvShape) layer(mem []byte, capacity int) kvLayer {
	n := s.heads * s.keyBytes(capacity)
	return kvLayer{mem[:n:n], mem[n:], capacity}
}

// keys returns one head's keys from position lo, a multiple of 16, on.
func (s *kvShape) keys(l kvLayer, head, lo int) []byte {
	n := s.keyBytes(l.capacity)
	return l.keys[head*n : (head+1)*n][s.keyBytes(lo):]
}

// values returns the strips of one head's values in the block of position pos,
// and the positions that they have room for.
func (s *kvShape) values(l kvLayer, head, pos int) (strips []byte, room int) {
	lo := pos / keyBlock * keyBlock
	room = min(keyBlock, l.capacity-lo)
	n := s.strips()
	at := n * s.stripBytes(head*l.capacity+lo)
	return l.values[at:][:n*s.stripBytes(room)], room
}

// put stores rows of keys and values, of one head, at the positions from pos on,
// which lie in one group. mem has room for width floats a row.
func (s *kvShape) put(l kvLayer, k, v kernel.Mat, head, pos int, mem []float32) {
	const w = kernel.PanelWidth
	size, strip := s.keyBytes(1), s.stripBytes(1)
	code := encoded{dtype.FloatBytes(mem), k.Rows, size, s.strips() * strip}
	s.encode(code, k)
	s.layout.putKeys(s.keys(l, head, pos/w*w)[:s.keyBytes(w)], code, pos%w)
	s.encode(code, v)
	strips, room := s.values(l, head, pos)
	for i := range s.strips() {
		part := encoded{code.data[i*strip:], code.n, strip, code.apart}
		s.layout.putValues(strips[i*room*strip:][:room*strip], part, pos%keyBlock)
	}
}

// encode writes rows in the cache's format, and clears what is beyond them.
func (s *kvShape) encode(dst encoded, x kernel.Mat) {
	for i := range dst.n {
		s.layout.encode(dst.row(i), x.Data[i*x.RowStride:][:x.Cols])
		clear(dst.data[i*dst.apart:][dst.size:dst.apart])
	}
}

// copy copies the first n positions of src to dst.
func (s *kvShape) copy(dst, src kvLayer, n int) {
	for head := range s.heads {
		copy(s.keys(dst, head, 0)[:s.keyBytes(roundUp(n))], s.keys(src, head, 0))
		for lo := 0; lo < n; lo += keyBlock {
			to, room := s.values(dst, head, lo)
			from, had := s.values(src, head, lo)
			for i := range s.strips() {
				copy(to[s.stripBytes(i*room):][:s.stripBytes(roundUp(min(n-lo, keyBlock)))], from[s.stripBytes(i*had):])
			}
		}
	}
}

package op

import (
	"fmt"

	"limbeck/tensor/kernel"
)

// A KV holds the past keys and values of one sequence, in all layers, laid out
// as panels of [kernel.PanelWidth] columns so that attention multiplies them as
// they lie:
//
//	k: [kvHeads][capacity/16][headDim][16]   a panel holds 16 positions
//	v: [kvHeads][headDim/16][capacity][16]   a panel holds 16 channels
//
// Its memory grows with what it holds.
type KV struct {
	n, limit int
	kvHeads  int
	headDim  int
	layers   []panels
}

// panels are the keys and values of one layer, with room for capacity positions.
type panels struct {
	k, v     []float32
	capacity int
}

// firstPositions is the room that a cache starts with.
const firstPositions = 256

// NewKV returns an empty cache for at most limit positions.
func NewKV(layers, kvHeads, headDim, limit int) *KV {
	return &KV{kvHeads: kvHeads, headDim: headDim, limit: roundUp(limit), layers: make([]panels, layers)}
}

// Len returns the number of positions held.
func (c *KV) Len() int { return c.n }

// Cap returns the number of positions that the cache can hold.
func (c *KV) Cap() int { return c.limit }

// Bytes returns the memory that the cache takes now.
func (c *KV) Bytes() int {
	n := 0
	for _, p := range c.layers {
		n += 4 * (len(p.k) + len(p.v))
	}
	return n
}

// MaxBytes returns the memory that the cache takes when it is full; more if it
// has been larger than it may be now.
func (c *KV) MaxBytes() int {
	n := 0
	for _, p := range c.layers {
		n += 4 * panelFloats(c.kvHeads, c.headDim, max(c.limit, p.capacity))
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
	if len(c.layers) != len(src.layers) || c.kvHeads != src.kvHeads || c.headDim != src.headDim {
		panic("op: copy of a cache of another shape")
	}
	c.n = 0 // nothing to carry over
	for i := range c.layers {
		c.reserve(i, n)
		c.layers[i].copyFrom(src.layers[i], c.kvHeads, c.headDim, n)
	}
	c.n = n
}

// reserve makes room for n positions in a layer. Room at least doubles, so that
// a sequence is copied a bounded number of times.
func (c *KV) reserve(layer, n int) {
	p := &c.layers[layer]
	if n <= p.capacity {
		return
	}
	if n > c.limit {
		panic(fmt.Sprintf("op: %d positions in a cache of %d", n, c.limit))
	}
	room := min(c.limit, roundUp(max(n, 2*p.capacity, firstPositions)))
	grown := newPanels(make([]float32, panelFloats(c.kvHeads, c.headDim, room)), c.kvHeads, c.headDim, room)
	grown.copyFrom(*p, c.kvHeads, c.headDim, c.n)
	*p = grown
}

// copyFrom copies the first n positions of src.
func (p panels) copyFrom(src panels, kvHeads, headDim, n int) {
	const w = kernel.PanelWidth
	for head := range kvHeads {
		copy(p.keys(head, headDim), src.keys(head, headDim)[:roundUp(n)*headDim])
		to, from := p.values(head, headDim), src.values(head, headDim)
		for c := 0; c < headDim; c += w {
			copy(to[c*p.capacity:], from[c*src.capacity:][:n*w])
		}
	}
}

func roundUp(n int) int { return (n + kernel.PanelWidth - 1) / kernel.PanelWidth * kernel.PanelWidth }

// panelFloats returns the size of one layer's keys and values.
func panelFloats(kvHeads, headDim, capacity int) int {
	return kvHeads * capacity * (headDim + roundUp(headDim))
}

func newPanels(mem []float32, kvHeads, headDim, capacity int) panels {
	nk := kvHeads * capacity * headDim
	return panels{mem[:nk], mem[nk:], capacity}
}

// keys returns the panels of one head's keys.
func (p panels) keys(head, headDim int) []float32 {
	n := p.capacity * headDim
	return p.k[head*n : (head+1)*n]
}

// values returns the panels of one head's values.
func (p panels) values(head, headDim int) []float32 {
	n := p.capacity * roundUp(headDim)
	return p.v[head*n : (head+1)*n]
}

// put stores the key and value of one head at position pos.
func (p panels) put(k, v []float32, head, pos int) {
	const w = kernel.PanelWidth
	d := len(k)
	keys := p.keys(head, d)[pos/w*w*d+pos%w:]
	for i, x := range k {
		keys[i*w] = x
	}
	values := p.values(head, d)
	for i := 0; i < d; i += w {
		copy(values[i*p.capacity+pos*w:][:w], v[i:min(i+w, d)])
	}
}

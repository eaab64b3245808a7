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
type KV struct {
	n, capacity int
	kvHeads     int
	headDim     int
	layers      []panels
}

type panels struct{ k, v []float32 }

// NewKV returns an empty cache for at most capacity positions.
func NewKV(layers, kvHeads, headDim, capacity int) *KV {
	c := &KV{kvHeads: kvHeads, headDim: headDim, capacity: roundUp(capacity), layers: make([]panels, layers)}
	for i := range c.layers {
		c.layers[i] = newPanels(make([]float32, panelFloats(kvHeads, headDim, c.capacity)), kvHeads, headDim, c.capacity)
	}
	return c
}

// Len returns the number of positions held.
func (c *KV) Len() int { return c.n }

// Cap returns the number of positions that there is room for.
func (c *KV) Cap() int { return c.capacity }

// Bytes returns the memory that the cache takes when it is full.
func (c *KV) Bytes() int {
	return len(c.layers) * panelFloats(c.kvHeads, c.headDim, c.capacity) * 4
}

// Truncate forgets all positions from n on.
func (c *KV) Truncate(n int) {
	if n < 0 || n > c.n {
		panic(fmt.Sprintf("op: truncate to %d positions a cache that holds %d", n, c.n))
	}
	c.n = n
}

func roundUp(n int) int { return (n + kernel.PanelWidth - 1) / kernel.PanelWidth * kernel.PanelWidth }

// panelFloats returns the size of one layer's keys and values.
func panelFloats(kvHeads, headDim, capacity int) int {
	return kvHeads * capacity * (headDim + roundUp(headDim))
}

func newPanels(mem []float32, kvHeads, headDim, capacity int) panels {
	nk := kvHeads * capacity * headDim
	return panels{mem[:nk], mem[nk:]}
}

// keys returns the panels of one head's keys.
func (p panels) keys(head, headDim, capacity int) []float32 {
	n := capacity * headDim
	return p.k[head*n : (head+1)*n]
}

// values returns the panels of one head's values.
func (p panels) values(head, headDim, capacity int) []float32 {
	n := capacity * roundUp(headDim)
	return p.v[head*n : (head+1)*n]
}

// put stores the key and value of one head at position pos.
func (p panels) put(k, v []float32, head, pos, capacity int) {
	const w = kernel.PanelWidth
	d := len(k)
	keys := p.keys(head, d, capacity)[pos/w*w*d+pos%w:]
	for i, x := range k {
		keys[i*w] = x
	}
	values := p.values(head, d, capacity)
	for i := 0; i < d; i += w {
		copy(values[i*capacity+pos*w:][:w], v[i:min(i+w, d)])
	}
}

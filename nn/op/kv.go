package op

import (
	"fmt"
	"runtime"
	"slices"

	"limbeck/internal/pages"
	"limbeck/tensor/dtype"
	"limbeck/tensor/kernel"
)

// A KV holds the past keys and values of one sequence, in all layers, in one
// number format. They lie as attention multiplies them, in blocks of KVBlock
// positions, of which the last may have less room:
//
//	block:   [layers][kvHeads] keys, then values
//	keys:    [room/16]         groups of 16 positions
//	values:  [strips][room]
//
// whose insides are the format's; see kvLayout. Its memory grows with what it
// holds, by blocks, of which the capacity may cut the last short: whole ones stay
// where they are, a short one widens where it lies, and there is no time when one is
// there twice. It is not of Go's heap, but of addresses that are reserved for all
// that the cache may ever hold, and goes back by [KV.Release], else when nobody
// refers to the cache any more and a collection comes.
type KV struct {
	n, capacity int
	most        int // the largest capacity that it has had
	shape       kvShape
	layers      int
	blocks      [][]byte
	room        int            // of all blocks, a multiple of 16
	spaces      []*pages.Space // that the blocks are of, but for those of the heap
}

// KVBlock is the number of positions that attention takes at a time. Blocks begin at
// its multiples, so that what is added up together depends on positions alone. A cache
// grows by as many at least, unless its capacity is less.
const KVBlock = 128

// mostReserved is the number of positions for which a cache reserves addresses at a time:
// as many as most contexts have, whatever a file claims.
const mostReserved = 1 << 17

// A kvShape is what all layers of a cache have in common.
type kvShape struct {
	t      *dtype.Type
	layout kvLayout
	heads  int

	// The bytes of a position: of a head's keys, and in a strip of its values.
	keySize, stripSize int

	strips int // that hold a head's values
	width  int // channels of these strips
}

func newKVShape(t *dtype.Type, layout kvLayout, heads, headDim int) kvShape {
	w := layout.strip()
	strips := (headDim + w - 1) / w
	return kvShape{t, layout, heads, t.Bytes(headDim), t.Bytes(w), strips, strips * w}
}

func shapeKV(t *dtype.Type, heads, headDim int) kvShape {
	layoutFor := kvLayouts[t]
	if layoutFor == nil || headDim%t.Len != 0 {
		panic(fmt.Sprintf("op: heads of %d channels in a cache of %s", headDim, t))
	}
	return newKVShape(t, layoutFor(headDim), heads, headDim)
}

// shapeKV returns the shape of keys and values of a sequence of so many positions without
// a cache. A training keeps them as it multiplies, whether it records or not: what is
// computed twice has the same bits.
func (t *Tape) shapeKV(h Heads, positions int) kvShape {
	switch {
	case t.KV != nil && !t.recording:
		return shapeKV(t.KV, h.KV, h.Dim)
	case t.attendsInPairs(h) && positions >= kernel.LeastPairs():
		return newKVShape(dtype.BF16, pairsKV{}, h.KV, h.Dim)
	}
	return shapeKV(dtype.F32, h.KV, h.Dim)
}

// attendsInPairs reports whether a training in bf16 rounds what attention multiplies, and
// what it returns, if the sequences are long enough.
func (t *Tape) attendsInPairs(h Heads) bool { return t.inPairs() && h.Dim%2 == 0 }

// A kvLayer is the keys and values of one layer, in blocks with room for so many
// positions together, a multiple of 16.
type kvLayer struct {
	cache  *KV // that is not to be let go before; nil if the memory is the tape's
	blocks [][]byte
	first  int // of the layer's heads, among those of a block
	room   int
}

// NewKV returns an empty cache in format t, one of [KVTypes] whose blocks fill
// headDim, for at most capacity positions.
func NewKV(t *dtype.Type, layers, kvHeads, headDim, capacity int) *KV {
	c := &KV{shape: shapeKV(t, kvHeads, headDim), layers: layers}
	c.SetCapacity(capacity)
	return c
}

// KVBytes returns the size of a cache in format t for so many positions.
func KVBytes(t *dtype.Type, layers, kvHeads, headDim, positions int) int {
	s := shapeKV(t, kvHeads, headDim)
	return layers * s.bytes(positions)
}

// Len returns the number of positions held.
func (c *KV) Len() int { return c.n }

// Capacity returns the number of positions that the cache can hold.
func (c *KV) Capacity() int { return c.capacity }

// Bytes returns the memory that the cache takes now.
func (c *KV) Bytes() int { return c.layers * c.shape.bytes(c.room) }

// MaxBytes returns the memory that the cache takes when it is full; more if it
// has been larger than it may be now.
func (c *KV) MaxBytes() int { return c.layers * c.shape.bytes(max(c.capacity, c.room)) }

// SetCapacity makes c a cache for at most capacity positions, which are no fewer than it
// holds. It keeps the memory that it has. Addresses are reserved for the largest capacity
// so far: one that is to grow is made with that, and its capacity lowered at first.
func (c *KV) SetCapacity(capacity int) {
	if capacity < c.n {
		panic(fmt.Sprintf("op: a capacity of %d positions for a cache that holds %d", capacity, c.n))
	}
	c.capacity = roundUp(capacity)
	c.most = max(c.most, c.capacity)
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
	if c.layers != src.layers || c.shape != src.shape {
		panic("op: copy of a cache of another shape")
	}
	c.n = 0 // nothing to carry over
	c.Reserve(n)
	for i := range (n + KVBlock - 1) / KVBlock {
		c.copyBlock(c.blocks[i], blockRoom(c.room, i), src.blocks[i], blockRoom(src.room, i), n-i*KVBlock)
	}
	c.n = n
	runtime.KeepAlive(src)
}

// Reserve makes room for n positions, for all that are missing at once. Who knows how
// many are to come spares a cache growing block by block.
func (c *KV) Reserve(n int) {
	if n <= c.room {
		return
	}
	if n > c.capacity {
		panic(fmt.Sprintf("op: %d positions in a cache of %d", n, c.capacity))
	}
	room := min(c.capacity, multiple(n, KVBlock))
	if c.room%KVBlock > 0 {
		c.widen(blockRoom(room, len(c.blocks)-1))
	}
	if missing := room - len(c.blocks)*KVBlock; missing > 0 {
		mem := c.take(missing)
		c.blocks = c.shape.cut(c.blocks, mem, c.layers, missing)
	}
	c.room = room
}

// widen gives more room to the last block, which ends where the capacity was.
func (c *KV) widen(room int) {
	last := len(c.blocks) - 1
	had := blockRoom(c.room, last)
	mem := c.spaces[len(c.spaces)-1].Extend(c.blocks[last], c.layers*c.shape.bytes(room))
	c.copyBlock(mem, room, mem, had, min(c.n-last*KVBlock, had))
	c.blocks[last] = mem
}

// take returns memory for so many positions, which is 0. Unless there are addresses for it,
// it reserves them for all that may follow, as whole blocks, so that each can widen.
func (c *KV) take(positions int) []byte {
	bytes := c.layers * c.shape.bytes(positions)
	if len(c.spaces) == 0 || c.spaces[len(c.spaces)-1].Left() < bytes {
		most := max(positions, min(c.most-len(c.blocks)*KVBlock, mostReserved))
		c.spaces = append(c.spaces, pages.Reserve(c.layers*c.shape.bytes(multiple(most, KVBlock))))
		c.blocks = slices.Grow(c.blocks, most/KVBlock+1)
	}
	return c.spaces[len(c.spaces)-1].Take(bytes)
}

// Release gives the memory back at once. The cache is empty then, and may be used again.
func (c *KV) Release() {
	for _, s := range c.spaces {
		s.Release()
	}
	c.n, c.room, c.blocks, c.spaces = 0, 0, nil, nil
}

// Touch writes to all of the memory that was reserved, which systems give when it is
// first written to. It panics unless the cache is empty.
func (c *KV) Touch() {
	if c.n > 0 {
		panic(fmt.Sprintf("op: a cache that holds %d positions is to be cleared", c.n))
	}
	for _, block := range c.blocks {
		clear(block)
	}
	runtime.KeepAlive(c)
}

// layer returns one layer of the cache.
func (c *KV) layer(i int) kvLayer { return kvLayer{c, c.blocks, i * c.shape.heads, c.room} }

// copyBlock makes to, a block with so much room, hold the first n positions, at most, of
// from, one that had other room, and 0 after them. With more room it may begin where from
// does: all moves back, so what lies last goes first.
func (c *KV) copyBlock(to []byte, room int, from []byte, had, n int) {
	s := &c.shape
	n = roundUp(min(max(n, 0), KVBlock))
	for head := c.layers*s.heads - 1; head >= 0; head-- {
		to, from := to[head*s.headBytes(room):], from[head*s.headBytes(had):]
		for strip := s.strips - 1; strip >= 0; strip-- {
			before := s.keySize + strip*s.stripSize // a position, of the head
			move(to[room*before:][:room*s.stripSize], from[had*before:][:n*s.stripSize])
		}
		move(to[:room*s.keySize], from[:n*s.keySize])
	}
}

// move copies from to the start of to, and clears what comes after, which would be read as
// keys or values that it never was: positions that are not held are as in new memory.
func move(to, from []byte) { clear(to[copy(to, from):]) }

// blockRoom returns the room of block i, of those that have so much together.
func blockRoom(all, i int) int { return min(KVBlock, all-i*KVBlock) }

func roundUp(n int) int { return multiple(n, kernel.PanelWidth) }

// headBytes returns the size of one head's keys and values.
func (s *kvShape) headBytes(positions int) int {
	return positions * (s.keySize + s.strips*s.stripSize)
}

// bytes returns the size of one layer.
func (s *kvShape) bytes(positions int) int { return s.heads * s.headBytes(positions) }

// cut appends to blocks those that mem is, with so much room together, of so many
// layers.
func (s *kvShape) cut(blocks [][]byte, mem []byte, layers, room int) [][]byte {
	for i := 0; i*KVBlock < room; i++ {
		n := layers * s.bytes(blockRoom(room, i))
		blocks, mem = append(blocks, mem[:n:n]), mem[n:]
	}
	return blocks
}

// head returns what block i has of a head: its keys, a group a strip, and its values.
func (s *kvShape) head(l kvLayer, head, i int) (keys, values kernel.Strips) {
	room := blockRoom(l.room, i)
	n, k := s.headBytes(room), room*s.keySize
	mem := l.blocks[i][(l.first+head)*n:][:n]
	keys = kernel.Strips{Data: mem[:k], Apart: kernel.PanelWidth * s.keySize, N: room / kernel.PanelWidth}
	values = kernel.Strips{Data: mem[k:], Apart: room * s.stripSize, N: s.strips}
	return keys, values
}

// put stores rows of keys and values, of one head, at the positions from pos on,
// which lie in one group. mem has room for width floats a row.
func (s *kvShape) put(l kvLayer, k, v kernel.Mat, head, pos int, mem []float32) {
	keys, values := s.head(l, head, pos/KVBlock)
	at := pos % KVBlock
	s.layout.put(s, keys.Data[at/kernel.PanelWidth*keys.Apart:][:keys.Apart], values, k, v, at, mem)
}

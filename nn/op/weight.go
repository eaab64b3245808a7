package op

import (
	"fmt"
	"slices"

	"limbeck/internal/pages"
	"limbeck/internal/par"
	"limbeck/tensor"
	"limbeck/tensor/dtype"
	"limbeck/tensor/kernel"
)

// A Weight is a matrix of a model, in any format and layout; a vector is one
// row. The zero Weight has no elements; Rows and Cols say what is expected.
type Weight struct {
	Name       string // as in GGUF
	Rows, Cols int
	Grad       []float32 // nil if the weight is frozen; see [Weight.SettleGrad]
	forgotten  bool      // whether Grad stands for zeros, whatever it holds

	master  []float32   // of elements that are rounded to it
	rounded *dtype.Type // the format that they are rounded to

	t      *tensor.Tensor // in file order; its Data is nil once packed frees it
	layout *kernel.Layout // of packed, or of what products pack of it as they go
	packed []byte
}

// Shaped returns a weight that waits for its elements.
func Shaped(rows, cols int) *Weight { return &Weight{Rows: rows, Cols: cols} }

// Set gives w its elements. A vector may come with one dimension; it becomes f32, in
// which it is read, whatever its format is.
func (w *Weight) Set(t *tensor.Tensor) error {
	want := []int{w.Rows, w.Cols}
	if rows, cols := t.Matrix(); rows != w.Rows || cols != w.Cols {
		if w.Rows == 1 {
			want = want[1:]
		}
		return fmt.Errorf("tensor %q: shape %v, want %v", t.Name, t.Shape, want)
	}
	if w.Rows == 1 {
		var err error
		if t, err = t.Convert(dtype.F32, nil); err != nil {
			return err
		}
	}
	*w = Weight{Name: t.Name, Rows: w.Rows, Cols: w.Cols, t: t}
	return nil
}

// Type returns the format of w's elements.
func (w *Weight) Type() *dtype.Type { return w.t.Type }

// F32 returns the elements of an f32 weight, to read and to write. It panics on
// other formats.
func (w *Weight) F32() []float32 {
	if w.t.Type != dtype.F32 || w.t.Data == nil {
		panic(fmt.Sprintf("op: weight %q is %s, or packed, and was wanted as f32", w.Name, w.t.Type))
	}
	return dtype.Floats(w.t.Data)
}

// Tensor returns w's elements as a file stores them. It panics if packing has
// let them go.
func (w *Weight) Tensor() *tensor.Tensor {
	if w.t.Data == nil {
		panic(fmt.Sprintf("op: weight %q has left file order", w.Name))
	}
	return w.t
}

// SetTrainable makes w an f32 weight with a gradient, in memory of its own.
func (w *Weight) SetTrainable() {
	if w.Grad != nil {
		return
	}
	if w.layout != nil {
		panic(fmt.Sprintf("op: weight %q is packed, and was to be trained", w.Name))
	}
	v := LargeFloats(w.Rows * w.Cols)
	for i := range w.Rows {
		w.DecodeRow(v[i*w.Cols:(i+1)*w.Cols], i)
	}
	w.t = tensor.FromF32(w.Name, v, w.t.Shape...)
	w.Grad = LargeFloats(w.Rows * w.Cols)
}

// ForgetGrad makes w's gradient zero without writing it: what is added next takes its
// place, so that large ones are not written and read once more.
func (w *Weight) ForgetGrad() { w.forgotten = w.Grad != nil }

// SettleGrad returns w's gradient, whose elements are the true ones from then on.
func (w *Weight) SettleGrad() []float32 {
	if w.forgotten {
		clear(w.Grad)
		w.forgotten = false
	}
	return w.Grad
}

// SetRounded makes products see a trainable weight as format t stores it, while a
// master copy in f32 learns. The gradient is taken as if there were no rounding:
// the straight-through estimator of Bengio et al. 2013, arXiv:1308.3432, sect.
// 4. A row must be of whole blocks of t, which must have an encoder.
func (w *Weight) SetRounded(t *dtype.Type) {
	if w.Grad == nil || w.Cols%t.Len != 0 || t.Encode == nil {
		panic(fmt.Sprintf("op: weight %q cannot be trained as %s", w.Name, t.Name))
	}
	w.master = LargeFloats(w.Rows * w.Cols)
	copy(w.master, w.F32())
	w.rounded = t
	w.Round(0, len(w.master), make([]byte, RoundBytes))
}

// RoundBytes is memory for [Weight.Round]: several blocks of any format.
const RoundBytes = 4096

// Rounded reports whether w has a master.
func (w *Weight) Rounded() bool { return w.master != nil }

// Master returns the elements that training moves, and that [Weight.Round] then
// follows: those of a rounded weight's master, or the weight's own.
func (w *Weight) Master() []float32 {
	if w.Rounded() {
		return w.master
	}
	return w.F32()
}

// Round makes elements lo to hi, whole blocks, of a rounded weight follow its
// master, by way of mem, which has [RoundBytes]. It does nothing for other weights.
func (w *Weight) Round(lo, hi int, mem []byte) {
	if !w.Rounded() {
		return
	}
	t := w.rounded
	for n := len(mem) / t.Size * t.Len; lo < hi; lo += n {
		end := min(lo+n, hi)
		blocks := mem[:t.Bytes(end-lo)]
		t.Encode(blocks, w.master[lo:end])
		t.Decode(w.F32()[lo:end], blocks)
	}
}

// Freeze drops w's gradient, and a rounded weight's master.
func (w *Weight) Freeze() { w.Grad, w.forgotten, w.master, w.rounded = nil, false, nil, nil }

// DecodeRow writes row i's values to dst.
func (w *Weight) DecodeRow(dst []float32, i int) {
	switch {
	case w.t.Data == nil:
		w.layout.DecodeRow(dst, w.packed, w.Cols, i)
	case w.t.Type == dtype.F32:
		copy(dst, dtype.Floats(w.t.Data)[i*w.Cols:])
	default:
		w.t.Type.Decode(dst, w.t.Row(i))
	}
}

// Pack lays w out as [PackAll] does.
func (w *Weight) Pack(pool *par.Pool, free func(*tensor.Tensor)) {
	PackAll([]*Weight{w}, pool, free)
}

// PackAll lays weights out for fast products by rows of any number: in their
// formats' packed layouts. If free is not nil, the elements in file order are let
// go, and free is told of them: of each piece, which has no name, by whoever packed
// it, and then of the whole; before, of some weights without a name, which are still
// read. Vectors get memory of their own. The memory of the packed layouts, in large
// pages where the system has them, is returned for [SetPacked], to be joined.
func PackAll(weights []*Weight, pool *par.Pool, free func(*tensor.Tensor)) [][]byte {
	parts := packedParts(weights)
	if free != nil {
		ownVectors(weights)
		makeRoom(parts, free)
	}
	mem := packedMemory(parts)
	for i, part := range parts {
		rest := mem[i]
		for _, w := range part {
			n := w.packedBytes()
			w.pack(rest[:n:n], pool, free)
			rest = rest[n:]
		}
	}
	return mem
}

// ownVectors gives vectors memory of their own. Where they lie between matrices that
// are let go, a system would map them back by megabytes.
func ownVectors(weights []*Weight) {
	for _, w := range weights {
		if w.Rows == 1 && w.Grad == nil {
			t := tensor.New(w.Name, w.t.Type, w.t.Shape...)
			copy(t.Data, w.t.Data)
			w.t = t
		}
	}
}

// makeRoom tells free of the elements of as many weights as share memory, which are
// read again: a part of packed weights may be cleared whole before it is packed, and
// all elements be in memory by then.
func makeRoom(parts [][]*Weight, free func(*tensor.Tensor)) {
	for _, part := range parts {
		if PackedBytes(part) > largePart {
			continue
		}
		for _, w := range part {
			if w.packs() {
				free(&tensor.Tensor{Type: w.t.Type, Shape: w.t.Shape, Data: w.t.Data})
			}
		}
		return
	}
}

// largePart is the memory that several packed weights share at most.
const largePart = 32 << 20

// packedParts splits weights, in their order, into parts that share memory.
func packedParts(weights []*Weight) [][]*Weight {
	var parts [][]*Weight
	start, size := 0, 0
	for i, w := range weights {
		n := w.packedBytes()
		if size > 0 && size+n > largePart {
			parts = append(parts, weights[start:i])
			start, size = i, 0
		}
		size += n
	}
	return append(parts, weights[start:])
}

// packedMemory returns the memory of each part, untouched if all goes well. Memory
// of the collector's that begins where something else lay is cleared whole, so that
// a model in one piece would be there twice before the first weight is packed. Such
// gaps go to the small parts, which come first; a large weight then lies where
// nothing was.
func packedMemory(parts [][]*Weight) [][]byte {
	mem := make([][]byte, len(parts))
	for _, large := range []bool{false, true} {
		for i, part := range parts {
			if size := PackedBytes(part); (size > largePart) == large {
				mem[i] = make([]byte, size)
				pages.Large(mem[i])
			}
		}
	}
	return mem
}

// PackLater makes products give at once the bits that [PackAll] would have them
// give: they pack a copy of each group of rows anew, and drop it. That doubles the
// time of a short pass, and packing a large model takes that of many.
func PackLater(weights []*Weight) {
	for _, w := range weights {
		if w.packs() {
			w.layout = w.Fast()
		}
	}
}

// Fast returns the packed layout that w's format has for a matrix like it on this
// processor, nil if none.
func (w *Weight) Fast() *kernel.Layout {
	if l := w.t.Type.Fast; l != nil && w.Rows > 1 && w.Cols%l.Block == 0 {
		return l.Best()
	}
	return nil
}

// packs reports whether w has a packed layout that it is not in yet.
func (w *Weight) packs() bool { return w.packed == nil && w.Fast() != nil }

// packedBytes returns the memory that pack wants, in whole cache lines.
func (w *Weight) packedBytes() int {
	if !w.packs() {
		return 0
	}
	const line = 64
	return multiple(w.Fast().Bytes(w.Rows, w.Cols), line)
}

// groups returns how many groups w's rows are.
func (w *Weight) groups() int { return (w.Rows + kernel.GroupRows - 1) / kernel.GroupRows }

func (w *Weight) pack(mem []byte, pool *par.Pool, free func(*tensor.Tensor)) {
	if !w.packs() {
		return
	}
	w.layout = w.Fast()
	w.packed = mem[:w.layout.Bytes(w.Rows, w.Cols)]
	pool.Run(&packWeight{w: w, src: w.t.Data, free: free}, (w.groups()+packGroups-1)/packGroups)
	if free != nil {
		free(w.letGo())
	}
}

// letGo returns the elements in file order, which w has no more.
func (w *Weight) letGo() *tensor.Tensor {
	t := w.t
	w.t = &tensor.Tensor{Name: t.Name, Type: t.Type, Shape: t.Shape}
	return t
}

const packGroups = 8 // row groups packed in one piece

type packWeight struct {
	w    *Weight
	src  []byte
	free func(*tensor.Tensor)
}

func (p *packWeight) Do(_, piece int) {
	w := p.w
	lo := piece * packGroups
	hi := min(lo+packGroups, w.groups())
	w.layout.Pack(w.packed, p.src, w.Rows, w.Cols, lo, hi)
	if p.free != nil { // at once: a model takes its memory once, not twice
		first, end := lo*kernel.GroupRows, min(hi*kernel.GroupRows, w.Rows)
		size := w.t.Type.Bytes(w.Cols)
		p.free(&tensor.Tensor{Type: w.t.Type, Shape: []int{end - first, w.Cols}, Data: p.src[first*size : end*size]})
	}
}

// panel returns the 16 rows from 16·group, column by column, padded with zero
// rows, decoded into mem, which has room for 32·Cols floats.
func (w *Weight) panel(group int, mem []float32) []float32 {
	const width = kernel.PanelWidth
	n := width * w.Cols
	if w.packed != nil {
		w.layout.DecodePanel(mem[:n], w.packed, w.Cols, group)
		return mem[:n]
	}
	rows, decoded := min(width, w.Rows-width*group), mem[n:]
	for i := range rows {
		w.DecodeRow(decoded[i*w.Cols:(i+1)*w.Cols], width*group+i)
	}
	kernel.PackPanels(mem[:n], kernel.Dense(decoded, rows, w.Cols).T(), 0, 1)
	return mem[:n]
}

// copyFloats returns the memory that [Weight.mulGroups] needs for so many rows of w.
func (w *Weight) copyFloats(rows int) int {
	if w.packed != nil {
		return 0
	}
	return (w.layout.Bytes(rows, w.Cols) + 3) / 4
}

// mulGroups writes the products with the row groups lo to hi, from y's first column on.
func (w *Weight) mulGroups(y []float32, ldy int, x *Value, lo, hi int, mem []float32) {
	first := lo * kernel.GroupRows
	rows := min(hi*kernel.GroupRows, w.Rows) - first
	size := w.layout.Bytes(rows, w.Cols)
	var packed []byte
	if w.packed != nil {
		packed = w.packed[w.layout.Bytes(first, w.Cols):][:size]
	} else {
		packed = dtype.FloatBytes(mem)[:size]
		w.layout.Pack(packed, w.t.Data[first*w.t.Type.Bytes(w.Cols):], rows, w.Cols, 0, hi-lo)
	}
	w.layout.MatMul(y, ldy, x.formed, x.Rows, packed, rows, w.Cols, 0, hi-lo)
}

// Bytes returns the memory that w's elements take now, gradients apart.
func (w *Weight) Bytes() int {
	return len(w.t.Data) + len(w.packed)
}

// Clone returns a copy of w's elements as f32 in memory of its own.
func (w *Weight) Clone() *tensor.Tensor {
	v := make([]float32, w.Rows*w.Cols)
	for i := range w.Rows {
		w.DecodeRow(v[i*w.Cols:(i+1)*w.Cols], i)
	}
	return tensor.FromF32(w.Name, v, slices.Clone(w.t.Shape)...)
}

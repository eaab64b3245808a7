// Package dtype lists the number formats in which a tensor can be stored: one
// file a format, each opening with its byte table. A plain float is a format
// whose block holds one element.
package dtype

import (
	"cmp"
	"fmt"
	"slices"

	"limbeck/tensor/kernel"
)

// A Type is one storage format. Elements are grouped in blocks of Len elements
// and Size bytes; a row is a whole number of blocks.
type Type struct {
	Name string // as in GGUF file names, lower case: "q4_0"
	GGUF uint32 // type number in a GGUF file
	Len  int    // elements a block
	Size int    // bytes a block

	// Decode writes the len(dst) elements of src's blocks to dst.
	Decode func(dst []float32, src []byte)

	// Encode writes src's elements to dst as blocks, round-to-nearest as
	// llama.cpp does it. It is nil for a format that is only read.
	Encode func(dst []byte, src []float32)

	// EncodeWeighted is Encode with an importance for each element of the
	// row: the block search minimizes the weighted square error. Nil if the
	// format has no search; Encode serves then.
	EncodeWeighted func(dst []byte, src, importance []float32)

	// Fast is the packed layout that multiplies activations as they are rounded
	// for it, most to int8, or nil: the format is then decoded and multiplied in
	// f32.
	Fast *kernel.Layout

	exponents exponents // of the floats in a block; see [Type.NotFinite]

	// notFinite is NotFinite for a format whose exponents do not tell, else nil.
	notFinite func(src []byte) int
}

// Bytes returns the number of bytes that n elements take. It panics if they do
// not fill whole blocks.
func (t *Type) Bytes(n int) int {
	if n%t.Len != 0 {
		panic(fmt.Sprintf("dtype: %d elements do not fill blocks of %d (%s)", n, t.Len, t.Name))
	}
	return n / t.Len * t.Size
}

func (t *Type) String() string { return t.Name }

var all []*Type

func register(t Type) *Type {
	for _, o := range all {
		if o.Name == t.Name || o.GGUF == t.GGUF {
			panic("dtype: " + t.Name + " registered twice")
		}
	}
	all = append(all, &t)
	return &t
}

// Weighs reports whether importance changes what is encoded, as it does where scales are
// searched for. A nil t, which is no format, does not.
func (t *Type) Weighs() bool { return t != nil && t.EncodeWeighted != nil }

// All returns every format, in the order of registration.
func All() []*Type { return all }

// Writable returns the formats that have an Encode, those of the most bits an element
// first.
func Writable() []*Type {
	out := slices.DeleteFunc(slices.Clone(all), func(t *Type) bool { return t.Encode == nil })
	slices.SortFunc(out, func(a, b *Type) int {
		return cmp.Or(cmp.Compare(b.Size*a.Len, a.Size*b.Len), cmp.Compare(a.GGUF, b.GGUF))
	})
	return out
}

// WritableNames returns the names of [Writable], in its order.
func WritableNames() []string {
	var names []string
	for _, t := range Writable() {
		names = append(names, t.Name)
	}
	return names
}

// ByName returns the format of that name, or nil.
func ByName(name string) *Type {
	for _, t := range all {
		if t.Name == name {
			return t
		}
	}
	return nil
}

// ByGGUF returns the format with that GGUF type number, or nil.
func ByGGUF(id uint32) *Type {
	for _, t := range all {
		if t.GGUF == id {
			return t
		}
	}
	return nil
}

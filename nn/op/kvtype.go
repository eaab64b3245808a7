package op

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"limbeck/tensor/dtype"
	"limbeck/tensor/kernel"
)

// A kvLayout is how a number format lies in a cache, and attention's products
// with it. One file a format.
//
// Keys lie in groups of [kernel.PanelWidth] positions, values in strips of some
// channels. Either takes the bytes that the format takes for as many elements.
type kvLayout interface {
	// strip returns the channels of a strip.
	strip() int

	// form returns the form in which scores want queries besides f32, or nil.
	form() *kernel.Activations

	// put stores rows of a head's keys and values at a block's positions from pos on,
	// which lie in one group. mem has room for s.width floats a row.
	put(s *kvShape, group []byte, values kernel.Strips, k, v kernel.Mat, pos int, mem []float32)

	// room returns how many floats of memory scores and sums take, for so many
	// rows and channels of a head.
	room(rows, headDim int) int

	// scores computes the products of q's rows with groups of keys, one a strip; those
	// of a row, 16 a group, are contiguous.
	scores(c []float32, ldc int, q queries, keys kernel.Strips, mem []float32)

	// sums computes the products of p's rows with the first p.Cols positions of
	// strips of values; those of a row are contiguous. Of p it may read whole strides.
	sums(c []float32, ldc int, p kernel.Mat, values kernel.Strips, mem []float32)
}

// queries are the rows of q that attend together, scaled by 1/√Dim.
type queries struct {
	kernel.Mat           // rows are contiguous
	formed     []float32 // the same in the form that the layout wants, if any
}

// kvLayouts are the formats of caches: of each, how heads of so many channels lie.
var kvLayouts = map[*dtype.Type]func(headDim int) kvLayout{}

func registerKV(t *dtype.Type, l func(headDim int) kvLayout) {
	if kvLayouts[t] != nil {
		panic("op: two caches of " + t.Name)
	}
	kvLayouts[t] = l
}

// anyHeads is for a format in which all heads lie alike.
func anyHeads(l kvLayout) func(int) kvLayout { return func(int) kvLayout { return l } }

// KVTypes returns the formats that a cache can have, the largest first.
func KVTypes() []*dtype.Type {
	types := slices.Collect(maps.Keys(kvLayouts))
	slices.SortFunc(types, func(a, b *dtype.Type) int { return b.Size*a.Len - a.Size*b.Len })
	return types
}

// KVTypeNames lists the formats that a cache can have, for people.
func KVTypeNames() string {
	var names []string
	for _, t := range KVTypes() {
		names = append(names, t.Name)
	}
	return strings.Join(names, ", ")
}

// KVType returns the format of that name, in any case, for caches of heads of so many
// channels.
func KVType(name string, headDim int) (*dtype.Type, error) {
	t := dtype.ByName(strings.ToLower(name))
	if t == nil || kvLayouts[t] == nil {
		return nil, fmt.Errorf("a KV cache of %q is not known; known are: %s", name, KVTypeNames())
	}
	if headDim%t.Len != 0 {
		return nil, fmt.Errorf("a KV cache of %s holds heads of whole blocks of %d channels; the model's have %d", name, t.Len, headDim)
	}
	return t, nil
}

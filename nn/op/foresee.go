package op

import (
	"limbeck/internal/par"
	"limbeck/tensor/kernel"
)

// A pass of few rows waits for memory, and memory waits where a pass does something
// else: a norm, attention, the end of a product that another thread still works on. So
// a tape learns which product follows which, and threads that wait ask for its weights.

const (
	foreseenRows = 32        // products of more rows do not wait for memory
	foreseenMost = 1 << 12   // products of a pass that are remembered
	aheadBytes   = 256 << 10 // of weights stay in the second cache until they are read
)

// A foreseen is a product of a pass: with which weight it begins, and where each
// worker begins to read.
type foreseen struct {
	w      *Weight
	shares [][]byte
}

// foresee notes that n is the next product of the pass. It returns the one that follows
// as far as is known, nil if nothing is. A pass with a product of many rows is no pass to
// learn from, and weights that are packed for each product anew have no place to begin at.
func (t *Tape) foresee(n *matMuls) *foreseen {
	w := n.parts[0].w
	if n.x.Rows > foreseenRows {
		t.product = foreseenMost // and what follows is not noted
	}
	i := t.product
	if i == foreseenMost || w.packed == nil {
		return nil
	}
	t.product++
	if i == len(t.products) || t.products[i].w != w {
		if i == cap(t.products) {
			t.products = append(t.products, foreseen{})
		}
		t.products = t.products[:i+1]
		f := &t.products[i]
		f.w, f.shares = w, n.shares(f.shares[:0])
	}
	return &t.products[(i+1)%len(t.products)]
}

// shares appends the beginnings of the workers' shares of packed weights to dst.
func (n *matMuls) shares(dst [][]byte) [][]byte {
	threads := n.parts[0].t.Pool.Threads()
	for worker := range threads {
		var share []byte
		group := n.groups * worker / threads
		for i := range n.parts {
			w := n.parts[i].w
			if group < w.groups() {
				if w.packed != nil {
					data := w.packed[w.layout.Bytes(group*kernel.GroupRows, w.Cols):]
					share = data[:min(len(data), aheadBytes)]
				}
				break
			}
			group -= w.groups()
		}
		dst = append(dst, share)
	}
	return dst
}

// Ahead returns where a worker begins to read in the next product.
func (n *matMuls) Ahead(worker int) par.Ahead {
	if n.next == nil {
		return par.Ahead{}
	}
	return par.Ahead{Data: n.next.shares[worker], Ask: kernel.Fetch}
}

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
// as far as is known, nil if nothing is.
func (t *Tape) foresee(n *matMuls) *foreseen {
	i := t.product
	if i == foreseenMost {
		return nil
	}
	t.product++
	if i == len(t.products) || t.products[i].w != n.parts[0].w {
		t.products = append(t.products[:i], foreseen{n.parts[0].w, n.shares()})
	}
	return &t.products[(i+1)%len(t.products)]
}

// shares returns the beginnings of the workers' shares of packed weights.
func (n *matMuls) shares() [][]byte {
	threads := n.parts[0].t.Pool.Threads()
	shares := make([][]byte, threads)
	for worker := range shares {
		group := n.groups * worker / threads
		for i := range n.parts {
			w := n.parts[i].w
			if group < w.groups() {
				if w.packed != nil {
					data := w.packed[w.layout.Bytes(group*kernel.GroupRows, w.Cols):]
					shares[worker] = data[:min(len(data), aheadBytes)]
				}
				break
			}
			group -= w.groups()
		}
	}
	return shares
}

// Ahead returns where a worker begins to read in the next product.
func (n *matMuls) Ahead(worker int) par.Ahead {
	if n.next == nil {
		return par.Ahead{}
	}
	return par.Ahead{Data: n.next.shares[worker], Ask: kernel.Fetch}
}

package model

import (
	"limbeck/internal/par"
	"limbeck/model/gguf"
	"limbeck/tensor"
)

// Build returns a model of metadata and tensors, for tests that import packages above this one.
func Build(meta gguf.Meta, tensors []*tensor.Tensor) (*Model, error) {
	m := &Model{}
	if err := m.build(meta, tensors, nothing); err != nil {
		return nil, err
	}
	return m, nil
}

// PackReleasing is Pack, of a model whose file notes what it is told to let go of.
func (m *Model) PackReleasing(pool *par.Pool) (released []string) {
	m.file = &noting{m.file, &released}
	m.Pack(pool)
	return released
}

type noting struct {
	file
	released *[]string
}

func (n *noting) Release(t *tensor.Tensor) {
	*n.released = append(*n.released, t.Name)
	n.file.Release(t)
}

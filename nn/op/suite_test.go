package op_test

import (
	"testing"

	"limbeck/internal/par"
)

func onePool(t *testing.T) *par.Pool {
	t.Helper()
	p := par.New(1)
	t.Cleanup(p.Close)
	return p
}

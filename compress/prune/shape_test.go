package prune

import (
	"context"
	"testing"

	"limbeck/internal/par"
	"limbeck/internal/testkit"
	"limbeck/train"
)

func TestShapeFor(t *testing.T) {
	m := testkit.Model(3)
	pool := par.New(1)
	defer pool.Close()
	set := []train.Sequence{{IDs: m.Tokenizer.Encode("the cat sat on the mat", false), From: 1}}
	imp, err := Measure(context.Background(), m, set, pool, nil)
	if err != nil {
		t.Fatal(err)
	}
	whole := m.Config().Params()
	before := 0
	for params := whole / 20; params <= whole; params += whole / 20 {
		s, err := ShapeFor(m, imp, params, 0)
		if err != nil {
			if before > 0 {
				t.Fatalf("%d parameters: %v, though fewer were enough", params, err)
			}
			continue
		}
		p, err := NewPlan(m, imp, s)
		if err != nil {
			t.Fatal(err)
		}
		small, err := p.Apply(m)
		if err != nil {
			t.Fatal(err)
		}
		n := small.Config().Params()
		if n > params || n < before {
			t.Errorf("%d parameters asked for, %d given, %d before", params, n, before)
		}
		before = n
	}
	if before < whole*3/4 {
		t.Errorf("asked for all %d parameters, at most %d were given", whole, before)
	}
	if _, err := ShapeFor(m, imp, 10, 0); err == nil {
		t.Error("10 parameters: want an error")
	}
}

package measure

import (
	"math"
	"testing"

	"limbeck/internal/testkit/allocs"
)

// klTol is the rounding of sums of 40 terms of at most 60 nats.
const klTol = 1e-10

func TestDivergeAgainstScipy(t *testing.T) {
	for _, c := range loadGolden(t).KL {
		near(t, "KL", Diverge(c.Teacher, c.Student, nil).KL, c.KL, klTol)
		d := Diverge(c.Teacher, c.Student[:len(c.Kept)], c.Kept)
		near(t, "KL over kept tokens", d.KL, c.KLKept, klTol)
		near(t, "dropped", d.Dropped, c.Dropped, klTol)
	}
}

func TestDivergeProperties(t *testing.T) {
	inf := float32(math.Inf(1))
	a, b := []float32{1, 2, 3}, []float32{3, 2, 1}
	shifted := []float32{1001, 1002, 1003}
	if d := Diverge(a, a, nil); d != (Divergence{SameTop: true}) {
		t.Errorf("a distribution from itself: %+v", d)
	}
	if d := Diverge(a, shifted, nil); d.KL > klTol || !d.SameTop {
		t.Errorf("logits plus a constant: %+v", d)
	}
	if d := Diverge(a, b, nil); d.KL <= 0 || d.SameTop {
		t.Errorf("reversed: %+v", d)
	}
	// p = (½, ½), q = (¼, ¾): ½ ln 2 + ½ ln ⅔.
	d := Diverge([]float32{0, 0}, []float32{0, float32(math.Log(3))}, nil)
	near(t, "KL", d.KL, 0.5*math.Log(2)+0.5*math.Log(2.0/3), 1e-7) // ln 3 rounded to f32
	if d := Diverge([]float32{0, -inf}, []float32{0, 0}, nil); math.Abs(d.KL-math.Ln2) > klTol {
		t.Errorf("a token that the teacher rules out: %+v", d)
	}
	if d := Diverge([]float32{0, 0}, []float32{0, -inf}, nil); !math.IsInf(d.KL, 1) {
		t.Errorf("a token that the student rules out: %+v", d)
	}
	if d := Diverge([]float32{0, float32(math.NaN())}, []float32{0, 0}, nil); !math.IsNaN(d.KL) {
		t.Errorf("NaN: %+v", d)
	}
	if n := allocs.Of(10, func() { Diverge(a, b, nil) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestDivergeKept(t *testing.T) {
	teacher := []float32{2, 1, 0, 5}
	all := Diverge(teacher, []float32{5, 0, 1, 2}, []int32{3, 2, 1, 0})
	if all.KL > klTol || !all.SameTop || all.Dropped > klTol {
		t.Errorf("all tokens in another order: %+v", all)
	}
	some := Diverge(teacher, []float32{2, 1}, []int32{0, 1})
	if some.KL > klTol || some.SameTop {
		t.Errorf("the teacher's top token is dropped: %+v", some)
	}
	e := math.Exp
	near(t, "dropped", some.Dropped, (1+e(5))/(e(2)+e(1)+1+e(5)), klTol)
}

func TestDivergencesByItem(t *testing.T) {
	var d Divergences
	d.Add(Divergence{KL: 1, SameTop: true, Dropped: 0.5})
	d.Add(Divergence{KL: 3})
	d.EndItem()
	d.EndItem() // no positions: no item
	d.Add(Divergence{KL: 4, SameTop: true})
	d.EndItem()
	s := d.Summary()
	if s.Tokens != 3 || s.KL.N != 2 || s.KL.Value != 3 || s.SameTop.Value != 0.75 || s.Dropped.Value != 0.125 {
		t.Errorf("got %+v", s)
	}
	near(t, "standard error", s.KL.SE, 1, exactTol) // s = √2, over √2
}

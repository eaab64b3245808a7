package distill

import (
	"math"
	"slices"
	"strings"
	"testing"

	"limbeck/internal/testkit"
	"limbeck/model/arch"
	"limbeck/model/token"
	"limbeck/train"
)

func TestMatch(t *testing.T) {
	teacher := token.Spec{Tokens: []string{"a", "b", "c", "ab"}}
	if v, err := Match(token.Spec{Tokens: []string{"c", "a"}}, teacher); err != nil || !slices.Equal(v, Vocabulary{2, 0}) {
		t.Errorf("got %v, %v; want [2 0]", v, err)
	}
	if v, err := Match(teacher, teacher); err != nil || v != nil {
		t.Errorf("the same tokens: got %v, %v; want the identity", v, err)
	}
	if v, err := Match(token.Spec{Tokens: []string{"b", "a", "c", "ab"}}, teacher); err != nil || !slices.Equal(v, Vocabulary{1, 0, 2, 3}) {
		t.Errorf("another order: got %v, %v", v, err)
	}
	twice := token.Spec{Tokens: []string{"a", "b", "a"}}
	if v, err := Match(twice, twice); err != nil || v != nil {
		t.Errorf("a token that is there twice: got %v, %v; want the identity", v, err)
	}
	if v, err := Match(token.Spec{Tokens: []string{"b", "a"}}, twice); err != nil || !slices.Equal(v, Vocabulary{1, 0}) {
		t.Errorf("a token that is there twice: got %v, %v; want the first", v, err)
	}
	if _, err := Match(token.Spec{Tokens: []string{"a", "x"}}, teacher); err == nil || !strings.Contains(err.Error(), `token 1 ("x")`) {
		t.Errorf("a token that the teacher lacks: got %v", err)
	}
}

// The teacher of a smaller vocabulary: its distribution over the student's
// tokens adds up to one, keeps the ratios, and the rest is told.
func TestDroppedVocabulary(t *testing.T) {
	m := decoder(shape(), 1)
	v := Vocabulary{40, 3, 7, 0, 21, 22, 30}
	var set []train.Sequence
	r := source(6)
	for range 4 {
		set = append(set, train.Sequence{IDs: testkit.IDs(r, 6, len(v)), From: 1})
	}
	var mapped []train.Sequence
	for _, s := range set {
		mapped = append(mapped, train.Sequence{IDs: v.IDs(nil, s.IDs), From: 1})
	}
	p1, p2 := teacherP(t, m, mapped, 1), teacherP(t, m, mapped, 2)
	c := newCache(t, []arch.Model{m}, v, len(v), set, len(v), 2, 2)
	dropped := 0.0
	for row := range p1 {
		kept, sum := 0.0, 0.0
		for _, id := range v {
			kept += p1[row][id]
			sum += p2[row][id]
		}
		dropped += (1 - kept) / float64(len(p1))
		total := 0.0
		for i, id := range c.IDs[row*len(v) : (row+1)*len(v)] {
			got := math.Exp(float64(c.LogP[row*len(v)+i]))
			total += got
			if want := p2[row][v[id]] / sum; math.Abs(got-want) > probabilityTolerance {
				t.Errorf("row %d, token %d: %g, want %g", row, id, got, want)
			}
		}
		if math.Abs(total-1) > probabilityTolerance {
			t.Errorf("row %d: probabilities add up to %g", row, total)
		}
	}
	if math.Abs(c.Dropped-dropped) > probabilityTolerance || dropped < 0.1 {
		t.Errorf("%g dropped, want %g", c.Dropped, dropped)
	}
	d, err := New(small(), m, v, nil, Options{Response: 1, Temperature: 2, Direction: Forward}, newPool(t, 1))
	if err != nil {
		t.Fatal(err)
	}
	s := small()
	s.Vocab = len(v)
	d.student = s
	d.Loss(recording(newPool(t, 1)), decoder(s, 3), batch(set))
	if len(d.targets) != len(c.Tail) {
		t.Fatalf("live: %d rows, want %d", len(d.targets), len(c.Tail))
	}
	for row, target := range d.targets {
		for i, id := range c.IDs[row*len(v) : (row+1)*len(v)] {
			if got, want := target.LogP[id], c.LogP[row*len(v)+i]; math.Abs(float64(got-want)) > probabilityTolerance {
				t.Errorf("live: row %d, token %d: ln p is %g, want %g", row, id, got, want)
			}
		}
	}
}

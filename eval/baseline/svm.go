package baseline

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
)

// A classifier is one linear support vector machine a label, each against the
// rest.
type classifier struct {
	labels  []string
	weights []float32 // [features+1, labels]; the last row is the bias
}

// Where training stops: when the projected gradient's range falls below svmTol, as
// in LIBLINEAR, or after svmPasses.
const (
	svmTol    = 0.05
	svmPasses = 200
)

// trainClassifier learns labels[i] from rows[i], with features numbered below n. It
// ends early when ctx does.
func trainClassifier(ctx context.Context, rows []vector, n int, labels []string, c float64) *classifier {
	names := slices.Clone(labels)
	slices.Sort(names)
	names = slices.Compact(names)
	k := len(names)
	m := &classifier{labels: names, weights: make([]float32, (n+1)*k)}
	s := newSVM(rows, n, c)
	for j, name := range names {
		if ctx.Err() != nil {
			break
		}
		for i, l := range labels {
			s.y[i] = -1
			if l == name {
				s.y[i] = 1
			}
		}
		s.train(ctx)
		for f, w := range s.w {
			m.weights[f*k+j] = float32(w)
		}
	}
	return m
}

// predict returns the label with the highest score; of equals the first in order.
func (m *classifier) predict(x vector) string {
	k := len(m.labels)
	scores := slices.Clone(m.weights[len(m.weights)-k:])
	for i, f := range x.index {
		row := m.weights[int(f)*k : int(f)*k+k]
		for j, w := range row {
			scores[j] += w * x.value[i]
		}
	}
	best := 0
	for j, s := range scores {
		if s > scores[best] {
			best = j
		}
	}
	return m.labels[best]
}

// An svm solves one problem of two classes,
//
//	min_w ½‖w‖² + C·Σ max(0, 1 − yᵢ·wᵀxᵢ)²,
//
// by coordinate descent on its dual with shrinking: Hsieh et al. 2008, "A Dual
// Coordinate Descent Method for Large-scale Linear SVM", algorithms 1 and 3.
type svm struct {
	rows   []vector
	square []float64 // xᵢᵀxᵢ, the bias included
	y      []float64 // 1 or −1
	alpha  []float64
	w      []float64 // the last is the bias, a feature that is 1 in every row
	active []int32
	diag   float64 // 1/(2C), the dual's diagonal for the squared hinge
	tol    float64 // where training stops
}

func newSVM(rows []vector, n int, c float64) *svm {
	s := &svm{rows: rows, diag: 1 / (2 * c), tol: svmTol, w: make([]float64, n+1),
		square: make([]float64, len(rows)), y: make([]float64, len(rows)), alpha: make([]float64, len(rows))}
	for i, x := range rows {
		s.square[i] = 1
		for _, v := range x.value {
			s.square[i] += float64(v) * float64(v)
		}
	}
	return s
}

// train finds w for y. It ends early when ctx does.
func (s *svm) train(ctx context.Context) {
	rng := rand.New(rand.NewPCG(1, 1))
	clear(s.alpha)
	clear(s.w)
	s.activate()
	bound := math.Inf(1) // rows at alpha 0 with a larger gradient are left out
	for range svmPasses {
		if ctx.Err() != nil {
			return
		}
		rng.Shuffle(len(s.active), func(i, j int) { s.active[i], s.active[j] = s.active[j], s.active[i] })
		high, low := s.pass(bound)
		if high-low <= s.tol {
			if len(s.active) == len(s.rows) {
				return
			}
			s.activate() // check the rows left out before believing it
			bound = math.Inf(1)
			continue
		}
		bound = high
		if bound <= 0 {
			bound = math.Inf(1)
		}
	}
}

// activate makes all rows take part.
func (s *svm) activate() {
	s.active = s.active[:0]
	for i := range s.rows {
		s.active = append(s.active, int32(i))
	}
}

// pass takes one step in each active coordinate and returns the range of the
// projected gradient.
func (s *svm) pass(bound float64) (high, low float64) {
	high, low = math.Inf(-1), math.Inf(1)
	bias := len(s.w) - 1
	kept := s.active[:0]
	for _, i := range s.active {
		x, y, a := s.rows[i], s.y[i], s.alpha[i]
		score := s.w[bias]
		for j, f := range x.index {
			score += s.w[f] * float64(x.value[j])
		}
		g := y*score - 1 + s.diag*a
		projected := g
		if a == 0 {
			if g > bound {
				continue
			}
			projected = min(g, 0)
		}
		kept = append(kept, i)
		high, low = max(high, projected), min(low, projected)
		if projected == 0 {
			continue
		}
		s.alpha[i] = max(a-g/(s.square[i]+s.diag), 0)
		step := (s.alpha[i] - a) * y
		s.w[bias] += step
		for j, f := range x.index {
			s.w[f] += step * float64(x.value[j])
		}
	}
	s.active = kept
	return high, low
}

package measure

import "math"

// Paired compares a statistic of model B with that of model A on the same items.
type Paired struct {
	Difference Estimate  // B − A
	Ratio      *Estimate // B / A; nil if A can be 0
	McNemar    *McNemar  // for scores of 0 and 1 only
}

// Compare returns the paired comparison of B with A, whose rows [n, Width] belong
// to the same items in the same order. All intervals come from the same resamples
// of items. Scores of one number that is 0 or 1 on every item also get McNemar's
// test. It panics if a and b differ in length.
func (boot Bootstrap) Compare(s Statistic, a, b []float64) Paired {
	n := s.items(a)
	if len(a) != len(b) {
		panic("measure: paired rows differ in length")
	}
	if n == 0 {
		return Paired{}
	}
	w := s.Width
	rows := make([]float64, 0, 2*len(a))
	for i := range n {
		rows = append(append(rows, a[i*w:i*w+w]...), b[i*w:i*w+w]...)
	}
	draws := boot.draw(rows, 2*w,
		func(sums []float64) float64 { return s.Of(sums[w:], n) - s.Of(sums[:w], n) },
		func(sums []float64) float64 { return s.Of(sums[w:], n) / s.Of(sums[:w], n) })
	ofA, ofB := s.Of(columnSums(a, w), n), s.Of(columnSums(b, w), n)
	p := Paired{Difference: Estimate{Value: ofB - ofA, N: n}}
	p.Difference.spread(draws[0])
	if ratio := ofB / ofA; finite([]float64{ratio}) && finite(draws[1]) {
		p.Ratio = &Estimate{Value: ratio, N: n}
		p.Ratio.spread(draws[1])
	}
	if w == 1 && binary(a) && binary(b) {
		p.McNemar = newMcNemar(a, b)
		p.widen(ofA)
	}
	return p
}

// widen moves the bounds of scores of 0 and 1 on the side where no item was seen, as
// one that B loses: the bootstrap has nothing to draw there. The difference then
// reaches to [scoreBounds], and the ratio as far as that takes B from A, whose score is
// ofA.
func (p *Paired) widen(ofA float64) {
	d, r, m := &p.Difference, p.Ratio, p.McNemar
	if r == nil {
		r = new(Estimate)
	}
	lo, hi := scoreBounds(m.OnlyA, m.OnlyB, d.N)
	if m.OnlyA == 0 {
		d.Lo = min(d.Lo, lo)
		r.Lo = min(r.Lo, max(0, 1+d.Lo/ofA))
	}
	if m.OnlyB == 0 {
		d.Hi = max(d.Hi, hi)
		r.Hi = max(r.Hi, 1+d.Hi/ofA)
	}
}

func finite(x []float64) bool {
	for _, v := range x {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return false
		}
	}
	return true
}

func binary(x []float64) bool {
	for _, v := range x {
		if v != 0 && v != 1 {
			return false
		}
	}
	return true
}

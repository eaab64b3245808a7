package measure

import "math"

// Paired compares a statistic of model B with that of model A on the same items.
type Paired struct {
	A          Estimate
	B          Estimate
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
	figures := []func(sums []float64) float64{
		func(sums []float64) float64 { return s.Of(sums[:w], n) },
		func(sums []float64) float64 { return s.Of(sums[w:], n) },
		func(sums []float64) float64 { return s.Of(sums[w:], n) - s.Of(sums[:w], n) },
		func(sums []float64) float64 { return s.Of(sums[w:], n) / s.Of(sums[:w], n) },
	}
	draws := boot.draw(rows, 2*w, figures...)
	all := columnSums(rows, 2*w)
	var estimates [4]Estimate
	for i, f := range figures {
		estimates[i] = Estimate{Value: f(all), N: n}
		if i < 3 || finite(draws[i]) && finite([]float64{estimates[i].Value}) {
			estimates[i].spread(draws[i])
		}
	}
	p := Paired{A: estimates[0], B: estimates[1], Difference: estimates[2]}
	if finite([]float64{estimates[3].Value}) && finite(draws[3]) {
		p.Ratio = &estimates[3]
	}
	if w == 1 && binary(a) && binary(b) {
		p.McNemar = newMcNemar(a, b)
		p.widen()
	}
	return p
}

// widen moves the bounds of scores of 0 and 1 on the side where no item was seen, as
// one that B loses: the bootstrap has nothing to draw there. The difference then
// reaches to [scoreBounds], and the ratio as far as that takes B from A.
func (p *Paired) widen() {
	d, r, m := &p.Difference, p.Ratio, p.McNemar
	if r == nil {
		r = new(Estimate)
	}
	lo, hi := scoreBounds(m.OnlyA, m.OnlyB, d.N)
	if m.OnlyA == 0 {
		d.Lo = min(d.Lo, lo)
		r.Lo = min(r.Lo, max(0, 1+d.Lo/p.A.Value))
	}
	if m.OnlyB == 0 {
		d.Hi = max(d.Hi, hi)
		r.Hi = max(r.Hi, 1+d.Hi/p.A.Value)
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

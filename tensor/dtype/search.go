package dtype

import "math"

// A search finds the scale of a block, and its minimum, that cost the row's
// product least: the sum over the block of weight·(x − decoded)². An element's
// weight is its importance (the mean square of the activation that multiplies
// it) times √(σ² + x²), σ² being the row's mean square: llama.cpp's definition,
// and, since the candidates and the order of summation are its own too, its
// bytes.
type search struct {
	sigma2 float32
	w      [block]float32
}

func newSearch(row []float32) search {
	var sum float32
	for _, v := range row {
		sum += float32(v * v)
	}
	return search{sigma2: sum / float32(len(row))}
}

// weigh sets the weights of a block. It reports false if none is positive:
// no candidate is then better than another, and the caller should round to
// nearest (llama.cpp would store zeros).
func (s *search) weigh(x *[block]float32, importance []float32) bool {
	qw := (*[block]float32)(importance)
	any := false
	for i, v := range x {
		s.w[i] = qw[i] * float32(math.Sqrt(float64(s.sigma2+float32(v*v))))
		any = any || s.w[i] > 0
	}
	return any
}

// nearest rounds to an integer, halves to even, by adding 1.5·2²³. Beyond
// ±2²² the result is some integer.
func nearest(v float32) int32 {
	return int32(math.Float32bits(v+0x1.8p23)&0x7fffff) - 0x400000
}

// symmetric returns the scale d for x ≈ d·(q−n), and q in [0, 2n). Candidates
// give the element farthest from 0 a level from −n−0.9 to −n+0.9, in steps of
// 0.1; each one's best scale for its levels is Σwxl/Σwl², and it lowers the
// error by (Σwxl)²/Σwl².
func (s *search) symmetric(q *[block]uint8, x *[block]float32, n int32) float32 {
	const tiny = 1e-15 // below it a block is zero
	top := largest(x)
	if math.Abs(float64(top)) < tiny {
		for i := range q {
			q[i] = 0 // decodes to 0·(0−n)
		}
		return 0
	}
	inv := float32(-n) / top
	xl, l2 := s.project(x, inv, n)
	bestInv := inv
	var scale float32
	if l2 != 0 {
		scale = xl / l2
	}
	best := float32(scale * xl)
	for step := int32(-9); step <= 9; step++ {
		if step == 0 {
			continue
		}
		inv = -(float32(n) + float32(0.1*float32(step))) / top
		xl, l2 = s.project(x, inv, n)
		if l2 > 0 && float32(xl*xl) > float32(best*l2) {
			bestInv, scale = inv, xl/l2
			best = float32(scale * xl)
		}
	}
	for i, v := range x {
		q[i] = uint8(max(-n, min(n-1, nearest(float32(bestInv*v)))) + n)
	}
	return scale
}

// project returns Σwxl and Σwl² for the levels l of x·inv.
func (s *search) project(x *[block]float32, inv float32, n int32) (xl, l2 float32) {
	for i, v := range x {
		l := float32(max(-n, min(n-1, nearest(float32(inv*v)))))
		xl += float32(float32(s.w[i]*v) * l)
		l2 += float32(float32(s.w[i]*l) * l)
	}
	return xl, l2
}

// affine returns d and m ≤ 0 for x ≈ d·q + m, and q in [0, n]. Candidates
// spread what lies above the best m so far over n−0.9 to n+0.9 levels, in
// steps of 0.05; each one's own d and m solve the weighted regression of x on
// its levels.
func (s *search) affine(q *[block]uint8, x *[block]float32, n int32) (d, m float32) {
	m, hi := x[0], x[0]
	sumW := s.w[0]
	sumX := float32(sumW * x[0])
	for i := 1; i < block; i++ {
		if x[i] < m {
			m = x[i]
		}
		if x[i] > hi {
			hi = x[i]
		}
		sumW += s.w[i]
		sumX += float32(s.w[i] * x[i])
	}
	m = min(m, 0)
	if !(hi > m) {
		*q = [block]uint8{}
		return 0, m
	}
	inv := float32(n) / (hi - m)
	d = 1 / inv
	s.levels(q, x, inv, m, n)
	best := s.loss(q, x, d, m)
	var c [block]uint8
	for step := range 37 {
		inv = (float32(-0.9) + float32(0.05*float32(step)) + float32(n)) / (hi - m)
		s.levels(&c, x, inv, m, n)
		cd, cm, ok := s.regress(&c, x, sumW, sumX)
		if !ok {
			continue
		}
		if e := s.loss(&c, x, cd, cm); e < best {
			*q, best, d, m = c, e, cd, cm
		}
	}
	return d, m
}

func (s *search) levels(q *[block]uint8, x *[block]float32, inv, lo float32, n int32) {
	for i, v := range x {
		q[i] = uint8(max(0, min(n, nearest(float32(inv*(v-lo))))))
	}
}

func (s *search) loss(q *[block]uint8, x *[block]float32, d, m float32) float32 {
	var e float32
	for i, v := range x {
		diff := float32(d*float32(q[i])) + m - v
		e += float32(s.w[i] * float32(diff*diff))
	}
	return e
}

// regress fits x = d·q + m. If m would be positive, it is 0 and d is fitted
// alone. ok is false if all levels are the same.
func (s *search) regress(q *[block]uint8, x *[block]float32, sumW, sumX float32) (d, m float32, ok bool) {
	var l, l2, xl float32
	for i, v := range x {
		f := float32(q[i])
		wl := float32(s.w[i] * f)
		l += wl
		l2 += float32(wl * f)
		xl += float32(wl * v)
	}
	det := float32(sumW*l2) - float32(l*l)
	if !(det > 0) {
		return 0, 0, false
	}
	d = (float32(sumW*xl) - float32(sumX*l)) / det
	m = (float32(l2*sumX) - float32(l*xl)) / det
	if m > 0 {
		return xl / l2, 0, true
	}
	return d, m, true
}

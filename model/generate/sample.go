package generate

import (
	"math"
	"math/rand/v2"
	"slices"
)

// A sampler chooses tokens. Filters apply in this order: repeat penalty, top-k,
// top-p, min-p, temperature.
type sampler struct {
	o     Options
	rng   *rand.Rand
	plain []float32
	cand  []candidate
}

type candidate struct {
	id    int
	logit float32
	p     float64
}

func (s *sampler) init(o Options) {
	s.o = o
	if o.Temperature > 0 {
		s.rng = rand.New(rand.NewPCG(o.Seed, 0x6c696d6265636b))
	}
}

// keep returns logits as they are before next changes them.
func (s *sampler) keep(logits []float32) []float32 {
	if s.o.RepeatPenalty <= 0 || s.o.RepeatPenalty == 1 {
		return logits
	}
	s.plain = append(s.plain[:0], logits...)
	return s.plain
}

// next returns a token. recent are the last tokens of the reply.
func (s *sampler) next(logits []float32, recent []int) int {
	s.penalize(logits, recent)
	if s.o.Temperature <= 0 {
		return argmax(logits)
	}
	s.shortlist(logits)
	s.softmax(1)
	s.cut()
	s.softmax(s.o.Temperature)
	u := s.rng.Float64()
	for _, c := range s.cand {
		if u -= c.p; u < 0 {
			return c.id
		}
	}
	return s.cand[len(s.cand)-1].id
}

func (s *sampler) penalize(logits []float32, recent []int) {
	p := float32(s.o.RepeatPenalty)
	if p <= 0 || p == 1 {
		return
	}
	for i, id := range recent {
		switch {
		case slices.Contains(recent[:i], id):
		case logits[id] > 0:
			logits[id] /= p
		default:
			logits[id] *= p
		}
	}
}

// shortlist sorts the TopK most probable tokens, or all, most probable first;
// of equal ones the lower id.
func (s *sampler) shortlist(logits []float32) {
	s.cand = s.cand[:0]
	for id, l := range logits {
		s.cand = append(s.cand, candidate{id: id, logit: l})
	}
	slices.SortFunc(s.cand, func(a, b candidate) int {
		switch {
		case a.logit > b.logit:
			return -1
		case a.logit < b.logit:
			return 1
		}
		return a.id - b.id
	})
	if k := s.o.TopK; k > 0 {
		s.cand = s.cand[:min(k, len(s.cand))]
	}
}

func (s *sampler) softmax(temperature float64) {
	var sum float64
	for i := range s.cand {
		c := &s.cand[i]
		c.p = math.Exp(float64(c.logit-s.cand[0].logit) / temperature)
		sum += c.p
	}
	for i := range s.cand {
		s.cand[i].p /= sum
	}
}

// cut keeps the fewest tokens whose probability reaches TopP, and of these the
// ones that have at least MinP of the first's.
func (s *sampler) cut() {
	n := len(s.cand)
	if p := s.o.TopP; p > 0 && p < 1 {
		var sum float64
		for i, c := range s.cand {
			if sum += c.p; sum >= p {
				n = i + 1
				break
			}
		}
	}
	for n > 1 && s.cand[n-1].p < s.o.MinP*s.cand[0].p {
		n--
	}
	s.cand = s.cand[:n]
}

// argmax returns the first of the greatest elements.
func argmax(x []float32) int {
	best := 0
	for i, v := range x {
		if v > x[best] {
			best = i
		}
	}
	return best
}

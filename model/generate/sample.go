package generate

import (
	"math"
	"math/rand/v2"
	"slices"

	"limbeck/tensor/kernel"
)

// A sampler chooses tokens. Filters apply in this order: repeat penalty, top-k,
// top-p, min-p, temperature.
type sampler struct {
	o     Options
	rng   *rand.Rand
	plain []float32
	cand  []candidate
	top   float32 // the greatest logit
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

// shortlist collects the tokens that the filters leave. It sorts only those
// that can be left: sorting a vocabulary of 50,000 costs more than the forward
// pass of a small model.
func (s *sampler) shortlist(logits []float32) {
	s.top = logits[argmax(logits)]
	low, limit := math.Inf(-1), len(logits)
	topP := s.o.TopP > 0 && s.o.TopP < 1
	switch {
	case s.o.TopK > 0:
		limit = min(limit, s.o.TopK)
	case topP:
		// All tokens less probable than this weigh less than 1-TopP together.
		low = float64(kernel.LogSumExp(logits)) + math.Log((1-s.o.TopP)/float64(len(logits)))
	default:
		// Less probable ones lie below the resolution of Float64.
		low = float64(s.top) - 54*math.Ln2*s.o.Temperature
		if s.o.MinP > 0 {
			low = max(low, float64(s.top)+math.Log(s.o.MinP)-1e-3)
		}
	}
	s.cand = s.cand[:0]
	for id, l := range logits {
		if float64(l) < low {
			continue
		}
		s.cand = append(s.cand, candidate{id: id, logit: l})
		if len(s.cand) >= 2*limit {
			s.sort(limit)
			low = float64(s.cand[limit-1].logit)
		}
	}
	if s.o.TopK > 0 || topP || s.o.MinP > 0 {
		s.sort(limit)
		total := s.softmax(1)
		if s.o.TopK <= 0 && topP {
			total = math.Exp(float64(kernel.LogSumExp(logits) - s.top))
		}
		s.cut(total)
	}
}

// sort puts the candidates in order, most probable first and of equal ones the
// lower id, and keeps the first limit.
func (s *sampler) sort(limit int) {
	slices.SortFunc(s.cand, func(a, b candidate) int {
		switch {
		case a.logit > b.logit:
			return -1
		case a.logit < b.logit:
			return 1
		}
		return a.id - b.id
	})
	s.cand = s.cand[:min(limit, len(s.cand))]
}

// softmax sets the candidates' probabilities, which sum to 1, and returns what
// the exponentials summed to when that of the most probable was 1.
func (s *sampler) softmax(temperature float64) float64 {
	var sum float64
	for i := range s.cand {
		c := &s.cand[i]
		c.p = math.Exp(float64(c.logit-s.top) / temperature)
		sum += c.p
	}
	for i := range s.cand {
		s.cand[i].p /= sum
	}
	return sum
}

// cut keeps the fewest candidates whose probability reaches TopP, and of these
// the ones that have at least MinP of the first's. total is what the
// exponentials of all tokens that TopP counts sum to, that of the first being 1.
func (s *sampler) cut(total float64) {
	n := len(s.cand)
	if p := s.o.TopP; p > 0 && p < 1 {
		var sum float64
		for i, c := range s.cand {
			if sum += math.Exp(float64(c.logit-s.top)) / total; sum >= p {
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
	return max(0, slices.Index(x, kernel.Max(x))) // not found: there is a NaN
}

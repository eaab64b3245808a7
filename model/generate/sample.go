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
	top   float32 // the greatest logit

	cand []candidate // those that the filters leave

	weights []float32 // of all tokens
	sums    []float64 // of blocks of weights
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

// next returns a token. recent are the last tokens before it.
func (s *sampler) next(logits []float32, recent []int) int {
	s.penalize(logits, recent)
	if s.o.Temperature <= 0 {
		return argmax(logits)
	}
	if !s.o.filters() {
		return s.draw(logits)
	}
	s.shortlist(logits)
	s.softmax(s.o.Temperature)
	u := s.rng.Float64()
	for _, c := range s.cand {
		if u -= c.p; u < 0 {
			return c.id
		}
	}
	return s.cand[0].id // as draw: the probabilities are rounded, and u was as large as they
}

// penalize makes recent tokens less likely, each once however often it occurs:
// Keskar et al. 2019, arXiv:1909.05858, sect. 4.1, with the negative logits
// multiplied, as transformers and llama.cpp do.
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

// filters reports whether some tokens are left out whatever the draw.
func (o *Options) filters() bool { return o.TopK > 0 || o.cutsMass() || o.MinP > 0 }

// cutsMass reports whether TopP leaves tokens out.
func (o *Options) cutsMass() bool { return o.TopP > 0 && o.TopP < 1 }

// weigh sets the weights of all tokens, of which the greatest is 1:
//
//	exp((logit - top) / temperature)
func (s *sampler) weigh(logits []float32, temperature float64) {
	s.weights = slices.Grow(s.weights[:0], len(logits))[:len(logits)]
	by := float32(min(1/temperature, math.MaxFloat32))
	for i, l := range logits {
		s.weights[i] = (l - s.top) * by
	}
	kernel.ExpMinus(s.weights, 0)
}

// drawBlock is the number of weights that a draw first takes as one.
const drawBlock = 256

// draw returns one of all tokens: first a block of them is drawn, then one of it.
func (s *sampler) draw(logits []float32) int {
	s.top = kernel.Max(logits)
	s.weigh(logits, s.o.Temperature)
	total := 0.0
	s.sums = s.sums[:0]
	for block := range slices.Chunk(s.weights, drawBlock) {
		sum := float64(kernel.Sum(block))
		total += sum
		s.sums = append(s.sums, sum)
	}
	u, b := s.rng.Float64()*total, 0
	for ; b < len(s.sums)-1 && u >= s.sums[b]; b++ {
		u -= s.sums[b]
	}
	first := b * drawBlock
	for i, w := range s.weights[first:min(first+drawBlock, len(s.weights))] {
		if u -= float64(w); u < 0 {
			return first + i
		}
	}
	return argmax(s.weights) // the sums are rounded, and u was as large as they
}

// shortlist collects the tokens that the filters leave. It sorts only those
// that can be left: sorting a vocabulary of 50,000 costs more than the forward
// pass of a small model.
func (s *sampler) shortlist(logits []float32) {
	s.top = kernel.Max(logits)
	low, limit, total := math.Inf(-1), len(logits), 0.0
	switch {
	case s.o.TopK > 0:
		limit = min(limit, s.o.TopK)
	case s.o.cutsMass():
		low, total = s.nucleus(logits)
	default:
		low = float64(s.top) + math.Log(s.o.MinP) - lowMargin
	}
	s.collect(logits, float32(low), limit)
	if kept := s.softmax(1); total == 0 {
		total = kept
	}
	s.cut(total)
}

// collect makes candidates of the tokens of the greatest logits, in order: at most
// limit, and none below low.
func (s *sampler) collect(logits []float32, low float32, limit int) {
	s.cand = s.cand[:0]
	for id, l := range logits {
		if l < low {
			continue
		}
		s.cand = append(s.cand, candidate{id: id, logit: l})
		if len(s.cand) >= 2*limit {
			s.sort(limit)
			low = s.cand[limit-1].logit
		}
	}
	s.sort(limit)
}

// lowMargin is how far below a bound logits are still looked at, as bounds are
// rounded.
const lowMargin = 1e-3

// nucleus returns a logit below which no token counts for TopP, and few above it
// that do not, and what all weights sum to. It adds the weights up by their
// exponents and the first bits of their fractions, so that nothing is sorted.
func (s *sampler) nucleus(logits []float32) (low, total float64) {
	const fraction = 20 // bits of a weight that its class leaves out
	var classes [127<<(23-fraction) + 1]float64
	s.weigh(logits, 1)
	total = float64(kernel.Sum(s.weights))
	// All that weigh less make less than 1-TopP together.
	least := float32((1 - s.o.TopP) / float64(len(logits)))
	for _, w := range s.weights {
		if w >= least {
			classes[math.Float32bits(w)>>fraction] += float64(w)
		}
	}
	const enough = 1 + 1e-4 // the weights are rounded
	sum := 0.0
	for c := len(classes) - 1; c > 0; c-- {
		if sum += classes[c]; sum >= s.o.TopP*total*enough {
			least = math.Float32frombits(uint32(c) << fraction)
			break
		}
	}
	return float64(s.top) + math.Log(float64(least)) - lowMargin, total
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

// argmax returns the first of the greatest elements; if there are NaNs, any. Only the
// block that holds it is searched one by one.
func argmax(x []float32) int {
	const block = 256
	most, first := float32(math.Inf(-1)), 0
	for i := 0; i < len(x); i += block {
		if m := kernel.Max(x[i:min(i+block, len(x))]); m > most {
			most, first = m, i
		}
	}
	return max(0, first+slices.Index(x[first:min(first+block, len(x))], most)) // not found: a NaN
}

package baseline

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
)

// A crf is a linear-chain conditional random field (Lafferty, McCallum and Pereira
// 2001): a sequence of labels y has the probability
//
//	p(y|x) ∝ exp Σ_t (Σ_f w[f, y_t] + v[y_{t−1}, y_t])
//
// over the features f of each position. Only pairs of feature and label, and of
// neighboring labels, that occur in training have weights. An I follows only the B
// or I of its own slot. Weights are stored divided by scale, so that decay is
// one multiplication.
type crf struct {
	labels int
	first  []int32 // feature f has the weights first[f] to first[f+1]
	label  []int16 // of each weight
	weight []float64
	pairs  []float64   // the weights of pairs of labels
	into   [][]arrival // by label: the pairs that end in it, prev ascending
	scale  float64
}

// An arrival is a pair of labels with a weight.
type arrival struct {
	prev int16
	at   int32 // in crf.pairs
}

// A sequence is a training text.
type sequence struct {
	features [][]int32
	gold     []int16
}

// newCRF returns a field with zero weights for what occurs in seqs.
func newCRF(labels, features int, seqs []sequence) *crf {
	c := &crf{labels: labels, scale: 1, into: make([][]arrival, labels)}
	follows := map[[2]int16]bool{}
	for _, s := range seqs {
		for t := 1; t < len(s.gold); t++ {
			follows[[2]int16{s.gold[t-1], s.gold[t]}] = true
		}
	}
	c.first, c.label = seen(features, seqs)
	c.weight = make([]float64, len(c.label))
	for y := range int16(labels) {
		for p := range int16(labels) {
			chained := continues(int(y)) && (p == y || p == y-1)
			if chained || follows[[2]int16{p, y}] {
				c.into[y] = append(c.into[y], arrival{p, int32(len(c.pairs))})
				c.pairs = append(c.pairs, 0)
			}
		}
	}
	return c
}

// seen returns the labels that occur with each feature, ascending: of feature f
// label[first[f]:first[f+1]].
func seen(features int, seqs []sequence) (first []int32, label []int16) {
	first = make([]int32, features+1)
	for _, s := range seqs {
		for _, active := range s.features {
			for _, f := range active {
				first[f+1]++
			}
		}
	}
	for f := range features {
		first[f+1] += first[f]
	}
	label = make([]int16, first[features])
	end := slices.Clone(first)
	for _, s := range seqs {
		for t, active := range s.features {
			for _, f := range active {
				label[end[f]] = s.gold[t]
				end[f]++
			}
		}
	}
	n := int32(0)
	for f := range features {
		once := label[first[f]:end[f]]
		slices.Sort(once)
		once = slices.Compact(once)
		first[f] = n
		n += int32(copy(label[n:], once))
	}
	first[features] = n
	return first, slices.Clone(label[:n])
}

// scores sets dst[y] to the sum of the active features' weights with label y.
func (c *crf) scores(dst []float64, active []int32) {
	clear(dst)
	for _, f := range active {
		for i := c.first[f]; i < c.first[f+1]; i++ {
			dst[c.label[i]] += c.weight[i]
		}
	}
	for y := range dst {
		dst[y] *= c.scale
	}
}

// The step of stochastic gradient descent in sequence t is
// firstStep/(1+firstStep·λ·t), as in Bottou 2012, "Stochastic Gradient Descent
// Tricks", section 5.2.
const firstStep = 0.2

// lookEvery is how many sequences are learned between two looks at a context: some
// milliseconds.
const lookEvery = 256

// train minimizes, over the mean sequence, −ln p(gold) + λ/2·‖w‖², λ = L2/sequences.
// It ends early when ctx does.
func (c *crf) train(ctx context.Context, seqs []sequence, o Options) {
	rng := rand.New(rand.NewPCG(1, 2))
	order := rng.Perm(len(seqs))
	lambda := o.L2 / float64(max(1, len(seqs)))
	lat := &lattice{crf: c, exp: make([]float64, len(c.pairs))}
	t := 0.0
	for range o.Epochs {
		rng.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		for n, i := range order {
			if n%lookEvery == 0 && ctx.Err() != nil {
				return
			}
			step := firstStep / (1 + firstStep*lambda*t)
			lat.step(&seqs[i], step)
			c.scale *= 1 - step*lambda
			t++
		}
		c.rescale()
	}
}

// rescale makes scale 1 again.
func (c *crf) rescale() {
	for i := range c.weight {
		c.weight[i] *= c.scale
	}
	for i := range c.pairs {
		c.pairs[i] *= c.scale
	}
	c.scale = 1
}

// A lattice computes marginal probabilities of one sequence's labels. Its rows
// are [positions, labels].
type lattice struct {
	*crf
	own         []float64 // exp of the features' scores, over the row's largest
	alpha, beta []float64
	norm        []float64 // sums that alpha's rows were divided by
	exp         []float64 // exp of the pairs' weights
	share       []float64
}

// step moves the weights along the gradient of ln p(gold).
func (l *lattice) step(s *sequence, size float64) {
	l.forward(s.features)
	l.backward(len(s.features))
	k := l.labels
	size /= l.scale
	for t, active := range s.features {
		alpha, beta := l.alpha[t*k:t*k+k], l.beta[t*k:t*k+k]
		for y := range l.share {
			l.share[y] = alpha[y] * beta[y]
		}
		l.share[s.gold[t]]--
		for _, f := range active {
			for i := l.first[f]; i < l.first[f+1]; i++ {
				l.weight[i] -= size * l.share[l.label[i]]
			}
		}
		if t > 0 {
			l.stepPairs(s, t, size)
		}
	}
}

// stepPairs moves the weights of pairs of labels at positions t−1 and t.
func (l *lattice) stepPairs(s *sequence, t int, size float64) {
	k := l.labels
	before := l.alpha[(t-1)*k : t*k]
	for y, into := range l.into {
		after := l.own[t*k+y] * l.beta[t*k+y] / l.norm[t]
		for _, p := range into {
			g := before[p.prev] * l.exp[p.at] * after
			if int(s.gold[t]) == y && s.gold[t-1] == p.prev {
				g--
			}
			l.pairs[p.at] -= size * g
		}
	}
}

// forward fills own, exp, alpha and norm: alpha[t] is p(y_t | x_0…x_t).
func (l *lattice) forward(features [][]int32) {
	n, k := len(features), l.labels
	l.own, l.alpha, l.beta = grow(l.own, n*k), grow(l.alpha, n*k), grow(l.beta, n*k)
	l.norm, l.share = grow(l.norm, n), grow(l.share, k)
	for i, w := range l.pairs {
		l.exp[i] = math.Exp(l.scale * w)
	}
	for t, active := range features {
		own, alpha := l.own[t*k:t*k+k], l.alpha[t*k:t*k+k]
		l.scores(own, active)
		top := own[argmax(own)]
		var sum float64
		for y := range own {
			own[y] = math.Exp(own[y] - top)
			alpha[y] = own[y] * l.arrive(t, y)
			sum += alpha[y]
		}
		l.norm[t] = sum
		for y := range alpha {
			alpha[y] /= sum
		}
	}
}

// arrive returns Σ_p alpha[t−1, p]·exp v[p, y]. alpha's row sums to 1, which is
// what the pairs without a weight contribute together with the others' first 1.
func (l *lattice) arrive(t, y int) float64 {
	free := !continues(y)
	if t == 0 {
		if free {
			return 1
		}
		return 0
	}
	before := l.alpha[(t-1)*l.labels : t*l.labels]
	var sum, one float64
	if free {
		sum, one = 1, 1
	}
	for _, p := range l.into[y] {
		sum += before[p.prev] * (l.exp[p.at] - one)
	}
	return max(sum, 0)
}

// backward fills beta, so that alpha·beta is the probability of a label given the
// whole text.
func (l *lattice) backward(n int) {
	k := l.labels
	for y := range l.beta[(n-1)*k:] {
		l.beta[(n-1)*k+y] = 1
	}
	for t := n - 2; t >= 0; t-- {
		beta, own, after := l.beta[t*k:t*k+k], l.own[(t+1)*k:(t+2)*k], l.beta[(t+1)*k:(t+2)*k]
		var free float64
		for y := range own {
			if !continues(y) {
				free += own[y] * after[y]
			}
		}
		for y := range beta {
			beta[y] = free
		}
		for y, into := range l.into {
			x := own[y] * after[y]
			one := 1.0
			if continues(y) {
				one = 0
			}
			for _, p := range into {
				beta[p.prev] += (l.exp[p.at] - one) * x
			}
		}
		for y := range beta {
			beta[y] = max(beta[y]/l.norm[t+1], 0)
		}
	}
}

// grow returns s with length n; its content is anything.
func grow(s []float64, n int) []float64 {
	if cap(s) < n {
		return make([]float64, n)
	}
	return s[:n]
}

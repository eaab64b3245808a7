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
	into   []int32   // the pairs into[y] to into[y+1] end in label y
	prev   []int16   // of each pair the label it begins with, ascending for each next
	next   []int16   // of each pair the label it ends in, ascending
	pairs  []float64 // the weights of pairs of labels
	scale  float64
}

// A sequence is a training text.
type sequence struct {
	features [][]int32
	gold     []int16
	shared   []int32 // features of all positions, which are not in features
}

// share returns s with its features shared where they can be. The bias and, mostly, the
// shape of words, which have the most labels, are then read and written once a sequence.
func (s sequence) share() sequence {
	rest := slices.Clone(s.features)
	for t := range rest {
		rest[t] = slices.Clone(rest[t])
	}
	for _, f := range s.features[0] {
		if slices.ContainsFunc(rest, func(active []int32) bool { return !slices.Contains(active, f) }) {
			continue
		}
		for t, active := range rest {
			i := slices.Index(active, f)
			rest[t] = slices.Delete(active, i, i+1)
		}
		s.shared = append(s.shared, f)
	}
	s.features = rest
	return s
}

// newCRF returns a field with zero weights for what occurs in seqs.
func newCRF(labels, features int, seqs []sequence) *crf {
	c := &crf{labels: labels, scale: 1, into: make([]int32, 1, labels+1)}
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
				c.prev, c.next = append(c.prev, p), append(c.next, y)
			}
		}
		c.into = append(c.into, int32(len(c.prev)))
	}
	c.pairs = make([]float64, len(c.prev))
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

// of returns the weights of feature f, and the label of each.
func (c *crf) of(f int32) ([]float64, []int16) {
	lo, hi := c.first[f], c.first[f+1]
	label := c.label[lo:hi]
	return c.weight[lo:hi][:len(label)], label
}

// add adds the active features' weights with label y to dst[y]: four at a time, as the
// compiler unrolls no loops.
func (c *crf) add(dst []float64, active []int32) {
	for _, f := range active {
		weight, label := c.of(f)
		i := 0
		for ; i < len(label)-3; i += 4 {
			dst[label[i]] += weight[i]
			dst[label[i+1]] += weight[i+1]
			dst[label[i+2]] += weight[i+2]
			dst[label[i+3]] += weight[i+3]
		}
		for ; i < len(label); i++ {
			dst[label[i]] += weight[i]
		}
	}
}

// learn subtracts step[y] from the active features' weights with label y, as add reads
// them.
func (c *crf) learn(active []int32, step []float64) {
	for _, f := range active {
		weight, label := c.of(f)
		i := 0
		for ; i < len(label)-3; i += 4 {
			weight[i] -= step[label[i]]
			weight[i+1] -= step[label[i+1]]
			weight[i+2] -= step[label[i+2]]
			weight[i+3] -= step[label[i+3]]
		}
		for ; i < len(label); i++ {
			weight[i] -= step[label[i]]
		}
	}
}

// scores sets dst[y] to the sum of the active features' weights with label y.
func (c *crf) scores(dst []float64, active []int32) {
	clear(dst)
	c.add(dst, active)
	c.rescore(dst)
}

// The step of stochastic gradient descent in sequence t is
// firstStep/(1+firstStep·λ·t), as in Bottou 2012, "Stochastic Gradient Descent
// Tricks", section 5.2.
const firstStep = 0.2

// lookEvery is how many sequences are learned between two looks at a context: some
// milliseconds.
const lookEvery = 256

// train minimizes, over the mean sequence, −ln p(gold) + λ/2·‖w‖², λ = L2/sequences.
// It ends early when ctx does. Products are rounded by float64 before they are added, so
// that no processor fuses the two: equal sequences give equal bits everywhere.
func (c *crf) train(ctx context.Context, seqs []sequence, o Options) {
	rng := rand.New(rand.NewPCG(1, 2))
	order := rng.Perm(len(seqs))
	shared := make([]sequence, len(seqs))
	for i, s := range seqs {
		shared[i] = s.share()
	}
	lambda := o.L2 / float64(max(1, len(seqs)))
	lat := newLattice(c)
	t := 0.0
	for range o.Epochs {
		rng.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		for n, i := range order {
			if n%lookEvery == 0 && ctx.Err() != nil {
				return
			}
			step := firstStep / (1 + float64(firstStep*lambda*t))
			lat.step(&shared[i], step)
			c.scale *= 1 - float64(step*lambda)
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
	inverse     []float64 // of the sums that alpha's rows were divided by
	free        []float64 // by label, 1 if it may follow any, else 0
	over        []float64 // by pair, exp of its weight less free
	count       []float64 // by pair, how often it is expected, over exp of its weight
	share, all  []float64 // by label, of a position and of all: what is learned, or scores
}

func newLattice(c *crf) *lattice {
	l := &lattice{
		crf: c, free: make([]float64, c.labels), share: make([]float64, c.labels), all: make([]float64, c.labels),
		over: make([]float64, len(c.pairs)), count: make([]float64, len(c.pairs)),
	}
	for y := range l.free {
		if !continues(y) {
			l.free[y] = 1
		}
	}
	return l
}

// step moves the weights along the gradient of ln p(gold).
func (l *lattice) step(s *sequence, size float64) {
	l.forward(s)
	l.backward(len(s.features))
	size /= l.scale
	clear(l.all)
	for t, active := range s.features {
		share, all := l.share, l.all[:len(l.share)]
		alpha, beta := l.row(l.alpha, t)[:len(share)], l.row(l.beta, t)[:len(share)]
		for y := range share {
			share[y] = float64(alpha[y] * beta[y] * size)
		}
		share[s.gold[t]] -= size
		for y, v := range share {
			all[y] += v
		}
		l.learn(active, share)
	}
	l.learn(s.shared, l.all)
	l.stepPairs(s.gold, size)
}

// stepPairs moves the weights of pairs of labels.
func (l *lattice) stepPairs(gold []int16, size float64) {
	for p, y := range l.next {
		l.pairs[p] -= float64((l.over[p] + l.free[y]) * l.count[p] * size)
	}
	for t, y := range gold[1:] { // what occurs in training has a weight
		into := l.prev[l.into[y]:l.into[y+1]]
		l.pairs[int(l.into[y])+slices.Index(into, gold[t])] += size
	}
}

// row returns the row of position t.
func (l *lattice) row(rows []float64, t int) []float64 { return rows[t*l.labels:][:l.labels] }

// forward fills own, over, alpha and inverse: alpha[t] is p(y_t | x_0…x_t).
func (l *lattice) forward(s *sequence) {
	n := len(s.features)
	l.own, l.alpha, l.beta = grow(l.own, n*l.labels), grow(l.alpha, n*l.labels), grow(l.beta, n*l.labels)
	l.inverse = grow(l.inverse, n)
	l.weighPairs()
	clear(l.all)
	l.add(l.all, s.shared)
	for t, active := range s.features {
		own, alpha := l.row(l.own, t), l.row(l.alpha, t)
		copy(own, l.all)
		l.add(own, active)
		exps(own, l.rescore(own))
		if t == 0 {
			copy(alpha, l.free)
		} else {
			l.arrive(alpha, l.row(l.alpha, t-1))
		}
		l.inverse[t] = normalize(alpha, own)
	}
}

// rescore multiplies sums of weights by scale, and returns the largest.
func (c *crf) rescore(sums []float64) float64 {
	top := math.Inf(-1)
	for y, s := range sums {
		s *= c.scale
		sums[y] = s
		if s > top {
			top = s
		}
	}
	return top
}

// normalize multiplies dst by own, and makes its sum 1 by a factor that it returns.
func normalize(dst, own []float64) float64 {
	var sum float64
	for y, p := range own[:len(dst)] {
		p = float64(p * dst[y])
		dst[y] = p
		sum += p
	}
	inverse := 1 / sum
	for y := range dst {
		dst[y] *= inverse
	}
	return inverse
}

// weighPairs fills over.
func (l *lattice) weighPairs() {
	for p, w := range l.pairs {
		l.over[p] = l.scale * w
	}
	exps(l.over, 0)
	for p, y := range l.next {
		l.over[p] -= l.free[y]
	}
}

// arrive sets dst[y] to Σ_p before[p]·exp v[p, y]. before sums to 1, which is
// what the pairs without a weight contribute together with the others' first 1.
func (l *lattice) arrive(dst, before []float64) {
	p, prev := 0, l.prev
	over, free := l.over[:len(prev)], l.free[:len(dst)]
	for y, end := range l.into[1:][:len(dst)] {
		sum := free[y]
		for ; p < int(end); p++ {
			sum += float64(before[prev[p]] * over[p])
		}
		if sum < 0 {
			sum = 0
		}
		dst[y] = sum
	}
}

// backward fills beta, so that alpha·beta is the probability of a label given the
// whole text but for rounding, by which it may lie below 0, and count. It writes to share.
func (l *lattice) backward(n int) {
	clear(l.count)
	last := l.row(l.beta, n-1)
	for y := range last {
		last[y] = 1
	}
	for t := n - 2; t >= 0; t-- {
		next, inverse := l.share, l.inverse[t+1]
		own, after := l.row(l.own, t+1)[:len(next)], l.row(l.beta, t+1)[:len(next)]
		var sum float64
		for y, free := range l.free[:len(next)] {
			x := own[y] * after[y] * inverse
			next[y] = x
			sum += float64(free * x)
		}
		beta := l.row(l.beta, t)
		for y := range beta {
			beta[y] = sum
		}
		l.leave(beta, l.row(l.alpha, t), next)
	}
}

// leave adds Σ_y over[p, y]·next[y] to dst[p], and before[p]·next[y] to count.
func (l *lattice) leave(dst, before, next []float64) {
	before = before[:len(dst)]
	over := l.over
	count, first, second := l.count[:len(over)], l.prev[:len(over)], l.next[:len(over)]
	for i, w := range over {
		p, x := first[i], next[second[i]]
		dst[p] += float64(w * x)
		count[i] += float64(before[p] * x)
	}
}

// grow returns s with length n; its content is anything.
func grow(s []float64, n int) []float64 {
	if cap(s) < n {
		return make([]float64, n)
	}
	return s[:n]
}

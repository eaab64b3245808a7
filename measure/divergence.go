package measure

import "math"

// A Divergence is how far a student's distribution over the next token is from
// its teacher's at one position.
type Divergence struct {
	KL      float64 // KL(teacher ‖ student) in nats, over the tokens that both have
	SameTop bool    // both have the same likeliest token (the first, of equals)
	Dropped float64 // the teacher's probability of tokens that the student lacks
}

// Diverge compares two rows of logits, of which the student's token i is the teacher's
// token kept[i]; nil says that both have the same tokens:
//
//	KL(p ‖ q) = Σ p·(ln p − ln q)     p = softmax(teacher[kept]), q = softmax(student)
//
// It is 0 for equal distributions, +Inf where the student rules out what the
// teacher does not, and NaN if a logit is. What the teacher gave to tokens that are not
// kept is reported as dropped. The top tokens are compared over the whole vocabulary of
// each. Diverge panics if the student's row has not the length of kept, or, without it,
// of the teacher's.
func Diverge(teacher, student []float32, kept []int32) Divergence {
	tokens := len(teacher)
	if kept != nil {
		tokens = len(kept)
	}
	if len(student) != tokens {
		panic("measure: the student's row of logits has another length than its tokens")
	}
	logP, logQ := logSum(teacher, kept), logSum(student, nil)
	var kl float64
	for i, q := range student {
		kl += term(float64(teacher[keptAt(kept, i)])-logP, float64(q)-logQ)
	}
	d := Divergence{KL: atLeastZero(kl), SameTop: tokens > 0 && keptAt(kept, argmax(student)) == argmax(teacher)}
	if kept != nil {
		d.Dropped = atLeastZero(-math.Expm1(logP - logSum(teacher, nil)))
	}
	return d
}

// keptAt returns kept[i], or i if all are kept.
func keptAt(kept []int32, i int) int {
	if kept == nil {
		return i
	}
	return int(kept[i])
}

// term is p·(ln p − ln q), which is 0 at p = 0.
func term(logP, logQ float64) float64 {
	p := math.Exp(logP)
	if p == 0 {
		return 0
	}
	return p * (logP - logQ)
}

// atLeastZero takes rounding's dust off a quantity that cannot be negative.
func atLeastZero(x float64) float64 {
	if x < 0 {
		return 0
	}
	return x
}

func argmax(x []float32) int {
	best := 0
	for i, v := range x {
		if v > x[best] {
			best = i
		}
	}
	return best
}

// logSum is ln Σ exp(x[kept]); of all x if kept is nil.
func logSum(x []float32, kept []int32) float64 {
	n := len(x)
	if kept != nil {
		n = len(kept)
	}
	top := math.Inf(-1)
	for i := range n {
		top = max(top, float64(x[keptAt(kept, i)]))
	}
	if math.IsInf(top, -1) {
		return top
	}
	var sum float64
	for i := range n {
		sum += math.Exp(float64(x[keptAt(kept, i)]) - top)
	}
	return top + math.Log(sum)
}

// Divergences gathers divergences by item: positions of one reply depend on each
// other, so the item is the unit of the standard errors.
type Divergences struct {
	tokens            int
	kl, same, dropped []float64 // one mean a closed item
	open              Divergence
	openSame          float64
	openTokens        int
}

// Add counts one position of the item that is open.
func (d *Divergences) Add(x Divergence) {
	d.open.KL += x.KL
	d.open.Dropped += x.Dropped
	if x.SameTop {
		d.openSame++
	}
	d.openTokens++
}

// EndItem closes the item; one without positions is not counted.
func (d *Divergences) EndItem() {
	if n := float64(d.openTokens); n > 0 {
		d.tokens += d.openTokens
		d.kl = append(d.kl, d.open.KL/n)
		d.same = append(d.same, d.openSame/n)
		d.dropped = append(d.dropped, d.open.Dropped/n)
	}
	d.open, d.openSame, d.openTokens = Divergence{}, 0, 0
}

// A DivergenceSummary holds the means over items of each item's mean over its
// positions.
type DivergenceSummary struct {
	Tokens  int
	KL      Estimate // nats a token
	SameTop Estimate // share of an item's positions
	Dropped Estimate // probability a token
}

// Summary returns the means over the closed items.
func (d *Divergences) Summary() DivergenceSummary {
	return DivergenceSummary{d.tokens, Mean(d.kl), Mean(d.same), Mean(d.dropped)}
}

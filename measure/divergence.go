package measure

import "math"

// A Divergence is how far a student's distribution over the next token is from
// its teacher's at one position.
type Divergence struct {
	KL      float64 // KL(teacher ‖ student) in nats, over the tokens that both have
	SameTop bool    // both have the same likeliest token (the first, of equals)
	Dropped float64 // the teacher's probability of tokens that the student lacks
}

// Diverge compares two rows of logits over the same tokens:
//
//	KL(p ‖ q) = Σ p·(ln p − ln q)     p = softmax(teacher), q = softmax(student)
//
// It is 0 for equal distributions, +Inf where the student rules out what the
// teacher does not, and NaN if a logit is. It panics if the rows differ in length.
func Diverge(teacher, student []float32) Divergence {
	if len(teacher) != len(student) {
		panic("measure: rows of logits differ in length")
	}
	topP, topQ := argmax(teacher), argmax(student)
	logP, logQ := logSum(teacher), logSum(student)
	var kl float64
	for i, t := range teacher {
		kl += term(float64(t)-logP, float64(student[i])-logQ)
	}
	return Divergence{KL: atLeastZero(kl), SameTop: topP == topQ}
}

// DivergeKept compares a teacher with a student that has only some of its tokens:
// the student's token i is the teacher's token kept[i]. The teacher's distribution
// is renormalized over those; what it gave to others is reported as dropped. The
// top tokens are compared over the whole vocabulary of each.
func DivergeKept(teacher, student []float32, kept []int32) Divergence {
	if len(student) != len(kept) {
		panic("measure: kept does not list the student's tokens")
	}
	all := logSum(teacher)
	logP, logQ := logSumKept(teacher, kept), logSum(student)
	var kl float64
	for i, t := range kept {
		kl += term(float64(teacher[t])-logP, float64(student[i])-logQ)
	}
	same := len(kept) > 0 && int(kept[argmax(student)]) == argmax(teacher)
	return Divergence{KL: atLeastZero(kl), SameTop: same, Dropped: atLeastZero(-math.Expm1(logP - all))}
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

// logSum is ln Σ exp(x).
func logSum(x []float32) float64 {
	if len(x) == 0 {
		return math.Inf(-1)
	}
	top := float64(x[argmax(x)])
	var sum float64
	for _, v := range x {
		sum += math.Exp(float64(v) - top)
	}
	return top + math.Log(sum)
}

// logSumKept is ln Σ exp(x[kept]).
func logSumKept(x []float32, kept []int32) float64 {
	top := math.Inf(-1)
	for _, t := range kept {
		top = max(top, float64(x[t]))
	}
	if math.IsInf(top, -1) {
		return top
	}
	var sum float64
	for _, t := range kept {
		sum += math.Exp(float64(x[t]) - top)
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

package distill

import (
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"limbeck/nn/op"
)

// Finite differences in f32 with a step of 1e-2 are good to about 1e-3.
const (
	step              = 1e-2
	gradientTolerance = 2e-3
	zeroTolerance     = 1e-5
)

func randomLogits(r *rand.Rand, n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(2 * r.NormFloat64())
	}
	return v
}

// targetOf returns the distribution of logits at a temperature: whole, or the
// first k tokens and a tail.
func targetOf(logits []float32, temperature float64, k int) target {
	logP := make([]float32, len(logits))
	Vocabulary(nil).project(logP, logits, temperature, newBlocks().of(0))
	if k == 0 {
		return target{LogP: logP}
	}
	t := target{LogP: logP[:k], Tail: 1}
	for i := range k {
		t.IDs = append(t.IDs, int32(i))
		t.Tail -= math.Exp(float64(logP[i]))
	}
	return t
}

var losses = map[string]func(t []target, temperature float64) op.RowLoss{
	"forward": func(t []target, temperature float64) op.RowLoss { return &forwardKL{t, temperature, 0.5, newBlocks()} },
	"reverse": func(t []target, temperature float64) op.RowLoss { return &reverseKL{t, temperature, 0.5, newBlocks()} },
}

func TestLossIsZeroAtEquality(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	logits := randomLogits(r, 40)
	for name, loss := range losses {
		for _, k := range []int{0, 5} {
			l := loss([]target{targetOf(logits, 2, k)}, 2)
			if got := l.Loss(0, logits, nil); math.Abs(got) > zeroTolerance {
				t.Errorf("%s, top %d: loss %g at equality, want 0", name, k, got)
			}
		}
	}
}

func TestLossGradient(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for name, loss := range losses {
		for _, temperature := range []float64{1, 2} {
			for _, k := range []int{0, 5} {
				logits := randomLogits(r, 40)
				l := loss([]target{targetOf(randomLogits(r, 40), temperature, k)}, temperature)
				grad := make([]float32, len(logits))
				if l.Loss(0, logits, grad) <= 0 {
					t.Errorf("%s, T %g, top %d: not positive", name, temperature, k)
				}
				for i := range logits {
					old := logits[i]
					logits[i] = old + step
					up := l.Loss(0, logits, nil)
					logits[i] = old - step
					down := l.Loss(0, logits, nil)
					logits[i] = old
					if want := (up - down) / (2 * step); math.Abs(want-float64(grad[i])) > gradientTolerance {
						t.Errorf("%s, T %g, top %d: gradient %d is %g, finite difference %g", name, temperature, k, i, grad[i], want)
					}
				}
			}
		}
	}
}

// BenchmarkLoss takes targets of 16 tokens among 4,980.
func BenchmarkLoss(b *testing.B) {
	const n, k = 4980, 16
	r := rand.New(rand.NewPCG(7, 8))
	p := target{Tail: 0.2}
	for i := range k {
		p.IDs = append(p.IDs, int32(i*(n/k)+r.IntN(n/k)))
		p.LogP = append(p.LogP, float32(math.Log((1-p.Tail)/k)))
	}
	logits, grad := randomLogits(r, n), make([]float32, n)
	for _, name := range slices.Sorted(maps.Keys(losses)) {
		l := losses[name]([]target{p}, 1)
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				l.Loss(0, logits, grad)
			}
		})
	}
}

// A student that is all but certain has a tail that its other probabilities do not tell
// from 0, which the loss and its gradient still know.
func TestSmallTail(t *testing.T) {
	const n, k = 40, 1
	student, teacher := make([]float32, n), make([]float32, n)
	student[0], teacher[0] = 20, 8
	e8, e20 := math.Exp(8), math.Exp(20)
	p, q := e8/(e8+n-1), e20/(e20+n-1)
	tailP, tailQ := (n-1)/(e8+n-1), (n-1)/(e20+n-1)
	for name, want := range map[string]struct{ loss, top, other float64 }{
		"forward": {p*math.Log(p/q) + tailP*math.Log(tailP/tailQ), q - p, (tailQ - tailP) / (n - 1)},
		"reverse": {q*math.Log(q/p) + tailQ*math.Log(tailQ/tailP), 0, 0},
	} {
		l := losses[name]([]target{targetOf(teacher, 1, k)}, 1)
		grad := make([]float32, n)
		if got := l.Loss(0, student, grad); math.Abs(got-0.5*want.loss) > zeroTolerance {
			t.Errorf("%s: loss %g, want %g", name, got, 0.5*want.loss)
		}
		if name != "forward" {
			continue
		}
		for i, g := range grad {
			w := 0.5 * want.other
			if i < k {
				w = 0.5 * want.top
			}
			if math.Abs(float64(g)-w) > 1e-3*math.Abs(w) {
				t.Errorf("gradient %d is %g, want %g", i, g, w)
			}
		}
	}
}

// By hand, p = (½, ½) and q = (¼, ¾) at T = 2: which way the divergence goes, T², and
// the gradient W·T·(q − p).
func TestLossByHand(t *testing.T) {
	const weight, temperature = 0.5, 2
	logits := []float32{0, float32(temperature * math.Log(3))}
	ln := func(x float64) float64 { return math.Log(x) }
	for name, want := range map[string]float64{
		"forward": 0.5*ln(0.5/0.25) + 0.5*ln(0.5/0.75),
		"reverse": 0.25*ln(0.25/0.5) + 0.75*ln(0.75/0.5),
	} {
		grad := make([]float32, 2)
		got := losses[name]([]target{targetOf([]float32{1, 1}, temperature, 0)}, temperature).Loss(0, logits, grad)
		if want *= weight * temperature * temperature; math.Abs(got-want) > 1e-6 {
			t.Errorf("%s: loss %g, want %g", name, got, want)
		}
		if g := weight * temperature * 0.25; name == "forward" && (math.Abs(float64(grad[0])+g) > 1e-6 || math.Abs(float64(grad[1])-g) > 1e-6) {
			t.Errorf("%s: gradient %v, want −%g and %g", name, grad, g, g)
		}
	}
}

// A coarser partition of the tokens cannot have a greater divergence.
func TestTopKIsALowerBound(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 50 {
		student, teacher := randomLogits(r, 40), randomLogits(r, 40)
		for name, loss := range losses {
			whole := loss([]target{targetOf(teacher, 1, 0)}, 1).Loss(0, student, nil)
			top := loss([]target{targetOf(teacher, 1, 7)}, 1).Loss(0, student, nil)
			if top < 0 || top > whole+zeroTolerance {
				t.Errorf("%s: top 7 and tail give %g, the whole distribution %g", name, top, whole)
			}
		}
	}
}

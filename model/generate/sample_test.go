package generate

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// filtered returns, by definition, the tokens that o leaves: all sorted, cut by
// top-k, renormalized, cut by top-p, cut by min-p.
func filtered(logits []float32, o Options) []int {
	ids := make([]int, len(logits))
	for i := range ids {
		ids[i] = i
	}
	slices.SortStableFunc(ids, func(a, b int) int { return cmp.Compare(logits[b], logits[a]) })
	if o.TopK > 0 {
		ids = ids[:min(o.TopK, len(ids))]
	}
	weight := func(id int) float64 { return math.Exp(float64(logits[id] - logits[ids[0]])) }
	if o.TopP > 0 && o.TopP < 1 {
		var total, sum float64
		for _, id := range ids {
			total += weight(id)
		}
		for i, id := range ids {
			if sum += weight(id) / total; sum >= o.TopP {
				ids = ids[:i+1]
				break
			}
		}
	}
	for len(ids) > 1 && weight(ids[len(ids)-1]) < o.MinP {
		ids = ids[:len(ids)-1]
	}
	return ids
}

func TestSamplerKeepsWhatTheFiltersLeave(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{1, 2, 7, 1000} {
		logits := make([]float32, n)
		for i := range logits {
			logits[i] = float32(r.NormFloat64() * 3)
			if i > 0 && r.IntN(4) == 0 {
				logits[i] = logits[r.IntN(i)]
			}
		}
		for _, k := range []int{0, 1, 3, 40, 5000} {
			for _, p := range []float64{0, 0.01, 0.5, 0.95, 1} {
				for _, m := range []float64{0, 0.05, 0.7, 1} {
					o := Options{Temperature: 0.8, TopK: k, TopP: p, MinP: m}
					if !o.filters() {
						continue
					}
					var s sampler
					s.init(o)
					s.shortlist(logits)
					if most := 2 * k; k > 0 && cap(s.cand) > max(2*most, 16) {
						t.Errorf("%d logits, top-k %d: room for %d candidates was made, want about %d", n, k, cap(s.cand), most)
					}
					var got []int
					for _, c := range s.cand {
						got = append(got, c.id)
					}
					want := filtered(logits, o)
					slices.Sort(got)
					slices.Sort(want)
					if !slices.Equal(got, want) {
						t.Errorf("%d logits, top-k %d, top-p %g, min-p %g: kept %d tokens, want %d", n, k, p, m, len(got), len(want))
					}
				}
			}
		}
	}
}

// Drawn often, a token comes as often as its probability says, within four
// standard errors: of few tokens, and of more than are drawn as one, of which the
// rare ones are judged together.
func TestSamplerDrawsByProbability(t *testing.T) {
	few := []float32{1, -2, 0.5, 3, 2.5, -9, 0}
	many := make([]float32, 2*drawBlock+100)
	r := rand.New(rand.NewPCG(3, 4))
	for i := range many {
		many[i] = float32(r.NormFloat64() * 2)
	}
	many[drawBlock-1], many[drawBlock], many[len(many)-1] = 7, 6, 6
	many[3] = float32(math.Inf(-1))
	for _, logits := range [][]float32{few, many} {
		for _, o := range []Options{{Temperature: 1}, {Temperature: 0.5}, {Temperature: 2, TopK: 3}, {Temperature: 1, TopP: 0.8}, {Temperature: 1, MinP: 0.1}} {
			checkDraws(t, logits, o)
		}
	}
}

func checkDraws(t *testing.T, logits []float32, o Options) {
	t.Helper()
	kept := filtered(logits, o)
	var total float64
	for _, id := range kept {
		total += math.Exp(float64(logits[id]) / o.Temperature)
	}
	const draws = 20000
	count := make([]int, len(logits))
	var s sampler
	s.init(o)
	for range draws {
		count[s.next(slices.Clone(logits), nil)]++
	}
	check := func(what string, n int, p float64) {
		if got := float64(n) / draws; math.Abs(got-p) > 4*math.Sqrt(p*(1-p)/draws) {
			t.Errorf("%d logits, %+v: %s drawn with frequency %g, want %g", len(logits), o, what, got, p)
		}
	}
	rare, rareP := 0, 0.0
	for id, n := range count {
		var p float64
		if slices.Contains(kept, id) {
			p = math.Exp(float64(logits[id])/o.Temperature) / total
		}
		if 0 < p && p < 10.0/draws && len(logits) > drawBlock {
			rare, rareP = rare+n, rareP+p
		} else {
			check(fmt.Sprintf("token %d", id), n, p)
		}
	}
	check("all rare tokens", rare, rareP)
}

// At the least temperatures there is, a draw is the most probable token.
func TestSamplerDrawsTheGreatestWhenCold(t *testing.T) {
	for _, temperature := range []float64{1e-3, 1e-30, math.SmallestNonzeroFloat64} {
		var s sampler
		s.init(Options{Temperature: temperature})
		for range 100 {
			if id := s.next([]float32{-1, 2, 1.5, float32(math.Inf(-1)), 0}, nil); id != 1 {
				t.Fatalf("temperature %g: drew token %d, want 1", temperature, id)
			}
		}
	}
}

// The first of the greatest is found wherever it lies; among what is no number, one
// that exists.
func TestArgmax(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	of := func(n int, v float32, at map[int]float32) []float32 {
		x := slices.Repeat([]float32{v}, n)
		for i, v := range at {
			x[i] = v
		}
		return x
	}
	for _, c := range []struct {
		x    []float32
		want int
	}{
		{of(1000, 0, map[int]float32{255: 1}), 255},
		{of(1000, 0, map[int]float32{256: 1, 257: 1, 900: 1}), 256},
		{of(1000, -1, map[int]float32{999: -0.5}), 999},
		{of(300, -inf, map[int]float32{299: inf}), 299},
		{of(300, -inf, nil), 0},
		{of(300, 2, nil), 0},
		{nil, 0},
	} {
		if got := argmax(c.x); got != c.want {
			t.Errorf("of %d: %d, want %d", len(c.x), got, c.want)
		}
	}
	for _, x := range [][]float32{of(300, nan, nil), of(300, nan, map[int]float32{7: -inf}), of(300, -1, map[int]float32{299: nan})} {
		if got := argmax(x); got < 0 || got >= len(x) {
			t.Errorf("of %d, some no numbers: %d", len(x), got)
		}
	}
}

func BenchmarkSample(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	logits := make([]float32, 49152)
	for i := range logits {
		logits[i] = float32(r.NormFloat64() * 3)
	}
	for _, o := range []Options{{}, {Temperature: 1}, {Temperature: 0.7, TopK: 40}, {Temperature: 0.7, TopP: 0.9}, {Temperature: 0.7, MinP: 0.05}} {
		b.Run(fmt.Sprintf("t=%g,k=%d,p=%g,min=%g", o.Temperature, o.TopK, o.TopP, o.MinP), func(b *testing.B) {
			var s sampler
			s.init(o)
			for b.Loop() {
				s.next(logits, nil)
			}
		})
	}
}

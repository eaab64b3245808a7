package kernel

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
)

var adamWSettings = AdamWParams{
	LR: 3e-3, Beta1: 0.9, Beta2: 0.999, Eps: 1e-8, Decay: 0.1,
	Correction1: 1 - 0.9*0.9*0.9, Correction2: 1 - 0.999*0.999*0.999, Scale: 0.5,
}

// TestAdamWSameBits: the operations are the same, one by one, in every tier.
func TestAdamWSameBits(t *testing.T) {
	fastTiers(t, func(t *testing.T) {
		for _, n := range lengths() {
			r := rand.New(rand.NewPCG(31, uint64(n)))
			var v, w [4][]float32
			var all [4][]float32
			for i := range v {
				v[i], all[i] = fenced(n)
				copy(v[i], randoms(r, n))
				if i == 3 {
					for k, x := range v[i] {
						v[i][k] = x * x // a second moment is not negative
					}
				}
				w[i] = slices.Clone(v[i])
			}
			AdamW(v[0], v[1], v[2], v[3], adamWSettings)
			inTier(tierGeneric, func() { AdamW(w[0], w[1], w[2], w[3], adamWSettings) })
			for i := range v {
				if !slices.Equal(v[i], w[i]) {
					t.Fatalf("length %d: slice %d differs", n, i)
				}
				if !fencesStand(all[i]) {
					t.Fatalf("length %d: slice %d: wrote beyond its ends", n, i)
				}
			}
		}
	})
}

// TestAdamWFollowsTheFormula runs 20 steps beside f64.
func TestAdamWFollowsTheFormula(t *testing.T) {
	const n, steps = 19, 20
	const tolerance = 1e-6 // 20 steps of LR 3e-3, each good to some ulps
	eachTier(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(32, 0))
		w := randoms(r, n)
		m, v := make([]float32, n), make([]float32, n)
		var w64, m64, v64 [n]float64
		for i := range w {
			w64[i] = float64(w[i])
		}
		p := adamWSettings
		for step := 1; step <= steps; step++ {
			p.Correction1 = 1 - math.Pow(p.Beta1, float64(step))
			p.Correction2 = 1 - math.Pow(p.Beta2, float64(step))
			g := randoms(r, n)
			AdamW(w, g, m, v, p)
			for i := range w64 {
				d := float64(g[i]) * p.Scale
				m64[i] = p.Beta1*m64[i] + (1-p.Beta1)*d
				v64[i] = p.Beta2*v64[i] + (1-p.Beta2)*d*d
				w64[i] -= p.LR * p.Decay * w64[i]
				w64[i] -= p.LR * (m64[i] / p.Correction1) / (math.Sqrt(v64[i]/p.Correction2) + p.Eps)
			}
		}
		for i := range w {
			if math.Abs(float64(w[i])-w64[i]) > tolerance {
				t.Errorf("weight %d is %v, want %v", i, w[i], w64[i])
			}
		}
	})
}

func TestAdamWScaleZeroMeansOne(t *testing.T) {
	one, none := adamWSettings, adamWSettings
	one.Scale, none.Scale = 1, 0
	a, b := [][]float32{{1}, {2}, {3}, {4}}, [][]float32{{1}, {2}, {3}, {4}}
	AdamW(a[0], a[1], a[2], a[3], one)
	AdamW(b[0], b[1], b[2], b[3], none)
	if a[0][0] != b[0][0] || a[2][0] != b[2][0] {
		t.Error("Scale 0 differs from Scale 1")
	}
}

// bits32 are floats, written as their bits in hexadecimal.
type bits32 []float32

func (b *bits32) UnmarshalJSON(text []byte) error {
	var words []string
	if err := json.Unmarshal(text, &words); err != nil {
		return err
	}
	for _, s := range words {
		u, err := strconv.ParseUint(s, 16, 32)
		if err != nil {
			return err
		}
		*b = append(*b, math.Float32frombits(uint32(u)))
	}
	return nil
}

// TestAdamWFollowsTorch repeats steps of torch.optim.AdamW, testdata/adamw.py.
// Torch fuses some products into sums and this package none.
func TestAdamWFollowsTorch(t *testing.T) {
	text, err := os.ReadFile("testdata/adamw.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		Start bits32
		Steps []struct{ G, W, M, V bits32 }
	}
	if err := json.Unmarshal(text, &golden); err != nil {
		t.Fatal(err)
	}
	const tolerance = 0x1p-22 // two roundings, relative
	eachTier(t, func(t *testing.T) {
		w := slices.Clone(golden.Start)
		m, v := make([]float32, len(w)), make([]float32, len(w))
		for i, s := range golden.Steps {
			AdamW(w, s.G, m, v, AdamWParams{
				LR: 3e-3, Beta1: 0.9, Beta2: 0.95, Eps: 1e-8, Decay: 0.1,
				Correction1: 1 - math.Pow(0.9, float64(i+1)), Correction2: 1 - math.Pow(0.95, float64(i+1)),
			})
			for k := range w {
				if !near(w[k], s.W[k], tolerance) || !near(m[k], s.M[k], tolerance) || !near(v[k], s.V[k], tolerance) {
					t.Fatalf("step %d, element %d: w, m, v are %v, %v, %v, want %v, %v, %v",
						i, k, w[k], m[k], v[k], s.W[k], s.M[k], s.V[k])
				}
			}
		}
	})
}

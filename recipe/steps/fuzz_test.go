package steps_test

import (
	"bytes"
	"encoding/gob"
	"io"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"

	"limbeck/compress/distill"
	"limbeck/eval/compare"
	"limbeck/eval/report"
	"limbeck/recipe/steps"
)

const (
	fuzzVocab = 50

	// cacheGrowth is how many bytes reading a byte of a cache may allocate: an
	// element takes 8 bytes of memory and 1 of the file at least, slices grow by
	// doubling, and the decoder keeps the message.
	cacheGrowth = 64
	cacheFixed  = 32 << 20 // of the decoder: it trusts a message's claim up to 10 MB
)

func gobOf(tb testing.TB, v any) []byte {
	tb.Helper()
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(v); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

func goodCache() distill.Cache {
	return distill.Cache{K: 2, Temperature: 2, IDs: []int32{0, 4, 7, 49, 1, 2}, LogP: []float32{-1, -2, -3, float32(math.Inf(-1)), -0.5, -1},
		Tail: []float64{0.5, 0.25, 0}, First: []int{0, 1, 1, 3}, Dropped: 0.125}
}

func encoded(tb testing.TB, rows int, parts ...distill.Cache) []byte {
	tb.Helper()
	var b bytes.Buffer
	e := gob.NewEncoder(&b)
	if err := e.Encode(rows); err != nil {
		tb.Fatal(err)
	}
	for i := range parts {
		if err := e.Encode(&parts[i]); err != nil {
			tb.Fatal(err)
		}
	}
	return b.Bytes()
}

// What of a cache does not fit together or the student is refused.
func TestCacheIsChecked(t *testing.T) {
	if _, err := steps.DecodeCache(encoded(t, 3, goodCache()), fuzzVocab); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(c *distill.Cache){
		"k is 51":               func(c *distill.Cache) { c.K = 51 },
		"want 3 rows of 3":      func(c *distill.Cache) { c.K = 3 },
		"do not rise":           func(c *distill.Cache) { c.First = []int{0, 2, 1, 3} },
		"from 0 to 3":           func(c *distill.Cache) { c.First = []int{0, 4} },
		"row 1: token 50":       func(c *distill.Cache) { c.IDs[3] = 50 },
		"row 0: token -1":       func(c *distill.Cache) { c.IDs[0] = -1 },
		"row 2: token 1":        func(c *distill.Cache) { c.IDs[5] = 1 },
		"row 0: what should":    func(c *distill.Cache) { c.LogP[1] = float32(math.NaN()) },
		"row 2: what should":    func(c *distill.Cache) { c.Tail[2] = -1 },
		"temperature 0":         func(c *distill.Cache) { c.Temperature = 0 },
		"dropped probability 2": func(c *distill.Cache) { c.Dropped = 2 },
	} {
		c := goodCache()
		change(&c)
		if _, err := steps.DecodeCache(encoded(t, len(c.Tail), c), fuzzVocab); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want an error with %q", err, want)
		}
	}
}

// Parts that are not of one cache, or not all of it, are refused.
func TestCachePartsAreChecked(t *testing.T) {
	other := goodCache()
	other.Temperature = 3
	for want, text := range map[string][]byte{
		"6 rows, want 7":      encoded(t, 7, goodCache(), goodCache()),
		"after one of 2 at 2": encoded(t, 6, goodCache(), other),
		"rows of 2 tokens in": encoded(t, 1<<40, goodCache()),
		"-1 rows":             encoded(t, -1, goodCache()),
		"EOF":                 encoded(t, 0),
	} {
		if _, err := steps.DecodeCache(text, fuzzVocab); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want an error with %q", err, want)
		}
	}
}

// A file that claims to hold more than it does allocates no more than it is long.
func FuzzCache(f *testing.F) {
	good := encoded(f, 3, goodCache())
	f.Add(good)
	f.Add(good[:len(good)/2])
	f.Add(append(gobOf(f, 3), gobOf(f, struct{ IDs []float64 }{[]float64{1}})...))
	f.Add(encoded(f, 1<<40, goodCache()))
	f.Add(append([]byte{0xfa, 0x3f, 0xff, 0xff, 0xff, 0xff, 0xff}, good...)) // one of 2^46 bytes
	f.Fuzz(func(t *testing.T, text []byte) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		c, err := steps.DecodeCache(text, fuzzVocab)
		runtime.ReadMemStats(&after)
		if n, most := after.TotalAlloc-before.TotalAlloc, uint64(cacheFixed+cacheGrowth*len(text)); n > most {
			t.Errorf("%d bytes made the reader allocate %d, want at most %d", len(text), n, most)
		}
		if err != nil {
			return
		}
		var b bytes.Buffer
		if err := steps.EncodeCache(&b, 2*len(c.Tail), c, c); err != nil {
			t.Fatal(err)
		}
		again, err := steps.DecodeCache(b.Bytes(), fuzzVocab)
		rows, cells := len(c.Tail), len(c.IDs)
		if err != nil || again.K != c.K || !slices.Equal(again.IDs[:cells], c.IDs) || !slices.Equal(again.IDs[cells:], c.IDs) || !slices.Equal(again.First[:len(c.First)], c.First) {
			t.Fatalf("what was written in two parts reads as %+v, %v, want %+v twice", again, err, c)
		}
		if err := again.Check(fuzzVocab); err != nil || len(again.Tail) != 2*rows {
			t.Errorf("twice the cache: %v", err)
		}
	})
}

// What is read of a training.json can be drawn.
func FuzzTraining(f *testing.F) {
	f.Add([]byte(`{"steps": 10, "curve": [{"step": 5, "loss": 2.5, "validation": 2.25, "metric": 0.5}, {"step": 10, "loss": 1}]}`))
	f.Add([]byte(`{"curve": [{"step": 2, "loss": 2, "validation": 1}], "course": [{"step": 1, "loss": 3}, {"step": 2, "loss": 2}]}`))
	f.Add([]byte(`{"curve": [{"step": 1, "loss": 1e308}, {"step": 2, "loss": -1e308, "validation": 1e-320}]}`))
	f.Add([]byte(`{"curve": [{"step": 9223372036854775807}, null, {}], "tried": null}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		training, err := steps.ParseTraining(text)
		if err != nil {
			return
		}
		r := report.Report{Curves: []report.Curve{compare.Curve("x", training.Course, training.Curve, training.LossAlone)}}
		for _, write := range []func(io.Writer) error{r.WriteHTML, r.WriteJSON} {
			if err := write(io.Discard); err != nil {
				t.Error(err)
			}
		}
	})
}

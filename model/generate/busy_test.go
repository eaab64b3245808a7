package generate

import (
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"limbeck/internal/par"
	"limbeck/internal/testkit"
	"limbeck/tensor/dtype"
)

// spinVariable makes this program the endless loop that [spin] starts.
const spinVariable = "LIMBECK_TEST_SPIN"

func TestMain(m *testing.M) {
	if os.Getenv(spinVariable) == "" {
		os.Exit(m.Run())
	}
	go func() { // the parent closed the input, or died
		io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	for n := 0; ; n++ {
	}
}

// spin starts n endless loops of one thread each and returns what ends them.
func spin(b *testing.B, n int) (end func()) {
	var ends []func()
	for range n {
		c := exec.Command(os.Args[0])
		c.Env = append(os.Environ(), spinVariable+"=1")
		in, err := c.StdinPipe()
		if err == nil {
			err = c.Start()
		}
		if err != nil {
			b.Fatal(err)
		}
		ends = append(ends, func() { in.Close(); c.Wait() })
	}
	return func() {
		for _, f := range ends {
			f()
		}
	}
}

const busyTime = 2 * time.Second // of each measurement

// BenchmarkBusy decodes by turns alone and beside endless loops of normal
// priority, one a core, in the shape of SmolLM2-135M. A system that shares its
// cores by session counts the loops in: they are children of this process.
func BenchmarkBusy(b *testing.B) {
	const threads = 2
	m := randomModel(b, testkit.SmolLM2(), dtype.Q4_0)
	pool := par.New(threads)
	defer pool.Close()
	m.Pack(pool)
	r := NewRunner(m, pool, Precision{})
	var idle, busy []float64
	for b.Loop() {
		idle = append(idle, decodeRate(b, r))
		end := spin(b, threads)
		busy = append(busy, decodeRate(b, r))
		end()
	}
	b.ReportMetric(median(idle), "idle-tok/s")
	b.ReportMetric(median(busy), "busy-tok/s")
	b.ReportMetric(median(busy)/median(idle), "busy/idle")
}

// decodeRate returns the tokens a second of writing for busyTime.
func decodeRate(b *testing.B, r *Runner) float64 {
	rng := rand.New(rand.NewPCG(1, 1))
	written, start := 0, time.Now()
	var took time.Duration
	for time.Since(start) < busyTime {
		reply, err := r.NewSession(0).Reply(b.Context(), testkit.IDs(rng, 1, r.Model.Config().Vocab), Options{MaxTokens: 33, Endless: true}, nil)
		if err != nil {
			b.Fatal(err)
		}
		written, took = written+len(reply.IDs)-1, took+reply.Total-reply.First
	}
	return float64(written) / took.Seconds()
}

func median(x []float64) float64 {
	slices.Sort(x)
	return (x[(len(x)-1)/2] + x[len(x)/2]) / 2
}

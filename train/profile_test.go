package train

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"limbeck/internal/par"
	"limbeck/nn/op"
)

// BenchmarkProfile logs where the time of a step of the 135M shape goes, and how
// many operations a second its products reach.
func BenchmarkProfile(b *testing.B) {
	m, set := smolStep(b)
	for _, bf16 := range []bool{false, true} {
		b.Run(fmt.Sprintf("bf16=%v", bf16), func(b *testing.B) {
			pool := par.New(0)
			defer pool.Close()
			t := smolTrainer(b, m, set, bf16, pool)
			step := func() {
				if _, _, err := t.step(b.Context(), []int{0, 1}, 100); err != nil {
					b.Fatal(err)
				}
			}
			step() // reserves memory
			t.tape.Profile = &op.Profile{}
			pool.Watch()
			start := time.Now()
			t.tape.Profile.Start()
			for b.Loop() {
				step()
			}
			spent, took := t.tape.Profile.Stop(), time.Since(start)
			runs, work := pool.Spent()
			b.Log(stepTable(spent, b.N))
			b.ReportMetric(100*(1-(work+took-runs).Seconds()/(took.Seconds()*float64(pool.Threads()))), "%idle")
			b.ReportMetric(100*(1-runs.Seconds()/took.Seconds()), "%alone")
		})
	}
}

// multiplied returns the floating-point operations of s in a step of 1,024
// tokens: a product with a weight takes two an element and token, and twice that
// backward.
func multiplied(s op.Spender) float64 {
	const tokens = 1024
	q, kv := smol.Heads*smol.HeadDim, smol.KVHeads*smol.HeadDim
	block := map[string]int{
		"attn_q": q * smol.Width, "attn_k": kv * smol.Width, "attn_v": kv * smol.Width, "attn_output": smol.Width * q,
		"ffn_gate": smol.FFN * smol.Width, "ffn_up": smol.FFN * smol.Width, "ffn_down": smol.Width * smol.FFN,
	}
	var n float64
	for kind := range strings.SplitSeq(s.Weight, "+") {
		n += 2 * tokens * float64(smol.Layers*block[kind])
	}
	head := 2 * tokens * float64(smol.Vocab*smol.Width)
	switch {
	case s.Weight == "token_embd":
		return head
	case s.Op == "head loss" && !s.Back:
		return 2 * head
	case s.Back:
		return 2 * n
	}
	return n
}

// stepTable lists what was spent in so many steps, the most first.
func stepTable(spent map[op.Spender]op.Spent, steps int) string {
	var all time.Duration
	var order []op.Spender
	for s, x := range spent {
		all += x.Time
		order = append(order, s)
	}
	slices.SortFunc(order, func(a, b op.Spender) int { return int(spent[b].Time - spent[a].Time) })
	var out strings.Builder
	for _, s := range order {
		way := "forward"
		if s.Back {
			way = "backward"
		}
		seconds := spent[s].Time.Seconds() / float64(steps)
		fmt.Fprintf(&out, "\n%-12s %-12s %-9s %7.1f ms %5.1f %%", s.Op, s.Weight, way, 1e3*seconds, 100*spent[s].Time.Seconds()/all.Seconds())
		if n := multiplied(s); n > 0 {
			fmt.Fprintf(&out, " %6.0f GFLOP/s", n/seconds/1e9)
		}
	}
	return out.String()
}

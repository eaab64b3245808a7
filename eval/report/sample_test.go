package report

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// sample is a full report with every kind of content, made up but plausible:
// what the goldens show.
func sample() *Report {
	r := &Report{
		Title:   "Home assistant: from SmolLM2 to a student of 2.7 MB",
		Created: "2026-11-23T18:20:00Z",
		Task:    "home-assistant (json_slots)",
		Data: Data{Path: "data/home-assistant/test.jsonl", N: 1076, Split: "test",
			File:     "sha256:0f9b1c2d3e4a5b6c7d8e9f0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e",
			Examples: "sha256:6f1e0c7d2b9a4f5e8c3d1a0b9f8e7d6c5b4a39281706f5e4d3c2b1a09f8e7d6c"},
		Machine:  Machine{CPU: "AMD EPYC 9B14", Tier: "avx512", Threads: 2},
		Interval: Interval{Level: N(0.95), Method: Bootstrap, Resamples: 10000, Seed: 1},
		Models:   []Model{sampleRecorded(), sampleTeacher(), sampleMiddle(), sampleStudent(), sampleClassical()},
		Pairs:    samplePairs(),
		Curves:   []Curve{sampleCurve("distill", 1.9, 0.21, 0.694, 3), sampleCurve("fine-tune teacher", 3.4, 0.34, 0.711, 5)},
		Tables:   []Table{sampleTable()},
		Examples: sampleExamples(),
		Notes: []Note{
			{"Test split", "Opened once, after the recipes were frozen."},
			{"Speed", "Greedy replies, prompts in the same order, a fresh process each round."},
		},
	}
	for _, name := range []string{"exact_match", "intent_accuracy", "slot_f1", "invalid_json", "foreign_values"} {
		r.Metrics = append(r.Metrics, r.Describe(name))
	}
	return r
}

// scores makes the five metrics with binomial errors.
func scores(values ...float64) []Metric {
	names := []string{"exact_match", "intent_accuracy", "slot_f1", "invalid_json", "foreign_values"}
	var out []Metric
	for i, v := range values {
		se := math.Sqrt(v * (1 - v) / 1076)
		out = append(out, Metric{names[i], N(v), N(se), N(max(0, v-1.96*se)), N(v + 1.96*se), 1076})
	}
	return out
}

// around is a rate with rounds within 4 % of the median.
func around(v float64) Rate { return Rate{N(v), N(v * 0.97), N(v * 1.04)} }

// replyTimes draws skewed latencies around a mean, in seconds.
func replyTimes(mean float64, seed uint64) []Num {
	rng := rand.New(rand.NewPCG(seed, 7))
	out := make([]Num, 160)
	for i := range out {
		out[i] = N(math.Round(mean*math.Exp(0.42*rng.NormFloat64()-0.09)*1e7) / 1e7)
	}
	return out
}

// parts splits a file's bytes.
func parts(bytes ...int64) []Part {
	names := []string{"embedding", "attention", "feed-forward", "norms", "output", "tokenizer, metadata"}
	var out []Part
	for i, b := range bytes {
		out = append(out, Part{names[i], b})
	}
	return out
}

func sampleRecorded() Model {
	return Model{
		Name: "SmolLM2-135M fine-tuned", Role: Recorded, RecordedOn: "2026-11-21", Source: "examples/home-assistant/recorded.json",
		Bytes: 144811808, Params: 134515008, Architecture: "llama", Shape: "30 layers, 576 wide, 9 heads (3 KV), FFN 1,536, 49,152 tokens",
		Formats: []string{"q8_0", "f32"}, Parts: parts(30081024, 28200960, 84602880, 140544, 0, 1786400), License: "Apache-2.0",
		Lineage: []Origin{{"trained", "on 10014 examples; from model ./smollm2.gguf (sha256 a1b2c3d4e5f6; license: Apache-2.0), data train.jsonl (sha256 0badc0ffee0b; license: CC BY 4.0)"}},
		Quality: scores(0.7296, 0.9080, 0.7820, 0.0009, 0.0125),
		Speed: Speed{Prompt: around(248), Decode: around(108), FirstToken: around(0.0612), Requests: around(3.92),
			PeakMemory: 262144000, Rounds: 5},
	}
}

func sampleTeacher() Model {
	return Model{
		Name: "home-assistant teacher", Role: Teacher, Digest: "sha256:77aa3311bb55cc99dd00ee12",
		Bytes: 11213024, Params: 10270080, Architecture: "llama", Shape: "8 layers, 320 wide, 5 heads (1 KV), FFN 768, 4,096 tokens",
		Formats: []string{"q8_0", "f32"}, Parts: parts(1392640, 2228224, 6789632, 21760, 0, 780768), License: "Apache-2.0",
		Lineage: []Origin{{"trained", "on 10014 examples; from model ./smollm2.gguf (sha256 a1b2c3d4e5f6; license: Apache-2.0)"},
			{"pruned", "from 134,515,008 to 10,270,080 parameters by 512 examples"},
			{"distilled", "on 10014 examples; data train.jsonl (sha256 0badc0ffee0b; license: CC BY 4.0)"}, {"quantized", "to q8_0"}},
		Quality: scores(0.7165, 0.9015, 0.7724, 0, 0.0131),
		Speed: Speed{Prompt: around(3110), Decode: around(742), FirstToken: around(0.0048), Requests: around(27.4),
			Latencies: replyTimes(0.0365, 1), PeakMemory: 38797312, Rounds: 5},
		Cost: Cost{N(0.0000507), "USD", []Price{{"machine", N(0.005), "USD an hour"}}},
	}
}

func sampleMiddle() Model {
	m := sampleStudent()
	m.Name, m.Bytes = "student, q8_0", 4902912
	m.Formats = []string{"q8_0", "f32"}
	m.Parts = parts(835584, 835584, 2506752, 8704, 0, 716288)
	m.Quality = scores(0.6998, 0.8959, 0.7601, 0, 0.0140)
	m.Speed.Requests, m.Speed.Decode, m.Speed.FirstToken = around(84.1), around(2210), around(0.0017)
	m.Speed.Latencies, m.Speed.PeakMemory = replyTimes(0.0119, 2), 21233664
	m.Divergence = &Divergence{N(0.0618), N(0.0031), N(0.9702), N(0.0004), 1076, 17934}
	return m
}

func sampleStudent() Model {
	return Model{
		Name: "student, q4_0", Role: Student, Digest: "sha256:5c5c5c5c0000aaaa",
		Bytes: 2741856, Params: 3932160, Architecture: "llama", Shape: "5 layers, 256 wide, 4 heads (1 KV), FFN 512, 3,072 tokens",
		Formats: []string{"q4_0", "q8_0", "f32"}, Parts: parts(442368, 442368, 1327104, 8704, 0, 521312), License: "Apache-2.0",
		Lineage: []Origin{{"pruned", "from 10,270,080 to 3,932,160 parameters by 512 examples"},
			{"distilled", "on 10014 examples; data train.jsonl (sha256 0badc0ffee0b; license: CC BY 4.0)"},
			{"quantized", "to q4_0, errors weighed by 512 examples"}},
		Quality: scores(0.6933, 0.8931, 0.7533, 0.0009, 0.0152),
		Speed: Speed{Prompt: around(9920), Decode: around(2950), FirstToken: around(0.0015), Requests: around(112.3),
			Latencies: replyTimes(0.0089, 3), PeakMemory: 17825792, Rounds: 5},
		Cost:       Cost{N(0.0000124), "USD", []Price{{"machine", N(0.005), "USD an hour"}}},
		Divergence: &Divergence{N(0.0914), N(0.0042), N(0.9611), N(0.0004), 1076, 17934},
	}
}

func sampleClassical() Model {
	return Model{
		Name: Classical, Role: Baseline, Bytes: 6022000, Params: 1505000, Architecture: "linear",
		Shape: "words and characters, 64 intents; slots by dictionary", Quality: scores(0.6524, 0.8848, 0.7104, 0, 0),
		Speed: Speed{Requests: around(8120), Latencies: replyTimes(0.000123, 4), PeakMemory: 29360128, Rounds: 5},
	}
}

func samplePairs() []Pair {
	t, q8, q4, tf := "home-assistant teacher", "student, q8_0", "student, q4_0", Classical
	return []Pair{
		{A: t, B: q4, Metric: "exact_match", N: 1076, Diff: N(-0.0232), Lo: N(-0.0409), Hi: N(-0.0056), P: N(0.0123), PHolm: N(0.0369),
			Ratio: N(0.9676), RatioLo: N(0.9437), RatioHi: N(0.9921)},
		{A: t, B: q4, Metric: "intent_accuracy", N: 1076, Diff: N(-0.0084), Lo: N(-0.0195), Hi: N(0.0028), P: N(0.1742), PHolm: N(0.3484),
			Ratio: N(0.9907), RatioLo: N(0.9786), RatioHi: N(1.0031)},
		{A: t, B: q4, Metric: "slot_f1", N: 1076, Diff: N(-0.0191), Lo: N(-0.0338), Hi: N(-0.0047), Ratio: N(0.9753), RatioLo: N(0.9568), RatioHi: N(0.9939)},
		{A: t, B: q4, Metric: "foreign_values", N: 1076, Diff: N(0.0021), Lo: N(-0.0032), Hi: N(0.0076)},
		{A: t, B: q8, Metric: "exact_match", N: 1076, Diff: N(-0.0167), Lo: N(-0.0335), Hi: N(0.0009), P: N(0.0712), PHolm: N(0.1424),
			Ratio: N(0.9767), RatioLo: N(0.9539), RatioHi: N(1.0013)},
		{A: t, B: q8, Metric: "intent_accuracy", N: 1076, Diff: N(-0.0056), Lo: N(-0.0158), Hi: N(0.0047), P: N(0.3449), PHolm: N(0.3484),
			Ratio: N(0.9938), RatioLo: N(0.9826), RatioHi: N(1.0052)},
		{A: t, B: q8, Metric: "slot_f1", N: 1076, Diff: N(-0.0123), Lo: N(-0.0262), Hi: N(0.0015), Ratio: N(0.9841), RatioLo: N(0.9664), RatioHi: N(1.0020)},
		{A: tf, B: q4, Metric: "exact_match", N: 1076, Diff: N(0.0409), Lo: N(0.0149), Hi: N(0.0669), P: N(0.00019), PHolm: N(0.00095),
			Ratio: N(1.0627), RatioLo: N(1.0222), RatioHi: N(1.1051)},
		{A: tf, B: q4, Metric: "intent_accuracy", N: 1076, Diff: N(0.0083), Lo: N(-0.0093), Hi: N(0.0260), P: N(0.4022), PHolm: N(0.4022)},
	}
}

// sampleCurve falls exponentially with a little noise; the metric rises.
func sampleCurve(name string, top, end, best float64, seed uint64) Curve {
	rng := rand.New(rand.NewPCG(seed, 3))
	c := Curve{Name: name, Metric: "exact_match"}
	round := func(v float64) Num { return N(math.Round(v*1e4) / 1e4) }
	for i := range 61 {
		x := float64(i) / 60
		loss := end + (top-end)*math.Exp(-7*x)
		p := CurvePoint{Step: 20 * i, Train: round(loss * (1 + 0.09*rng.NormFloat64()) * (1 - 0.12*x))}
		if i%5 == 0 {
			p.Validation = round(loss * (1 + 0.02*rng.NormFloat64()))
			p.Metric = round(best * (1 - math.Exp(-6*x)))
		}
		c.Points = append(c.Points, p)
	}
	return c
}

func sampleTable() Table {
	t := Table{Title: "Ablation: the student's shape, 3 seeds", Note: "Same data, batches and steps; learning rate searched for each row.",
		Columns: []Column{{"configuration", Plain}, {"exact match", Percent}, {"slot F1", Percent}, {"minutes", Plain}}}
	add := func(name string, em, se, f1, minutes float64) {
		t.Rows = append(t.Rows, []Cell{{Text: name}, {Value: N(em), SE: N(se)}, {Value: N(f1)}, {Value: N(minutes)}})
	}
	add("pruned, hard labels + teacher", 0.6961, 0.0035, 0.7566, 2.4)
	add("pruned, hard labels", 0.6817, 0.0041, 0.7431, 1.9)
	add("random, hard labels + teacher", 0.6208, 0.0062, 0.6902, 2.4)
	add("random, hard labels", 0.5883, 0.0057, 0.6617, 1.9)
	add("pruned, not healed", 0.0019, 0.0004, 0.0312, 0.1)
	return t
}

func sampleExamples() []Example {
	t, q4, tf := "home-assistant teacher", "student, q4_0", Classical
	item := func(id int, in, gold, a, b, c string, scores [3]float64, conf [3]float64) Example {
		e := Example{ID: fmt.Sprint(id), Input: in, Gold: gold}
		for i, text := range []string{a, b, c} {
			e.Replies = append(e.Replies, Reply{[]string{t, q4, tf}[i], text, N(conf[i]), N(scores[i])})
		}
		return e
	}
	return []Example{
		item(4471, "wake me at six tomorrow and turn the kitchen lights off",
			`{"intent": "alarm_set", "time": "six", "date": "tomorrow"}`,
			`{"intent": "alarm_set", "time": "six", "date": "tomorrow"}`,
			`{"intent": "iot_hue_lightoff", "date": "tomorrow", "house_place": "kitchen"}`,
			`{"intent": "alarm_set", "time": "six"}`, [3]float64{1, 0, 0}, [3]float64{0.91, 0.88, 0.64}),
		item(120, "add milk, eggs and oat flakes to my groceries",
			`{"intent": "lists_createoradd", "item": ["milk", "eggs", "oat flakes"], "list_name": "groceries"}`,
			`{"intent": "lists_createoradd", "item": ["milk", "eggs", "oat flakes"], "list_name": "groceries"}`,
			`{"intent": "lists_createoradd", "item": ["milk", "eggs"], "list_name": "groceries"}`,
			`{"intent": "lists_createoradd", "list_name": "groceries"}`, [3]float64{1, 0, 0}, [3]float64{0.83, 0.61, 0.72}),
		item(903, "is there a café open near 東京駅",
			`{"intent": "recommendation_locations", "business_type": "café", "place_name": "東京駅"}`,
			`{"intent": "recommendation_locations", "business_type": "café", "place_name": "東京駅"}`,
			`{"intent": "recommendation_locations", "business_type": "caf`,
			`{"intent": "general_quirky"}`, [3]float64{1, 0, 0}, [3]float64{0.47, 0.12, 0.31}),
		item(77, "olly quiet", `{"intent": "audio_volume_mute"}`, `{"intent": "audio_volume_mute"}`,
			`{"intent": "audio_volume_down"}`, `{"intent": "audio_volume_mute"}`, [3]float64{1, 0, 1}, [3]float64{0.78, 0.52, 0.8}),
	}
}

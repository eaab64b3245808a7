package steps

import (
	"fmt"
	"math"
	"slices"

	"limbeck/data"
	"limbeck/eval"
	"limbeck/eval/baseline"
	"limbeck/eval/bench"
	"limbeck/eval/compare"
	"limbeck/eval/report"
	"limbeck/model/arch"
	"limbeck/model/generate"
	"limbeck/nn/op"
	"limbeck/recipe"
	"limbeck/recipe/run"
	"limbeck/tensor/dtype"
)

// What a comparison takes, measured on the home-assistant data with models of
// 10 M and 135 M parameters; seconds, and the bytes of a second, by [slowness].
const (
	decodeBytes  = 28e9    // of weights read a second when one reply is written
	loadBytes    = 0.7e9   // of a file made ready a second
	startSeconds = 0.05    // of a process
	expSeconds   = 30e-9   // to compare one token's probability with the teacher's
	drawSeconds  = 12e-9   // to draw one item in a resample
	learnSeconds = 0.18e-3 // of the classical baseline, an example, beside the models
	tagSeconds   = 0.3e-3  // of it, an example with slots, besides
	labelSeconds = 3e-6    // of it, an example and label
	learnMemory  = 3100    // of the classical baseline, an example, as it learns beside the models
	tagMemory    = 1900    // of it, an example with slots, besides
	weightMemory = 4       // of it, a feature and label
	touchedShare = 0.5     // of an embedding table in its file, read row by row
)

// mostMetrics is how many metrics a model is judged by at most: a task's, and the
// loss.
func mostMetrics() int {
	most := 0
	for _, t := range eval.Tasks {
		most = max(most, len(t.Metrics))
	}
	return most + 1
}

// predictCompare predicts the comparison of what the chains make.
func predictCompare(r *recipe.Recipe, chains []*recipe.Chain, settings *compareSettings) func() (run.Cost, error) {
	return func() (run.Cost, error) {
		c := chains[0]
		asked := *c.Recipe // its data, judged as the recipe that has variants says
		asked.Task, asked.Compare = r.Task, r.Compare
		j, err := checkData(&asked)
		if err != nil {
			return run.Cost{}, err
		}
		cost := run.Cost{Warnings: j.warnings}
		if sets := datasets(chains); len(sets) > 1 {
			if cost.Warnings, err = doubtedOf(sets, j.examples); err != nil {
				return run.Cost{}, err
			}
		}
		long, err := j.tooLong(chains)
		if err != nil {
			return run.Cost{}, err
		}
		cost.Warnings = append(cost.Warnings, long...)
		l, err := examineTeacher(c, r.Teacher[0].From.Text)
		if err != nil {
			return run.Cost{}, err
		}
		threads := float64(countedThreads())
		v := l.verdict(r, j.examples)
		models, opened, most := 0, int64(0), needs{}
		for _, x := range settings.Models {
			shape, bytes, packed := l.student, int64(l.student.Params()), true
			if x.Role == report.Teacher {
				shape, bytes, packed = l.config, l.bytes, l.packed
			}
			answer := forward(shape, packed, v.pass)
			if packed && v.replies { // in f32, batches reach the rate of a pass
				answer /= batchedShare
			}
			cost.Seconds += answer
			cost.Seconds += timingSeconds(&r.Compare, v.prompts, float64(bytes), v.reply)
			if x.Role != report.Teacher {
				opened += bytes
				cost.Seconds += divergeSeconds(shape, v.pass, threads) + forward(shape, packed, v.pass)
			}
			if v.replies {
				most = most.orHeap(l.answering(shape, bytes))
			} else {
				most = most.orHeap(needs{heap: bytes + sweepMemory(shape, data.TextPiece*l.perByte, true)})
			}
			models++
		}
		cost.Seconds += forward(l.config, l.packed, v.pass)
		judges, beside := l.judging(v.pass, opened), needs{}
		if slices.Contains(r.Compare.Baselines, classical) {
			learned, seconds, memory := original(j.learned), learnSeconds, float64(learnMemory)
			if slices.ContainsFunc(learned, func(e data.Example) bool { return e.Kind() == data.Structured }) {
				seconds, memory = seconds+tagSeconds, memory+tagMemory
			}
			if labels, features, err := baseline.Shape(learned); err == nil {
				n := l.examples(c.Recipe.Data)
				cost.Seconds += slowness() * n * (seconds + labelSeconds*float64(labels))
				beside.heap = int64(n*memory) + weightMemory*int64(labels)*int64(features)
				models++
			}
		}
		cost.Memory = max(cost.Memory, l.readingAll(0).and(most.orHeap(judges)).and(beside).peak())
		cost.Seconds += slowness() * 2 * float64(models*mostMetrics()) * v.items * float64(r.Compare.Resamples) * drawSeconds / threads
		return cost, nil
	}
}

// doubtedOf warns of several datasets as [doubted] does, and names their variants.
func doubtedOf(sets []dataset, judged []data.Example) (warnings []run.Warning, err error) {
	for _, d := range sets {
		r := d.chain.Recipe
		learned, held, err := readKnown(r)
		if err != nil {
			return nil, err
		}
		for _, w := range doubted(r, learned, held, judged) {
			w.More = fmt.Sprintf(" (%v)", &d)
			warnings = append(warnings, w)
		}
	}
	return warnings, nil
}

// A verdict is what a comparison has each model do.
type verdict struct {
	pass    work    // what a model reads, and of it what is judged
	items   float64 // that are resampled
	replies bool    // are written, not only read
	prompts float64 // of a round of timing
	reply   float64 // tokens that the reply to one has
}

// verdict returns what the recipe's comparison has models do with these examples.
func (l *look) verdict(r *recipe.Recipe, judged []data.Example) verdict {
	n := float64(len(judged))
	v := verdict{items: n, replies: true, prompts: min(n, float64(r.Compare.Prompts)), reply: l.mean * l.pass.rows / max(1, l.pass.tokens)}
	v.pass = work{n * l.mean, n * v.reply}
	if !plain(judged) {
		return v
	}
	bytes := float64(textBytes(judged))
	v.replies, v.reply = false, eval.LeastReply
	v.pass = work{bytes * l.perByte, bytes * l.perByte}
	v.items = math.Ceil(bytes / data.TextPiece)
	return v
}

// answering is a model of shape c, packed to so many bytes, that answers
// examples in one batch.
func (l *look) answering(c arch.Config, bytes int64) needs {
	reply := l.mean * l.pass.rows / max(1, l.pass.tokens)
	return generating(c, bytes, l.mean-reply+max(eval.LeastReply, reply), l.mean)
}

// generating is a model of shape c, packed to so many bytes, with a batch of
// sequences that may have most tokens and have used of them: their caches, and
// what a step computes.
func generating(c arch.Config, bytes int64, most, used float64) needs {
	positions := min(most, math.Ceil(used/op.KVBlock)*op.KVBlock)
	cache := int64(c.KVBytes(dtype.F16, int(math.Ceil(positions))))
	return needs{heap: bytes + eval.AnswerRows*cache + sweepMemory(c, float64(generate.DefaultChunk(c)), false) + 4*eval.AnswerRows*int64(c.Vocab)}
}

// judging is the teacher and the students, of so many bytes, which read what is to
// be judged at once: the packed models, a batch's activations, and the logits that
// exist at once, of the teacher and a student.
func (l *look) judging(pass work, students int64) needs {
	tokens := min(pass.tokens, compare.DivergeTokens)
	rows := min(int(tokens*pass.rows/max(1, pass.tokens)), compare.RowsAtOnce(max(l.config.Vocab, l.student.Vocab)))
	logits := 4 * int64(rows) * int64(l.config.Vocab+l.student.Vocab)
	pages := 0.0
	if !l.packed {
		pages = touchedShare * 4 * float64(l.config.Vocab*l.config.Width)
	}
	return needs{pages: int64(pages), heap: l.bytes + students + logits + sweepMemory(l.config, tokens, false)}
}

// timingSeconds is what timing one model takes in all rounds.
func timingSeconds(c *recipe.Compare, prompts, bytes, reply float64) float64 {
	one := slowness() * reply * bytes / decodeBytes
	pass := prompts * one
	timed := pass * max(1, math.Ceil(bench.TimeLeast.Seconds()/max(pass, 1e-9)))
	return float64(c.Rounds) * (slowness()*(startSeconds+bytes/loadBytes) + max(bench.WarmFor.Seconds(), one) + timed)
}

func divergeSeconds(c arch.Config, w work, threads float64) float64 {
	return slowness() * w.rows * float64(c.Vocab) * expSeconds / threads
}

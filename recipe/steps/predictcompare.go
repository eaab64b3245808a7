package steps

import (
	"slices"
	"strings"

	"limbeck/data"
	"limbeck/eval/report"
	"limbeck/internal/par"
	"limbeck/model/arch"
	"limbeck/recipe"
	"limbeck/recipe/run"
)

// What a comparison takes, measured on the home-assistant data with models of
// 10 M and 135 M parameters.
const (
	answerShare   = 0.5    // of a pass's rate that generating in batches reaches
	decodeBytes   = 14e9   // of weights read a second when one reply is written
	loadBytes     = 0.7e9  // of a file made ready a second
	startSeconds  = 0.05   // of a process
	expSeconds    = 30e-9  // to compare one token's probability with the teacher's
	drawSeconds   = 12e-9  // to draw one item in a resample
	learnSeconds  = 1.1e-3 // of the classical baseline, an example
	metricsOfTask = 5      // at most

	judgeTokens = 256  // that models read at once, to be compared token by token
	learnMemory = 8200 // of the classical baseline, an example
)

// predictCompare predicts the comparison of what the chains make.
func predictCompare(r *recipe.Recipe, chains []*recipe.Chain, settings *compareSettings) func() (run.Cost, error) {
	return func() (run.Cost, error) {
		c := chains[0]
		asked := *c.Recipe // its data, judged as the recipe that has variants says
		asked.Task, asked.Compare = r.Task, r.Compare
		judged, err := checkData(&asked)
		if err != nil || len(r.Teacher) == 0 {
			return run.Cost{}, err
		}
		l, err := examineTeacher(c, r.Teacher[0].From.Text)
		if err != nil {
			return run.Cost{}, err
		}
		n := float64(len(judged))
		pool := par.New(0)
		defer pool.Close()
		threads := float64(pool.Threads())
		reply := l.mean * l.pass.rows / max(1, l.pass.tokens)
		pass := work{n * l.mean, n * reply}
		var cost run.Cost
		models, opened := 0, int64(0)
		for _, x := range settings.Models {
			shape, bytes, packed := l.student, int64(l.student.Params()), true
			if x.Role == report.Teacher {
				shape, bytes, packed = l.config, l.bytes, l.packed
			}
			cost.Seconds += forward(shape, packed, pass) / answerShare
			cost.Seconds += timingSeconds(&r.Compare, float64(bytes), reply)
			if x.Role != report.Teacher {
				opened += bytes
				cost.Seconds += divergeSeconds(shape, pass, threads) + forward(shape, packed, pass)
			}
			models++
		}
		cost.Seconds += forward(l.config, l.packed, pass)
		cost.Memory = l.judging(pass, opened)
		if slices.Contains(r.Compare.Baselines, classical) {
			cost = l.learning(cost, c.Recipe.Data)
			models++
		}
		cost.Seconds += 2 * float64(models*metricsOfTask) * n * float64(r.Compare.Resamples) * drawSeconds / threads
		return cost, nil
	}
}

// learning adds to a comparison's cost that of the classical baseline, which
// learns when no model is open.
func (l *look) learning(cost run.Cost, d recipe.Data) run.Cost {
	n := l.pass.tokens / max(1, l.mean) / augmented(d)
	cost.Seconds += learnSeconds * n
	cost.Memory = max(cost.Memory, programMemory+int64(collected*n*learnMemory))
	return cost
}

// collected is how much memory stands for what is in use: the collector lets
// that much garbage grow before it looks; see [run.Folder.Make].
const collected = 1.1

// judging is the memory of reading what is to be judged with the teacher and the
// students, of so many bytes, at once: the packed models, a batch's activations,
// and its logits, of which the teacher's are kept while students read. What is
// not packed to int8 layouts stays mapped beside its panels.
func (l *look) judging(pass work, students int64) int64 {
	tokens := min(pass.tokens, judgeTokens)
	rows := int64(tokens * pass.rows / max(1, pass.tokens))
	logits := 4 * rows * int64(2*l.config.Vocab+l.student.Vocab)
	used := l.served() + students + logits + sweepMemory(l.config, tokens, false)
	return l.reading() + int64(collected*float64(used))
}

// timingSeconds is what timing one model takes in all rounds.
func timingSeconds(c *recipe.Compare, bytes, reply float64) float64 {
	return float64(c.Runs) * (startSeconds + bytes/loadBytes + float64(c.Prompts)*reply*bytes/decodeBytes)
}

func divergeSeconds(c arch.Config, w work, threads float64) float64 {
	return w.rows * float64(c.Vocab) * expSeconds / threads
}

// augmented is how many examples the data step makes of one.
func augmented(d recipe.Data) float64 {
	if d.Augment == nil {
		return 1
	}
	return 1 + d.Augment.ExchangeSlots + d.Augment.InventValues
}

// written leaves out examples that a step made: the classical baseline, and
// the writer of prompts, learn what the data holds.
func written(examples []data.Example) []data.Example {
	var out []data.Example
	for _, e := range examples {
		if !data.Augmented(&e) && !strings.HasPrefix(e.ID, syntheticPrefix) {
			out = append(out, e)
		}
	}
	return out
}

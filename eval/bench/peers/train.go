package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"limbeck/eval/bench"
	"limbeck/internal/par"
	"limbeck/model"
	"limbeck/model/generate"
	"limbeck/nn/op"
	"limbeck/train"
)

const torch = "PyTorch"

// What is trained: every weight, on random tokens.
const (
	trainBatch  = 2
	trainTokens = 512
	trainSteps  = 3 // that are timed, after warmSteps
	warmSteps   = 2

	// garbageShare is what limbeck train lets lie uncollected, in percent.
	garbageShare = 20
)

// trainScript does the same with PyTorch.
//
//go:embed testdata/train.py
var trainScript []byte

// trainRow trains the smaller shape, computing in f32 or bf16.
func (d *driver) trainRow(format string, goals ...goal) row {
	r := row{name: fmt.Sprintf("train, 135M %s", strings.ToUpper(format)), unit: tokens, files: []file{smolF16}, goals: goals}
	r.sides = append(r.sides, only(limbeckName, func(ctx context.Context) (sample, error) { return d.train(ctx, format) }))
	if d.noTorch != "" {
		return r
	}
	s := side{name: torch}
	for _, flags := range [][]string{{"--fused"}, {}, {"--fused", "--compile"}} {
		s.variants = append(s.variants, variant{strings.Join(flags, " "), func(ctx context.Context) (sample, error) { return d.pytorch(ctx, format, flags) }})
	}
	r.sides = append(r.sides, s)
	return r
}

// torchMissing says why PyTorch cannot be timed; empty if it can.
func torchMissing(ctx context.Context, python string) string {
	if python == "" {
		return "no -python was given"
	}
	if _, err := (command{args: []string{python, "-c", "import torch, transformers"}}).run(ctx); err != nil {
		return err.Error()
	}
	return ""
}

// A trained is what a process that trains prints.
type trained struct {
	Rate float64 `json:"tokens_per_second"`
	Cost float64 `json:"operations_per_token"`
}

// parseTrained reads what a process that trains printed.
func parseTrained(p *process) (*trained, error) {
	var t trained
	if err := json.Unmarshal(p.out, &t); err != nil || !(t.Rate > 0) {
		return nil, fmt.Errorf("the training printed no rate: %v%s", err, lastLines(p.errs))
	}
	return &t, nil
}

// trainArgument makes this program train; format, model and threads follow.
const trainArgument = "train"

// train trains with Limbeck in a fresh process.
func (d *driver) train(ctx context.Context, format string) (sample, error) {
	self, err := os.Executable()
	if err != nil {
		return sample{}, err
	}
	p, err := command{args: []string{self, trainArgument, format, d.path(smolF16), strconv.Itoa(d.set.threads)}}.run(ctx)
	if err != nil {
		return sample{}, err
	}
	t, err := parseTrained(p)
	if err != nil {
		return sample{}, err
	}
	return sample{Value: t.Rate, Memory: p.memory, limit: d.limits.Of(format) / t.Cost, by: "arithmetic"}, nil
}

// pytorch trains with PyTorch.
func (d *driver) pytorch(ctx context.Context, format string, flags []string) (sample, error) {
	script := filepath.Join(d.set.dir, "train.py")
	if err := os.WriteFile(script, trainScript, 0o666); err != nil {
		return sample{}, err
	}
	args := []string{d.set.python, script, format, strconv.Itoa(d.set.threads), strconv.Itoa(warmSteps), strconv.Itoa(trainSteps)}
	p, err := command{args: append(args, flags...)}.run(ctx)
	if err != nil {
		return sample{}, err
	}
	t, err := parseTrained(p)
	if err != nil {
		return sample{}, err
	}
	return sample{Value: t.Rate, Memory: p.memory}, nil
}

// trainChild trains and prints what it took.
func trainChild(args []string, out io.Writer) error {
	if len(args) != 3 {
		return fmt.Errorf("%d arguments, want format, model and threads", len(args))
	}
	threads, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	debug.SetGCPercent(garbageShare)
	m, err := model.Open(args[1])
	if err != nil {
		return err
	}
	defer m.Close()
	m.SetTrainable(func(*op.Weight) bool { return true })
	pool := par.New(threads)
	defer pool.Close()
	rate, err := trainRate(m, args[0] == "bf16", pool)
	if err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(trained{Rate: rate, Cost: trainCost(m)})
}

// trainRate returns the tokens a second of the median step.
func trainRate(m *model.Model, bf16 bool, pool *par.Pool) (float64, error) {
	o := train.Defaults()
	o.Steps, o.BatchTokens, o.BF16 = warmSteps+trainSteps, trainBatch*trainTokens, bf16
	r := rand.New(rand.NewPCG(1, 2))
	var set []train.Sequence
	for range trainBatch {
		s := train.Sequence{IDs: make([]int, trainTokens+1), From: 1}
		for i := range s.IDs {
			s.IDs[i] = r.IntN(m.Config().Vocab)
		}
		set = append(set, s)
	}
	var rates []float64
	last := time.Now()
	t, err := train.New(m, set, train.HardLabels{}, o, pool, train.Hooks{Progress: func(step, _ int, _ float64, n int) {
		if step > warmSteps {
			rates = append(rates, float64(n)/time.Since(last).Seconds())
		}
		last = time.Now()
	}})
	if err != nil {
		return 0, err
	}
	if _, err := t.Run(context.Background()); err != nil {
		return 0, err
	}
	return bench.Median(rates), nil
}

// trainCost returns the operations of a token in a step: those of its forward
// pass, and twice as many backward.
func trainCost(m *model.Model) float64 {
	s := bench.ShapeOf(m, generate.Precision{Exact: true})
	return 3 * s.Blocks.Plus(s.Head).Plus(s.Attention.Times((trainTokens+1)/2.0)).All()
}

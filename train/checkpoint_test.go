package train

import (
	"bytes"
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"limbeck/internal/par"
	"limbeck/model/gguf"
	"limbeck/nn/op"
	"limbeck/tensor"
	"limbeck/tensor/dtype"
)

// interrupted makes three steps, validating each, and returns the folder of
// the checkpoint.
func interrupted(t testing.TB, pool *par.Pool) (Options, string) {
	t.Helper()
	_, set := readGolden(t)
	o := goldenOptions()
	o.EvalEvery = 1
	o.Checkpoint, o.CheckpointEvery = filepath.Join(t.TempDir(), "c"), time.Hour
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	trainer, err := New(openTiny(t), set, HardLabels{}, o, pool, Hooks{
		Validate: func(context.Context, *op.Tape) (float64, float64, error) { return 1, 1, nil },
		Progress: func(step, _ int, _ float64, _ int) {
			if step == 3 {
				cancel()
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := trainer.Run(ctx); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v, want an interruption", err)
	}
	return o, filepath.Join(o.Checkpoint, checkpointFile)
}

// resumed starts a training in the folder, and returns what resume says.
func resumed(t testing.TB, o Options, pool *par.Pool) (*Trainer, error) {
	t.Helper()
	_, set := readGolden(t)
	trainer, err := New(openTiny(t), set, HardLabels{}, o, pool, Hooks{})
	if err != nil {
		t.Fatal(err)
	}
	return trainer, trainer.resume(Steps(set, o))
}

// rewrite changes a checkpoint's state or tensors.
func rewrite(t *testing.T, path, from, to string, change func([]*tensor.Tensor) []*tensor.Tensor) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := gguf.Parse(b, path)
	if err != nil {
		t.Fatal(err)
	}
	meta := f.Meta()
	text := meta.String(stateKey, "")
	changed := strings.Replace(text, from, to, 1)
	if from != "" && changed == text {
		t.Fatalf("no %q in %s", from, text)
	}
	meta.Set(stateKey, changed)
	tensors := f.Tensors()
	if change != nil {
		tensors = change(tensors)
	}
	if err := gguf.Write(path, &meta, tensors); err != nil {
		t.Fatal(err)
	}
}

// A damaged checkpoint is refused with its file's name, and changes nothing.
func TestDamagedCheckpoints(t *testing.T) {
	pool := par.New(1)
	defer pool.Close()
	o, path := interrupted(t, pool)
	if _, err := resumed(t, o, pool); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		from, to string
		change   func([]*tensor.Tensor) []*tensor.Tensor
		want     string
	}{
		"steps":       {`"Step":3`, `"Step":-3`, nil, "3 losses after -3 steps"},
		"losses":      {`"Losses":[`, `"Losses":[1,`, nil, "4 losses after 3 steps"},
		"curve":       {`"step":2`, `"step":1`, nil, "a point of the curve at step 1, want one in (1, 3]"},
		"best":        {`"Best":1`, `"Best":9`, nil, "after step 9 of 3"},
		"syntax":      {`{`, `[`, nil, stateKey},
		"other rate":  {`"LR":0.001`, `"LR":0.002`, nil, "other options"},
		"far along":   {`"Step":3`, `"Step":31`, nil, "other options"},
		"one less":    {"", "", func(ts []*tensor.Tensor) []*tensor.Tensor { return ts[1:] }, `tensor "weight.0.token_embd.weight" is missing`},
		"not a float": {"", "", poison, `tensor "weight.0.token_embd.weight" has NaN`},
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(path, whole, 0o666); err != nil {
				t.Fatal(err)
			}
			rewrite(t, path, c.from, c.to, c.change)
			trainer, err := resumed(t, o, pool)
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("got %v, want an error with %q and the file", err, c.want)
			}
			fresh := openTiny(t)
			if trainer.state.Step != 0 || !bytes.Equal(elements(trainer.model), elements(fresh)) {
				t.Error("the refused checkpoint changed the training")
			}
		})
	}
}

// A folder's name is no pattern, which may be broken or fit another folder.
func TestBestOfOddFolder(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"m[1.work", "m[1].work", "m1.work"} {
		folder := filepath.Join(dir, name)
		if err := os.Mkdir(folder, 0o777); err != nil {
			t.Fatal(err)
		}
		for _, file := range []string{"best-1.gguf", "best-2.gguf", checkpointFile} {
			if err := os.WriteFile(filepath.Join(folder, file), nil, 0o666); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, name := range []string{"m[1.work", "m[1].work"} {
		trainer := &Trainer{o: Options{Checkpoint: filepath.Join(dir, name)}}
		trainer.state.Best = 2
		if err := trainer.dropBest(); err != nil {
			t.Error(err)
		}
	}
	for name, want := range map[string]int{"m[1.work": 2, "m[1].work": 2, "m1.work": 3} {
		left, err := os.ReadDir(filepath.Join(dir, name))
		if err != nil || len(left) != want || left[len(left)-2].Name() != "best-2.gguf" {
			t.Errorf("%s: left %v, %v; want %d files, best-2.gguf one of them", name, left, err, want)
		}
	}
}

// A checkpoint whose best weights are lost, or are no numbers, is refused.
func TestLostBest(t *testing.T) {
	pool := par.New(1)
	defer pool.Close()
	o, path := interrupted(t, pool)
	best := filepath.Join(o.Checkpoint, "best-1.gguf")
	rewrite(t, best, "", "", poison)
	if _, err := resumed(t, o, pool); err == nil || !strings.Contains(err.Error(), best) || !strings.Contains(err.Error(), "NaN") {
		t.Errorf("got %v, want an error with the file", err)
	}
	if err := os.Remove(best); err != nil {
		t.Fatal(err)
	}
	if _, err := resumed(t, o, pool); err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), best) {
		t.Errorf("got %v, want an error with both files", err)
	}
}

func poison(ts []*tensor.Tensor) []*tensor.Tensor {
	dtype.Floats(ts[0].Data)[5] = float32(math.NaN())
	return ts
}

// FuzzCheckpoint resumes from a checkpoint whose state is anything at all.
func FuzzCheckpoint(f *testing.F) {
	pool := par.New(1)
	f.Cleanup(pool.Close)
	o, path := interrupted(f, pool)
	file, err := gguf.Open(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { file.Close() })
	tensors := file.Tensors()
	f.Add([]byte(file.Meta().String(stateKey, "")))
	f.Add([]byte(`{"Step":1,"Losses":[0],"Curve":[{"step":-1}],"Best":1}`))
	trainer, err := resumed(f, o, pool)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var meta gguf.Meta
		meta.Set("general.architecture", "checkpoint")
		meta.Set(stateKey, string(text))
		var b bytes.Buffer
		if err := gguf.WriteTo(&b, &meta, tensors[:1]); err != nil {
			return // no UTF-8
		}
		damaged, err := gguf.Parse(b.Bytes(), "fuzz")
		if err != nil {
			t.Fatal(err)
		}
		if err := trainer.load(damaged, 30); err == nil {
			t.Error("a checkpoint without moments was taken")
		}
	})
}

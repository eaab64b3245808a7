package quantize

import (
	"context"
	"errors"
	"strings"

	"limbeck/internal/par"
	"limbeck/model"
	"limbeck/nn/op"
	"limbeck/train"
)

// Importance is an importance matrix: for each weight, the mean square of each
// of its input columns over calibration data. llama.cpp, pull request 4861.
type Importance struct {
	squares map[string][]float64
	rows    map[string]int
}

// of returns the importance of a weight's columns, or nil if there is none.
func (i *Importance) of(name string) []float32 {
	if i == nil || i.rows[name] == 0 {
		return nil
	}
	out := make([]float32, len(i.squares[name]))
	for c, s := range i.squares[name] {
		out[c] = float32(s / float64(i.rows[name]))
	}
	return out
}

// Calibrate runs m, in f32, over set. The embedding table and the output
// projection are left out, as llama.cpp leaves them out. An empty set is an error, and so
// is ctx once it is done. progress, which may be nil, is as in [train.Sweep].
func Calibrate(ctx context.Context, m *model.Model, set []train.Sequence, pool *par.Pool, progress func(done, total int)) (*Importance, error) {
	if len(set) == 0 {
		return nil, errors.New("quantize: there is no calibration data")
	}
	imp := &Importance{map[string][]float64{}, map[string]int{}}
	t := op.NewTape(pool)
	t.Exact = true
	t.OnTap = func(name string, v *op.Value) {
		if name, ok := strings.CutSuffix(name, ".in"); ok && strings.HasSuffix(name, ".weight") {
			imp.add(name, v)
		}
	}
	if err := train.Sweep(ctx, t, m, set, nil, progress); err != nil {
		return nil, err
	}
	return imp, nil
}

func (i *Importance) add(name string, v *op.Value) {
	sum := i.squares[name]
	if sum == nil {
		sum = make([]float64, v.Cols)
		i.squares[name] = sum
	}
	for r := range v.Rows {
		for c, x := range v.Row(r) {
			sum[c] += float64(x) * float64(x)
		}
	}
	i.rows[name] += v.Rows
}

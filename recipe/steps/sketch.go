package steps

import (
	"errors"
	"fmt"
	"strings"

	"limbeck/compress/prune"
	"limbeck/compress/quantize"
	"limbeck/internal/disk"
	"limbeck/internal/typeset"
	"limbeck/model"
	"limbeck/model/arch"
	"limbeck/nn"
	"limbeck/recipe"
	"limbeck/recipe/run"
	"limbeck/tensor"
	"limbeck/tensor/dtype"
	"limbeck/train"
)

// hollow gives tensors without elements.
type hollow struct{}

// Tensor implements [limbeck/nn.Source].
func (hollow) Tensor(name string, rows, cols int) *tensor.Tensor {
	return &tensor.Tensor{Name: name, Type: dtype.F32, Shape: []int{rows, cols}}
}

// mostKept bounds the text of prune.keep_tokens. [bytes]
const mostKept = 1 << 30

// uses counts the tokens that a student must know: those of the examples, and
// of the text that the recipe keeps.
func uses(r *recipe.Recipe, m *model.Model, set []train.Sequence) (*prune.Importance, error) {
	imp := &prune.Importance{Tokens: make([]int, m.Config().Vocab)}
	for _, q := range set {
		for _, id := range q.IDs {
			imp.Tokens[id]++
		}
	}
	if f := r.Prune.KeepTokens; f != "" {
		text, err := disk.Read(r.Find(f), mostKept)
		if err != nil {
			return nil, r.Cause("prune.keep_tokens", err)
		}
		for _, id := range m.Tokenizer.Encode(string(text), false) {
			imp.Tokens[id]++
		}
	}
	return imp, nil
}

// sketch returns the student that is to be cut from m, without its weights: its
// shape and its tokens follow from the rules by which it will be cut, and so
// does what is impossible.
func sketch(r *recipe.Recipe, m *model.Model, imp *prune.Importance) (*model.Model, error) {
	s := r.Student
	if s.From.Model() || !s.Reshaped() {
		return m, nil
	}
	if k := r.Prune.KeepLayers; len(k) > 0 && k[len(k)-1] >= m.Config().Layers {
		return nil, r.Problem("prune.keep_layers", fmt.Sprintf("there is no layer %d", k[len(k)-1]), fmt.Sprintf("numbers from 0 to %d", m.Config().Layers-1))
	}
	student, err := shaped(s, m, imp, hollow{})
	if wrong := new(prune.ShapeError); errors.As(err, &wrong) {
		return nil, r.Problem("student."+wrong.Part, wrong.What, wrong.Allowed)
	}
	return student, err
}

// shaped returns the student that is to be cut from m, with weights of src: its shape
// and its tokens follow from imp's tokens alone. What is impossible is a
// [prune.ShapeError].
func shaped(s recipe.Student, m *model.Model, imp *prune.Importance, src nn.Source) (*model.Model, error) {
	shape, err := shapeOf(s, m, imp)
	if err == nil {
		shape, err = shape.Check(m.Config())
	}
	if err != nil {
		return nil, err
	}
	spec, _, err := prune.Tokens(m.Tokenizer.Spec(), imp.Tokens, shape.Vocab)
	if err != nil {
		return nil, err
	}
	c := m.Config()
	c.Layers, c.Width, c.FFN, c.Vocab = shape.Layers, shape.Width, shape.FFN, len(spec.Tokens)
	c.Heads, c.KVHeads = shape.Heads, shape.KVHeads
	return model.New(c, src, spec, m.TemplateSource())
}

// checkSize refuses a file size that no formats of the student reach.
func checkSize(r *recipe.Recipe, student *model.Model) error {
	q := r.Quantize
	if q == nil || q.Size == 0 {
		return nil
	}
	_, err := quantize.Fit(student, int64(q.Size), 0, nil)
	if small := new(quantize.SizeError); errors.As(err, &small) {
		of := "student"
		if r.Flags != nil { // a command makes one model smaller
			of = "model"
		}
		return r.Problem("quantize.size", fmt.Sprintf("cannot be %v: the %s's smallest file has %d bytes", q.Size, of, small.Least),
			fmt.Sprintf("at least %dB, or a smaller %s", small.Least, of))
	}
	return err
}

// oddShape warns of what the recipe cuts a model of shape whole to, if rows of the
// student are no whole blocks: quantizing would tell it after the training.
func oddShape(r *recipe.Recipe, whole, cut arch.Config) (warnings []run.Warning) {
	o := quantize.Options{Format: dtype.Q8_0}
	instead := "a smaller format"
	if q := r.Quantize; q != nil && q.Size == 0 {
		if err := formats(&o, nil, *q, 0); err != nil {
			return nil // the step will say it
		}
		instead = o.Format.Name
	}
	s := r.Student
	for _, part := range []struct {
		key, of    string
		asked      recipe.Dim
		have, full int
		channels   int // of each
	}{
		{"hidden", "channel", s.Hidden, cut.Width, whole.Width, 1},
		{"ffn", "neuron", s.FFN, cut.FFN, whole.FFN, 1},
		{"heads", "head", s.Heads, cut.Heads, whole.Heads, cut.HeadDim},
	} {
		if part.asked == (recipe.Dim{}) || part.have == part.full || part.have*part.channels%o.Format.Len == 0 {
			continue
		}
		text := fmt.Sprintf("%s: rows of %s are no whole blocks of %d: matrices of them are stored as F16 instead of %s, which makes a larger file",
			r.Where("student."+part.key), typeset.Counted(part.have, part.of), o.Format.Len, instead)
		fits := func(n int) bool {
			return n*part.channels%o.Format.Len == 0 && (part.key != "heads" || n%cut.KVHeads == 0)
		}
		if near := nearest(part.have, part.full, fits); near != "" {
			text += " (whole blocks: " + near + ")"
		}
		warnings = append(warnings, run.Warning{Text: text})
	}
	return warnings
}

// nearest names the next numbers below and above n, from 1 to most, that fit.
func nearest(n, most int, fits func(int) bool) string {
	var found []string
	for low := n - 1; low > 0; low-- {
		if fits(low) {
			found = append(found, fmt.Sprint(low))
			break
		}
	}
	for high := n + 1; high <= most; high++ {
		if fits(high) {
			found = append(found, fmt.Sprint(high))
			break
		}
	}
	return strings.Join(found, " or ")
}

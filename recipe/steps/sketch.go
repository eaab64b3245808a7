package steps

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"limbeck/compress/distill"
	"limbeck/compress/prune"
	"limbeck/compress/quantize"
	"limbeck/model"
	"limbeck/model/arch"
	"limbeck/model/token"
	"limbeck/recipe"
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
		text, err := os.ReadFile(r.Find(f))
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
	shape, err := shapeOf(s, m, imp)
	if err == nil {
		shape, err = shape.Check(m.Config())
	}
	var spec token.Spec
	if err == nil {
		spec, _, err = prune.Tokens(m.Tokenizer.Spec(), imp.Tokens, shape.Vocab)
	}
	if wrong := new(prune.ShapeError); errors.As(err, &wrong) {
		return nil, r.Problem("student."+wrong.Part, wrong.What, wrong.Allowed)
	}
	if err != nil {
		return nil, err
	}
	c := m.Config()
	c.Layers, c.Width, c.FFN, c.Vocab = shape.Layers, shape.Width, shape.FFN, len(spec.Tokens)
	c.Heads, c.KVHeads = shape.Heads, shape.KVHeads
	return model.New(c, hollow{}, spec, m.TemplateSource())
}

// checkSize refuses a file size that no formats of the student reach.
func checkSize(r *recipe.Recipe, student *model.Model) error {
	q := r.Quantize
	if q == nil || q.Size == 0 {
		return nil
	}
	_, err := quantize.Fit(student, int64(q.Size), nil)
	if small := new(quantize.SizeError); errors.As(err, &small) {
		return r.Problem("quantize.size", fmt.Sprintf("cannot be %v: the student's smallest file has %d bytes", q.Size, small.Least),
			fmt.Sprintf("at least %dB, or a smaller student", small.Least))
	}
	return err
}

// checkHeads refuses relation heads that do not divide the channels of the
// student, which is of ref or cut from it, and of the teacher.
func checkHeads(c *recipe.Chain, ref string, teacher arch.Config) error {
	l, err := examine(c, ref)
	if err != nil {
		return err
	}
	if err := distill.CheckHeads(l.student, teacher, c.Recipe.Distill.RelationHeads); err != nil {
		return c.Recipe.Problem("distill.relation_heads", strings.TrimPrefix(err.Error(), "distill: "), "0, or a common divisor of them all")
	}
	return nil
}

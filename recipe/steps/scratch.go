package steps

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"limbeck/compress/prune"
	"limbeck/data"
	"limbeck/internal/machine"
	"limbeck/internal/typeset"
	"limbeck/internal/words"
	"limbeck/model"
	"limbeck/model/arch"
	"limbeck/model/token"
	"limbeck/nn"
	"limbeck/recipe"
	"limbeck/tensor"
	"limbeck/tensor/dtype"
)

// What a new model has where the user says nothing, and what its tokenizer is
// called in files.
const (
	newContext   = 2048
	newVocab     = 4000
	newTokenizer = "gpt-2"
	endOfText    = "<|endoftext|>"
	ffnMultiple  = 32 // of its neurons

	leastVocab = 256 + 1 // every byte, and the end of a text
)

// A NewShape is the shape of a new model, as [ParseShape] checked it.
type NewShape struct {
	config arch.Config
	vocab  int // tokens at most: data may have fewer
}

// ShapeKeys lists the keys that [ParseShape] takes.
func ShapeKeys() string { return strings.Join(shapeKeys, ", ") }

var shapeKeys = []string{"layers", "hidden", "heads", "kv_heads", "ffn", "vocab"}

// ParseShape reads the shape of a new model, as "layers=4,hidden=256,heads=4". An
// error says which part of it is wrong, and what is allowed there.
func ParseShape(text string) (NewShape, error) {
	n := map[string]int{}
	for _, part := range strings.Split(text, ",") {
		key, value, _ := strings.Cut(part, "=")
		key = strings.TrimSpace(key)
		if !slices.Contains(shapeKeys, key) {
			return NewShape{}, fmt.Errorf("there is no key %q%s (allowed: %s)", key, words.Hint(key, shapeKeys), ShapeKeys())
		}
		var count recipe.Dim
		if err := count.Set(strings.TrimSpace(value)); err != nil || count.Count < 1 {
			return NewShape{}, fmt.Errorf("%s cannot be %q (allowed: a count of at least 1, as 288 or 4k)", key, strings.TrimSpace(value))
		}
		if most := mostOf(key); count.Count > int64(most) {
			return NewShape{}, fmt.Errorf("%s=%d is too many (allowed: 1 to %d)", key, count.Count, most)
		}
		if n[key] > 0 {
			return NewShape{}, fmt.Errorf("%s is given twice", key)
		}
		n[key] = int(count.Count)
	}
	return newShape(n)
}

// mostOf is what models allow at most of what a key counts: their own error would name
// a key of files.
func mostOf(key string) int {
	if key == "layers" {
		return arch.MostLayers
	}
	return arch.Limit
}

// newShape checks counts by their keys, and fills in those that are not given.
func newShape(n map[string]int) (NewShape, error) {
	for _, key := range shapeKeys[:3] {
		if n[key] == 0 {
			return NewShape{}, fmt.Errorf("%s is missing: a shape is at least layers, hidden and heads, as layers=4,hidden=256,heads=4", key)
		}
	}
	heads, width := n["heads"], n["hidden"]
	if pairs := 2 * heads; width%pairs != 0 { // rotary positions turn pairs of channels
		below, allowed := width/pairs*pairs, ""
		if below > 0 {
			allowed = fmt.Sprintf("hidden=%d, ", below)
		}
		return NewShape{}, fmt.Errorf("hidden=%d is no multiple of %d, twice heads=%d: each head has an even number of channels (allowed: %shidden=%d, or other heads)",
			width, pairs, heads, allowed, below+pairs)
	}
	kv := cmp.Or(n["kv_heads"], heads)
	if heads%kv != 0 {
		return NewShape{}, fmt.Errorf("kv_heads=%d does not divide heads=%d (allowed: a divisor of %d)", kv, heads, heads)
	}
	vocab := cmp.Or(n["vocab"], newVocab)
	if vocab < leastVocab {
		return NewShape{}, fmt.Errorf("vocab=%d is too few (allowed: at least %d, which are every byte and %s)", vocab, leastVocab, endOfText)
	}
	ffn := cmp.Or(n["ffn"], min(arch.Limit, max(ffnMultiple, 8*width/3/ffnMultiple*ffnMultiple)))
	return NewShape{arch.Config{Arch: "llama", Layers: n["layers"], Width: width, Heads: heads, KVHeads: kv, HeadDim: width / heads,
		FFN: ffn, Context: newContext, NormEps: 1e-5, RopeBase: 10000, Tied: true}, vocab}, nil
}

// NewModel writes a model of random weights, with a tokenizer made from the
// recipe's training data, to path.
func NewModel(path string, r *recipe.Recipe, shape NewShape) error {
	shape.config.Vocab = leastVocab
	if err := checkRoom(r, shape.config); err != nil { // before the data is read
		return err
	}
	c := &recipe.Chain{Recipe: r}
	examples, _, err := readExamples(c)
	if err != nil {
		return err
	}
	spec, err := token.Train(texts(examples), shape.vocab, newTokenizer, []string{endOfText})
	if err != nil {
		return err
	}
	spec.EOS = slices.Index(spec.Tokens, endOfText)
	shape.config.Vocab = len(spec.Tokens)
	if err := checkRoom(r, shape.config); err != nil {
		return err
	}
	seed := r.Seed
	if r.Train != nil {
		seed = cmp.Or(r.Train.Seed, seed)
	}
	m, err := model.New(shape.config, newWeights(seed), spec, templateFor(examples, false))
	if err != nil {
		return err
	}
	m.Meta.Set(model.HistoryKey, []string{drawn(m, seed)})
	return m.Save(path)
}

// checkRoom refuses a shape whose weights alone are more than the memory that there is,
// where this system tells: no step predicts them, as they are drawn before all steps.
func checkRoom(r *recipe.Recipe, c arch.Config) error {
	const most = 1 << 62
	take := int64(min(most, programMemory+4*collected*float64(c.Params()))) // it may not fit an int
	free, known := machine.AvailableMemory()
	if !known || take <= free {
		return nil
	}
	return r.Problem(teacherKey, fmt.Sprintf("the weights of %s take at least %s of memory, %s are available: they do not fit this machine",
		shapeText(c), typeset.Bytes(take), typeset.Bytes(free)), "fewer layers, or a smaller hidden, ffn or vocab")
}

// texts yields the prompts and replies of examples.
func texts(examples []data.Example) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for i := range examples {
			reply, _ := examples[i].Reply()
			if !yield(examples[i].Input()) || reply != "" && !yield(reply) {
				return
			}
		}
	}
}

// fresh returns a student that has of the teacher the template and tokens, by how often
// the data uses them, and random weights; and for its history what it is.
func fresh(teacher *model.Model, student recipe.Student, tokens []int, seed int64) (*model.Model, string, error) {
	m, err := shaped(student, teacher, &prune.Importance{Tokens: tokens}, newWeights(seed))
	if err != nil {
		return nil, "", err
	}
	if license := teacher.Meta.String(model.LicenseKey, ""); license != "" {
		m.Meta.Set(model.LicenseKey, license)
	}
	return m, drawn(m, seed), nil
}

// random draws weights: normal with [nn.InitStd], norms of ones.
type random struct{ *rand.Rand }

func newWeights(seed int64) nn.Source {
	return random{rand.New(rand.NewPCG(uint64(seed), 0x66726573))} // "fres"
}

// Tensor implements [nn.Source].
func (r random) Tensor(name string, rows, cols int) *tensor.Tensor {
	shape := []int{rows, cols}
	if rows == 1 {
		shape = shape[1:]
	}
	t := tensor.New(name, dtype.F32, shape...)
	v := dtype.Floats(t.Data)
	for i := range v {
		v[i] = 1
		if rows > 1 {
			v[i] = float32(r.NormFloat64() * nn.InitStd(cols))
		}
	}
	return t
}

// drawn says, for its history, what a model of random weights is. Reports know the
// line by the count that it begins with.
func drawn(m *model.Model, seed int64) string {
	c := m.Config()
	return fmt.Sprintf("%s random weights, seed %d: %s", typeset.Number(c.Params()), seed, shapeText(c))
}

// shapeText says what shape a model has, in more words than [arch.Config.Shape]: they
// stand in files of models, whose bytes are not to change.
func shapeText(c arch.Config) string {
	return fmt.Sprintf("%d layers, %d wide, %d heads, %d KV heads, %d neurons, %d tokens",
		c.Layers, c.Width, c.Heads, c.KVHeads, c.FFN, c.Vocab)
}

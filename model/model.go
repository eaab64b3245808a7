// Package model holds a loaded model: an architecture with its weights, its
// tokenizer, its chat template, and what its file says about it.
package model

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"limbeck/internal/par"
	"limbeck/model/arch"
	"limbeck/model/chat"
	"limbeck/model/gguf"
	"limbeck/model/token"
	"limbeck/nn"
	"limbeck/nn/op"
	"limbeck/tensor"
)

// A Model is ready to run once it is packed, or to train as it is loaded.
type Model struct {
	arch.Model
	Tokenizer *token.Tokenizer
	Template  *chat.Template // nil if the file has none, or Unread
	Unread    error          // why Template lacks what the file has, which is kept as it is

	// Clock gives what strftime_now tells the template of [Model.Prompt]; nil gives
	// one fixed day. What answers people sets it to [time.Now]. What learns, measures or
	// compares leaves it: the same prompts then make the same tokens on any day.
	Clock func() time.Time

	// Meta holds what the file says besides shape, tokenizer and template:
	// name, license, what the model was made from.
	Meta gguf.Meta

	path           string
	bytes          int64
	templateSource string
	turnEnd        func() int // what the template ends replies with, found once; -1 for nothing
	file           file
}

// A file is where a model's weights lie.
type file interface {
	Release(t *tensor.Tensor) // lets go of a tensor needed no more, or a piece, which has no name
	Close() error
}

// Open loads a GGUF file or a folder in Hugging Face's layout. The caller
// closes the model when no weight is needed any more.
func Open(path string) (*Model, error) { return open(path, (*Model).checkFinite) }

// OpenUnchecked is [Open] of a model to look at, not to compute with: weights may be
// NaN or infinite. They are not read.
func OpenUnchecked(path string) (*Model, error) {
	return open(path, nothing)
}

func nothing(*Model) error { return nil }

// open opens a model. While its tokenizer is made, beside sees to its weights and its
// file: each takes some of the time to a first token.
func open(path string, beside func(*Model) error) (*Model, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return openFolder(path, beside)
	}
	f, err := gguf.Open(path)
	if err != nil {
		if strings.HasSuffix(path, ".safetensors") && !errors.As(err, new(*fs.PathError)) {
			err = fmt.Errorf("%s holds weights alone; name the model's folder, %s", path, filepath.Dir(path))
		}
		return nil, err
	}
	m := &Model{path: path, bytes: f.Bytes(), file: f}
	if err := m.build(f.Meta(), f.Tensors(), beside); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), m.Close())
	}
	return m, nil
}

// tensors returns the elements of all weights.
func (m *Model) tensors() []*tensor.Tensor {
	var all []*tensor.Tensor
	for _, w := range m.Weights() {
		all = append(all, w.Tensor())
	}
	return all
}

// FromGGUF makes a model of an open file, which the model owns from then on if
// there is no error.
func FromGGUF(f *gguf.File) (*Model, error) {
	m := &Model{bytes: f.Bytes(), file: f}
	if err := m.build(f.Meta(), f.Tensors(), (*Model).checkFinite); err != nil {
		return nil, err
	}
	return m, nil
}

// New returns a model of shape c with weights from src, and a tokenizer.
// template, which may be empty, is the source of a chat template; see Unread.
func New(c arch.Config, src nn.Source, spec token.Spec, template string) (*Model, error) {
	m := &Model{}
	if err := m.assemble(c, src, spec, template, nothing); err != nil {
		return nil, err
	}
	return m, nil
}

// assemble gives m its parts, and has beside done while the tokenizer is made.
func (m *Model) assemble(c arch.Config, src nn.Source, spec token.Spec, template string, beside func(*Model) error) (err error) {
	if len(spec.Tokens) != c.Vocab {
		return fmt.Errorf("the tokenizer has %d tokens, the model %d", len(spec.Tokens), c.Vocab)
	}
	if m.Model, err = arch.New(c, src); err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() { done <- beside(m) }()
	m.Tokenizer, err = token.New(spec)
	if failed := <-done; err == nil {
		err = failed
	}
	if err != nil {
		return err
	}
	_ = m.SetTemplate(template) // Unread tells when a chat is rendered: much else needs no template
	return nil
}

// Path returns the file or folder that the model came from, if any.
func (m *Model) Path() string { return m.path }

// Bytes returns the size of the file that the model came from, or of those of its
// folder that are part of it; 0 if it came from none.
func (m *Model) Bytes() int64 { return m.bytes }

// TemplateSource returns the source of the chat template.
func (m *Model) TemplateSource() string { return m.templateSource }

// SetTemplate gives the model another chat template; an empty source takes the
// present one away.
func (m *Model) SetTemplate(source string) error {
	m.templateSource, m.Template, m.Unread = source, nil, nil
	if source == "" {
		return nil
	}
	if m.Template, m.Unread = chat.Parse(source); m.Unread != nil {
		return m.Unread
	}
	t, tokenizer := m.Template, m.Tokenizer // ids that are there stay, though others come
	m.turnEnd = sync.OnceValue(func() int { return turnEnd(t, tokenizer) })
	return nil
}

// Pack lays the weights out for inference and lets go of the file's pages that
// are no longer needed. A packed model cannot be trained, pruned or saved.
func (m *Model) Pack(pool *par.Pool) {
	var free func(*tensor.Tensor)
	if m.file != nil {
		free = m.file.Release
	}
	op.PackAll(m.Weights(), pool, free)
}

// PackLater makes the model ready for inference as it lies in its file; see
// [op.PackLater]. Once it has run, [Model.Pack] makes it fast.
func (m *Model) PackLater() { op.PackLater(m.Weights()) }

// SetTrainable gives every weight that want accepts a gradient, and f32 memory
// of its own; the others are frozen. It returns the number of trainable
// parameters.
func (m *Model) SetTrainable(want func(w *op.Weight) bool) int {
	n := 0
	for _, w := range m.Weights() {
		if want(w) {
			stored := w.Tensor()
			w.SetTrainable()
			n += w.Rows * w.Cols
			if m.file != nil {
				m.file.Release(stored)
			}
		} else {
			w.Freeze()
		}
	}
	return n
}

// Close lets go of the file. The model must not be used after it.
func (m *Model) Close() error {
	if m.file == nil {
		return nil
	}
	return m.file.Close()
}

// source hands tensors out by name, and remembers which were asked for.
type source struct {
	tensors map[string]*tensor.Tensor
	used    map[string]bool
}

func (s *source) Tensor(name string, _, _ int) *tensor.Tensor {
	s.used[name] = true
	return s.tensors[name]
}

// build makes m of metadata and tensors under GGUF's names; see [Model.assemble].
func (m *Model) build(meta gguf.Meta, tensors []*tensor.Tensor, beside func(*Model) error) error {
	if err := whole(meta); err != nil {
		return err
	}
	src := &source{map[string]*tensor.Tensor{}, map[string]bool{}}
	for _, t := range tensors {
		src.tensors[t.Name] = t
	}
	kv := map[string]any{}
	for _, k := range meta.Keys() {
		kv[k], _ = meta.Get(k)
	}
	spec, err := token.FromKeys(kv)
	if err != nil {
		return err
	}
	c, err := config(meta, len(spec.Tokens), src.tensors[arch.Output] == nil)
	if err != nil {
		return err
	}
	r := reader{meta: meta}
	template, held := r.text(keyTemplate, ""), r.text(RepliesKey, Extractive)
	if r.err != nil {
		return r.err
	}
	if err := m.assemble(c, src, spec, template, beside); err != nil {
		return err
	}
	for _, t := range tensors {
		if !src.used[t.Name] {
			return fmt.Errorf("tensor %q is not part of architecture %s as this build knows it", t.Name, c.Arch)
		}
	}
	if held != Extractive {
		return fmt.Errorf("%s is %q; this build knows %q", RepliesKey, held, Extractive)
	}
	m.Meta = meta.Without(func(k string) bool { return described(k, c.Arch) })
	return nil
}

// whole refuses a file that is not all of a model.
func whole(meta gguf.Meta) error {
	if meta.String("general.type", "") == "adapter" {
		return errors.New("it is an adapter, not a model: merge it into its model first, as llama-export-lora does")
	}
	const count, number = "split.count", "split.no"
	n, err := meta.IntErr(count)
	if err != nil || n < 2 { // mostly it is not there
		return nil
	}
	part, _ := meta.IntErr(number)
	return fmt.Errorf("it is part %d of %d of a model: join them by llama-gguf-split --merge FIRST-PART OUT.gguf, and open that", part+1, n)
}

const (
	keyArch     = "general.architecture"
	keyTemplate = "tokenizer.chat_template"
)

// Keys of a model's metadata that tell where it comes from.
const (
	NameKey    = "general.name"
	LicenseKey = "general.license" // as SPDX spells it, or a text
	HistoryKey = "limbeck.history" // strings: what was done to it, oldest first
	RepliesKey = "limbeck.replies" // what replies are held to; see [Model.Guide]
)

// described reports whether k says what the Model itself holds.
func described(k, arch string) bool {
	return k == keyArch || k == "general.file_type" || k == "general.alignment" ||
		strings.HasPrefix(k, "tokenizer.") || strings.HasPrefix(k, arch+".")
}

// config reads the shape of a model. A setting that would change the model's
// arithmetic and is not known is an error.
func config(meta gguf.Meta, vocab int, tied bool) (arch.Config, error) {
	name, err := meta.StringErr(keyArch)
	if err != nil {
		return arch.Config{}, err
	}
	if !slices.Contains(arch.Names(), name) {
		return arch.Config{}, fmt.Errorf("architecture %q is not known; known are: %s", name, strings.Join(arch.Names(), ", "))
	}
	r := reader{meta: meta, prefix: name + "."}
	c := arch.Config{
		Arch: name, Vocab: vocab, Tied: tied,
		Layers:   r.int("block_count"),
		Width:    r.int("embedding_length"),
		Heads:    r.int("attention.head_count"),
		FFN:      r.int("feed_forward_length"),
		Context:  r.int("context_length"),
		NormEps:  r.float("attention.layer_norm_rms_epsilon"),
		RopeBase: r.float("rope.freq_base", 10000),
	}
	c.KVHeads = r.int("attention.head_count_kv", c.Heads)
	c.HeadDim = r.int("attention.key_length", c.Width/max(c.Heads, 1))
	by := "attention.key_length"
	if _, ok := meta.Get(name + "." + by); !ok {
		by = "embedding_length over attention.head_count: attention.key_length is missing"
	}
	for _, key := range []string{"attention.value_length", "rope.dimension_count"} {
		if n := r.int(key, c.HeadDim); n != c.HeadDim {
			r.fail(key, n, "; this build supports only a head's width, %d by %s", c.HeadDim, by)
		}
	}
	if n := r.int("vocab_size", vocab); n != vocab {
		r.fail("vocab_size", n, ", but the tokenizer has %d tokens", vocab)
	}
	scaling := r.text("rope.scaling.type", "")
	if scaling != "" && scaling != "none" {
		r.fail("rope.scaling.type", scaling, "; this build supports none")
	}
	// Without a type they are linear.
	for _, key := range []string{"rope.scaling.factor", "rope.scale_linear"} {
		if x := r.float(key, 1); x != 0 && x != 1 && scaling == "" {
			r.fail(key, x, "; this build supports no scaling, 1")
		}
	}
	if n := r.int("expert_count", 0); n != 0 {
		r.fail("expert_count", n, "; this build supports 0")
	}
	if causal, ok := meta.Get(name + ".attention.causal"); ok && causal != true {
		r.fail("attention.causal", causal, "; this build supports true")
	}
	for _, s := range foreign {
		if x := r.float(s.key, s.without[0]); !slices.Contains(s.without, x) {
			r.fail(s.key, x, "; this build supports none")
		}
	}
	return c, r.err
}

// foreign are settings of other architectures, or of scaled rotations, with the values
// that change nothing; the first is that of a file that does not have the key.
var foreign = []struct {
	key     string
	without []float64
}{
	{"rope.scaling.attn_factor", []float64{1}},
	{"attention.scale", []float64{0}},
	{"attention.sliding_window", []float64{0}},
	{"embedding_scale", []float64{0, 1}},
	{"logit_scale", []float64{0, 1}},
	{"residual_scale", []float64{0, 1}},
}

// reader reads settings under a prefix, and keeps the first error.
type reader struct {
	meta   gguf.Meta
	prefix string
	err    error
}

func (r *reader) fail(key string, got any, format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("%s%s is %v"+format, append([]any{r.prefix, key, got}, args...)...)
	}
}

// int returns a number, def if it is not there; without def, that is an error.
func (r *reader) int(key string, def ...int) int {
	return readKey(r, key, def, gguf.Meta.IntErr)
}

func (r *reader) float(key string, def ...float64) float64 {
	return readKey(r, key, def, gguf.Meta.FloatErr)
}

func (r *reader) text(key string, def ...string) string {
	return readKey(r, key, def, gguf.Meta.StringErr)
}

func readKey[T any](r *reader, key string, def []T, get func(gguf.Meta, string) (T, error)) T {
	if _, ok := r.meta.Get(r.prefix + key); !ok && len(def) > 0 {
		return def[0]
	}
	v, err := get(r.meta, r.prefix+key)
	if err != nil && r.err == nil {
		r.err = err
	}
	return v
}

package model_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"limbeck/internal/par"
	"limbeck/internal/testkit"
	"limbeck/model"
	"limbeck/model/chat"
	"limbeck/model/gguf"
	"limbeck/model/token"
	"limbeck/nn/op"
	"limbeck/tensor"
	"limbeck/tensor/dtype"
)

const text = "the cat sat on the mat: naïve, 日本語"

func logitsOf(t *testing.T, m *model.Model, packed bool) []float32 {
	t.Helper()
	pool := par.New(2)
	defer pool.Close()
	if packed {
		m.Pack(pool)
	}
	ids := m.Tokenizer.Encode(text, false)
	rows := make([]int, len(ids))
	for i := range rows {
		rows[i] = i
	}
	tape := op.NewTape(pool)
	tape.Exact = true
	return slices.Clone(m.Head(tape, m.Forward(tape, op.One(ids, nil)), rows).Data)
}

func open(t *testing.T, path string) *model.Model {
	t.Helper()
	m, err := model.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

// A model saved as a file and as a folder opens as what it was: shape, logits,
// tokens, template, and what its file says of it. Saving twice gives the same
// bytes.
// A template that is taken away is not written, in neither form.
func TestSaveWithoutTemplate(t *testing.T) {
	dir := t.TempDir()
	with := filepath.Join(dir, "with.gguf")
	if err := testkit.Model(4).Save(with); err != nil {
		t.Fatal(err)
	}
	m := open(t, with)
	if err := m.SetTemplate(""); err != nil {
		t.Fatal(err)
	}
	file, folder := filepath.Join(dir, "a.gguf"), filepath.Join(dir, "folder")
	if err := errors.Join(m.Save(file), m.SaveFolder(folder)); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{file, folder} {
		if got := open(t, path).TemplateSource(); got != "" {
			t.Errorf("%s: template %q, want none", path, got)
		}
	}
}

func TestSaveAndOpen(t *testing.T) {
	m := testkit.Model(4)
	shape := m.Config()
	shape.NormEps = float64(float32(shape.NormEps)) // as files store it
	m.Meta.Set("general.name", "Tiny")
	m.Meta.Set("general.license", "apache-2.0")
	want := logitsOf(t, m, false)
	dir := t.TempDir()
	file, again, folder := filepath.Join(dir, "a.gguf"), filepath.Join(dir, "b.gguf"), filepath.Join(dir, "folder")
	if err := m.Save(file); err != nil {
		t.Fatal(err)
	}
	if err := m.SaveFolder(folder); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{file, folder} {
		got := open(t, path)
		if got.Config() != shape || got.Path() != path {
			t.Errorf("%s: shape %+v, want %+v", path, got.Config(), shape)
		}
		for _, w := range got.Weights() {
			if dims := len(w.Tensor().Shape); (dims == 1) != (w.Rows == 1) {
				t.Errorf("%s: %s, of %d rows, has %d dimensions", path, w.Name, w.Rows, dims)
			}
		}
		if !slices.Equal(logitsOf(t, got, false), want) {
			t.Errorf("%s: other logits", path)
		}
		if got.TemplateSource() != testkit.Template || got.Tokenizer.EOS() != m.Tokenizer.EOS() {
			t.Errorf("%s: template %q, end of turn %d", path, got.TemplateSource(), got.Tokenizer.EOS())
		}
		messages := []chat.Message{{Role: "user", Content: "on the mat"}}
		a, err := got.PromptIDs(messages)
		if err != nil {
			t.Fatal(err)
		}
		if b, _ := m.PromptIDs(messages); !slices.Equal(a, b) {
			t.Errorf("%s: the prompt is %v, was %v", path, a, b)
		}
	}
	opened := open(t, file)
	if name, license := opened.Meta.String("general.name", ""), opened.Meta.String("general.license", ""); name != "Tiny" || license != "apache-2.0" {
		t.Errorf("name %q, license %q", name, license)
	}
	if err := opened.Save(again); err != nil {
		t.Fatal(err)
	}
	a, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(again)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(a, b) {
		t.Error("saved again, the file has other bytes")
	}
	if err := opened.SetTemplate(""); err != nil {
		t.Fatal(err)
	}
	if err := opened.Save(again); err != nil {
		t.Fatal(err)
	}
	if got := open(t, again).TemplateSource(); got != "" {
		t.Errorf("a template taken away is saved: %q", got)
	}
	if !slices.Equal(logitsOf(t, opened, true), want) {
		t.Error("packed, the logits differ")
	}
}

// A folder whose embedding has more rows than its tokenizer tokens opens, with tokens
// that no text has for the rest, as files of other programs have them.
func TestPaddedFolder(t *testing.T) {
	m := testkit.Model(1)
	spec, c := m.Tokenizer.Spec(), m.Config()
	spec.Tokens, spec.Types = slices.Clone(spec.Tokens), slices.Clone(spec.Types)
	for range 3 {
		spec.Tokens, spec.Types = append(spec.Tokens, fmt.Sprintf("[PAD%d]", len(spec.Tokens))), append(spec.Types, token.Unused)
	}
	c.Vocab = len(spec.Tokens)
	padded, err := model.New(c, testkit.Random{Rand: rand.New(rand.NewPCG(1, 1))}, spec, testkit.Template)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file, folder := filepath.Join(dir, "a.gguf"), filepath.Join(dir, "folder")
	if err := errors.Join(padded.Save(file), padded.SaveFolder(folder), m.SaveFolder(filepath.Join(dir, "small"))); err != nil {
		t.Fatal(err)
	}
	written, err := os.ReadFile(filepath.Join(folder, "tokenizer.json"))
	if err != nil || bytes.Contains(written, []byte("[PAD")) {
		t.Fatalf("%v: the tokenizer is padded too: %s", err, written)
	}
	for _, path := range []string{file, folder} {
		got := open(t, path)
		if s := got.Tokenizer.Spec(); got.Config().Vocab != c.Vocab || !slices.Equal(s.Tokens, spec.Tokens) || !slices.Equal(s.Types, spec.Types) {
			t.Errorf("%s: %d tokens %q, want %q", path, got.Config().Vocab, s.Tokens, spec.Tokens)
		}
	}
	// A model of fewer tokens, with this tokenizer.
	for _, name := range []string{"config.json", "model.safetensors"} {
		small, err := os.ReadFile(filepath.Join(dir, "small", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, name), small, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	open(t, folder)
	more := bytes.Replace(written, []byte(`"added_tokens":[`), fmt.Appendf(nil, `"added_tokens":[{"id":%d,"content":"<more>"},`, m.Config().Vocab), 1)
	if err := os.WriteFile(filepath.Join(folder, "tokenizer.json"), more, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := model.Open(folder); err == nil || !strings.Contains(err.Error(), `token "<more>" has id`) || !strings.Contains(err.Error(), folder) {
		t.Errorf("got %v, want an error that a token has no row", err)
	}
}

// What config.json says of special tokens counts where the tokenizer does not: only
// then its ids must be tokens.
func TestConfigsTokens(t *testing.T) {
	m := testkit.Model(1)
	spec, end := m.Tokenizer.Spec(), m.Tokenizer.EOS()
	for _, c := range []struct {
		eos, inConfig, want int
		err                 string
	}{
		{end, 99999, end, ""},
		{-1, 7, 7, ""},
		{-1, 99999, 0, "tokenizer.ggml.eos_token_id is 99999, want -1 (none) to"},
	} {
		spec.EOS = c.eos
		changed, err := model.New(m.Config(), testkit.Random{Rand: rand.New(rand.NewPCG(1, 1))}, spec, "")
		if err != nil {
			t.Fatal(err)
		}
		folder := filepath.Join(t.TempDir(), "folder")
		must(t, changed.SaveFolder(folder))
		config := filepath.Join(folder, "config.json")
		text, err := os.ReadFile(config)
		must(t, err)
		var keys map[string]any
		must(t, json.Unmarshal(text, &keys))
		keys["eos_token_id"] = []int{c.inConfig, 88888} // the first counts
		text, err = json.Marshal(keys)
		must(t, errors.Join(err, os.WriteFile(config, text, 0o666)))
		got, err := model.Open(folder)
		switch {
		case c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err) || !strings.Contains(err.Error(), folder)):
			t.Errorf("%+v: got %v, want an error with %q and the folder", c, err, c.err)
		case c.err == "" && err != nil:
			t.Errorf("%+v: %v", c, err)
		case c.err == "" && got.Tokenizer.EOS() != c.want:
			t.Errorf("%+v: token %d ends replies", c, got.Tokenizer.EOS())
		}
		if err == nil {
			must(t, got.Close())
		}
	}
}

// Packed, a model holds its f32 matrices once: packed, and no longer in its file's
// pages, which give what they gave if rows of them are looked up.
func TestPackReleasesF32(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.gguf")
	if err := testkit.Model(3).Save(path); err != nil {
		t.Fatal(err)
	}
	want := logitsOf(t, open(t, path), true)
	m := open(t, path)
	pool := par.New(1)
	defer pool.Close()
	released := m.PackReleasing(pool)
	for _, w := range m.Weights() {
		if w.Type() == dtype.F32 && w.Rows > 1 && !slices.Contains(released, w.Name) {
			t.Errorf("%s stays in memory twice", w.Name)
		}
	}
	if got := logitsOf(t, m, false); len(released) == 0 || !slices.Equal(got, want) {
		t.Errorf("%d tensors let go, and logits that differ", len(released))
	}
}

// A reply ends as turns do; the clock is asked only where one was given; a model without
// a template says so.
func TestPrompt(t *testing.T) {
	m := testkit.Model(1)
	got, err := m.Prompt([]chat.Message{{Role: "user", Content: "a"}, {Role: "assistant", Content: "b"}, {Role: "user", Content: "c"}})
	if want := "<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\nb<|im_end|>\n<|im_start|>user\nc<|im_end|>\n<|im_start|>assistant\n"; err != nil || got != want {
		t.Errorf("prompt %q, %v; want %q", got, err, want)
	}
	if ids := m.ReplyIDs("yes"); ids[len(ids)-1] != m.Tokenizer.EOS() || string(m.Tokenizer.Decode(ids[:len(ids)-1])) != "yes" {
		t.Errorf("reply %v", ids)
	}
	if err := m.SetTemplate("{{ strftime_now('%d %b %Y, %X') }}"); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"26 Jul 2024, 00:00:00", "01 Feb 2031, 04:05:06"} {
		if got, err := m.Prompt(nil); err != nil || got != want {
			t.Errorf("of the time: %q, %v; want %q", got, err, want)
		}
		m.Clock = func() time.Time { return time.Date(2031, 2, 1, 4, 5, 6, 0, time.UTC) }
	}
	if err := m.SetTemplate(""); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Prompt(nil); err == nil || !strings.Contains(err.Error(), "no chat template") {
		t.Errorf("without a template: got %v", err)
	}
	if err := m.SetTemplate("{% for %}"); err == nil || strings.Count(err.Error(), "template") != 1 {
		t.Errorf("a template that is none: got %v, want it named once", err)
	}
}

// A template that is not known keeps nobody from all else, and is written back as it was.
func TestUnreadTemplate(t *testing.T) {
	const source = "{% block x %}{{ messages }}{% endblock %}"
	dir := t.TempDir()
	file, folder := filepath.Join(dir, "m.gguf"), filepath.Join(dir, "m")
	m := testkit.Model(1)
	if err := m.SetTemplate(source); err == nil || err.Error() != m.Unread.Error() {
		t.Errorf("set: %v, want an error that is kept, %v", err, m.Unread)
	}
	if err := errors.Join(m.Save(file), m.SaveFolder(folder)); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{file, folder} {
		got := open(t, path)
		if got.TemplateSource() != source || got.Template != nil {
			t.Errorf("%s: template %q", path, got.TemplateSource())
		}
		_, err := got.Prompt([]chat.Message{{Role: "user", Content: "a"}})
		if want := path + ": chat template, line 1: statement {% block %} is not supported"; err == nil || err.Error() != want {
			t.Errorf("prompt: %v, want %s", err, want)
		}
		if ids := got.ReplyIDs("yes"); string(got.Tokenizer.Decode(ids)) != "yes<|im_end|>" {
			t.Errorf("%s: reply %v", path, ids)
		}
	}
}

// A reply ends with what the template writes behind one, if the model stops there, and
// else as a text does.
func TestReplyEnd(t *testing.T) {
	spec, err := token.Train(slices.Values([]string{"the cat sat"}), 280, "gpt-2", []string{"<|endoftext|>", "<|im_start|>", "<|im_end|>", "</s>"})
	if err != nil {
		t.Fatal(err)
	}
	id := func(name string) int { return slices.Index(spec.Tokens, name) }
	c := testkit.Model(1).Config()
	c.Vocab = len(spec.Tokens)
	for _, tc := range []struct{ template, eos, want string }{
		{testkit.Template, "<|endoftext|>", "<|im_end|>"},
		{testkit.Template, "<|im_end|>", "<|im_end|>"},
		{"{% for m in messages %}{{ m.content }} {{ eos_token }}{% endfor %}", "</s>", "</s>"},
		{"{% for m in messages %}{{ m.content }}{{ '\\n' }}{% endfor %}", "</s>", "</s>"},
		{"{{ messages[-1]['content'] }}{% if add_generation_prompt %}{{ '\\n' }}{% endif %}", "<|endoftext|>", "<|endoftext|>"},
		// This one ends no reply.
		{"{% for m in messages %}<|im_start|>{{ m.content }}{% endfor %}<|im_start|>", "</s>", "</s>"},
		{"{% for m in messages %}{{ m.content }}, and <|im_end|>{% endfor %}", "</s>", "</s>"},
		{"{{ messages[0]['content'] }}<|im_end|>", "</s>", "</s>"},
		{"{{ raise_exception('roles') }}", "</s>", "</s>"},
		{"", "</s>", "</s>"},
		{testkit.Template, "", "<|im_end|>"},
		{"", "", ""},
	} {
		spec.EOS = id(tc.eos) // -1 for none
		for _, kind := range []int32{token.Control, token.UserDefined} {
			spec.Types[id("<|im_end|>")] = kind
			m, err := model.New(c, testkit.Random{Rand: rand.New(rand.NewPCG(1, 1))}, spec, tc.template)
			if err != nil {
				t.Fatal(err)
			}
			if got := string(m.Tokenizer.Decode(m.ReplyIDs("yes"))); got != "yes"+tc.want {
				t.Errorf("%q with eos %q: %q, want it to end with %q", tc.template, tc.eos, got, tc.want)
			}
		}
	}
}

// A template that shows the last message alone has no place for a system message;
// one that refuses them says so itself.
func TestOmitsSystem(t *testing.T) {
	m := testkit.Model(1)
	for source, want := range map[string]bool{
		testkit.Template:                 false,
		"{{ messages[-1]['content'] }}":  true,
		"{{ messages[0]['content'] }}":   false,
		"{{ raise_exception('roles') }}": false,
		"":                               false,
	} {
		if err := m.SetTemplate(source); err != nil {
			t.Fatal(err)
		}
		if got := m.OmitsSystem(); got != want {
			t.Errorf("%q omits system messages: %v, want %v", source, got, want)
		}
	}
}

func TestSetTrainable(t *testing.T) {
	m := testkit.Model(1)
	n := m.SetTrainable(func(w *op.Weight) bool { return w.Name == "blk.0.attn_q.weight" || w.Rows == 1 })
	want := 64*64 + 7*64
	for _, w := range m.Weights() {
		if (w.Grad != nil) != (w.Name == "blk.0.attn_q.weight" || w.Rows == 1) {
			t.Errorf("%s: trainable %v", w.Name, w.Grad != nil)
		}
	}
	if n != want {
		t.Errorf("%d trainable parameters, want %d", n, want)
	}
	if n := m.SetTrainable(func(*op.Weight) bool { return false }); n != 0 || m.Weights()[0].Grad != nil {
		t.Errorf("%d trainable parameters of a frozen model", n)
	}
}

// A file whose settings or tensors this build cannot run as they are meant is
// refused with the name of what is wrong.
func TestFilesThatAreRefused(t *testing.T) {
	m := testkit.Model(1)
	for want, change := range map[string]func(meta *gguf.Meta, tensors *[]*tensor.Tensor){
		"llama.rope.scaling.type is linear": func(meta *gguf.Meta, _ *[]*tensor.Tensor) { meta.Set("llama.rope.scaling.type", "linear") },
		"llama.expert_count is 8":           func(meta *gguf.Meta, _ *[]*tensor.Tensor) { meta.Set("llama.expert_count", uint32(8)) },
		"rope.dimension_count is 8":         func(meta *gguf.Meta, _ *[]*tensor.Tensor) { meta.Set("llama.rope.dimension_count", uint32(8)) },
		"attention.value_length is 32":      func(meta *gguf.Meta, _ *[]*tensor.Tensor) { meta.Set("llama.attention.value_length", uint32(32)) },
		"llama.block_count":                 func(meta *gguf.Meta, _ *[]*tensor.Tensor) { meta.Set("llama.block_count", "three") },
		`architecture "mamba"`:              func(meta *gguf.Meta, _ *[]*tensor.Tensor) { meta.Set("general.architecture", "mamba") },
		`"blk.0.attn_norm.weight" is missing`: func(_ *gguf.Meta, tensors *[]*tensor.Tensor) {
			*tensors = slices.DeleteFunc(*tensors, func(x *tensor.Tensor) bool { return x.Name == "blk.0.attn_norm.weight" })
		},
		`tensor "blk.0.attn_q.bias" is not part`: func(_ *gguf.Meta, tensors *[]*tensor.Tensor) {
			*tensors = append(*tensors, tensor.New("blk.0.attn_q.bias", dtype.F32, 64))
		},
		`tensor "blk.1.ffn_up.weight": shape`: func(_ *gguf.Meta, tensors *[]*tensor.Tensor) {
			for i, x := range *tensors {
				if x.Name == "blk.1.ffn_up.weight" {
					(*tensors)[i] = tensor.New(x.Name, dtype.F32, 95, 64)
				}
			}
		},
	} {
		t.Run(want, func(t *testing.T) {
			meta, tensors := m.GGUF()
			change(&meta, &tensors)
			path := filepath.Join(t.TempDir(), "m.gguf")
			if err := gguf.Write(path, &meta, tensors); err != nil {
				t.Fatal(err)
			}
			if _, err := model.Open(path); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
				t.Errorf("got %v, want an error with %q and the file", err, want)
			}
		})
	}
}

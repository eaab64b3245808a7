package safetensors

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"sync/atomic"

	"limbeck/internal/disk"
	"limbeck/internal/fields"
	"limbeck/tensor"
)

// The files of a folder.
const (
	configFile          = "config.json"
	weightsFile         = "model.safetensors"
	indexFile           = "model.safetensors.index.json"
	tokenizerFile       = "tokenizer.json"
	tokenizerConfigFile = "tokenizer_config.json"
	templateFile        = "chat_template.jinja"

	shardEnding = ".safetensors"
)

// Files of folders that are no whole model, or none that is read.
const (
	adapterFile    = "adapter_config.json"
	torchFile      = "pytorch_model.bin"
	torchIndexFile = "pytorch_model.bin.index.json"
)

// maxText bounds the files that are read whole: the largest, a tokenizer of
// 256k tokens, takes a tenth of it.
const maxText = 256 << 20

// A Folder is an open model folder.
type Folder struct {
	config, tokenizer, tokenizerConfig []byte

	template string
	bytes    int64
	keys     map[string]any
	tensors  []*tensor.Tensor
	shards   *Shards
}

// Shards are the open files of a model's weights.
type Shards struct {
	files []*File
	left  atomic.Int64 // bytes of tensors in no file that were let go
}

// OpenFolder reads a folder of an architecture that this build knows: its
// config.json, model.safetensors or the shards that model.safetensors.index.json
// lists, and the tokenizer's files, which may be missing.
func OpenFolder(dir string) (*Folder, error) {
	f := &Folder{shards: &Shards{}}
	if err := f.open(dir); err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	return f, nil
}

func (f *Folder) open(dir string) (err error) {
	if f.config, err = f.read(dir, configFile); err != nil {
		return err
	}
	if f.config == nil {
		return cmp.Or(unread(dir), fmt.Errorf("no %s: not a Hugging Face model", configFile))
	}
	arch, err := fromConfig(f.config)
	if err != nil {
		return fmt.Errorf("%s: %w", configFile, err)
	}
	if f.keys, err = arch.keys(f.config); err != nil {
		return fmt.Errorf("%s: %w", configFile, err)
	}
	if f.tokenizer, err = f.read(dir, tokenizerFile); err != nil {
		return err
	}
	if f.tokenizerConfig, err = f.read(dir, tokenizerConfigFile); err != nil {
		return err
	}
	template, err := f.read(dir, templateFile)
	if err != nil {
		return err
	}
	if template != nil && len(template) == 0 { // else tokenizer_config.json's would count, or none
		return fmt.Errorf("%s: it is empty, want a template", templateFile)
	}
	f.template = string(template)
	if err := f.readOrigin(dir); err != nil {
		return err
	}
	if err := f.openWeights(dir); err != nil {
		return err
	}
	return f.translate(arch)
}

// Close is that of its [Shards].
func (f *Folder) Close() error { return f.shards.Close() }

// Shards returns the files of the weights, without what else the folder holds: some
// tensors lie in memory, with their rows in another order than in their file.
func (f *Folder) Shards() *Shards { return f.shards }

// collectAfter is how many bytes may be let go before they are collected: a large
// model's queries and keys are hundreds of MB.
const collectAfter = 8 << 20

// Release tells the system that t's bytes are not needed for now, so that they no
// longer count as this process's memory. Reading them again is correct. A tensor that
// lies in no file is collected, if nothing else refers to it and it is whole: a piece
// has no name.
func (s *Shards) Release(t *tensor.Tensor) {
	for _, file := range s.files {
		if file.Release(t) {
			return
		}
	}
	if t.Name == "" {
		return
	}
	if n := int64(len(t.Data)); s.left.Add(n) >= collectAfter {
		s.left.Store(0)
		debug.FreeOSMemory()
	}
}

// Close unmaps the weights: no tensor's Data may be touched after it.
func (s *Shards) Close() error {
	var errs []error
	for _, file := range s.files {
		errs = append(errs, file.Close())
	}
	return errors.Join(errs...)
}

// Keys returns what config.json says as GGUF keys, with the types that GGUF
// files have: uint32, float32, string, and what limbeck.json and README.md say of
// the model's origin. It is a copy.
func (f *Folder) Keys() map[string]any { return maps.Clone(f.keys) }

// Tensors returns the tensors with GGUF's names and row order: the embedding,
// the layers, the rest. A tied model has no output.weight.
func (f *Folder) Tensors() []*tensor.Tensor { return f.tensors }

// TokenizerJSON returns tokenizer.json, or nil.
func (f *Folder) TokenizerJSON() []byte { return f.tokenizer }

// TokenizerConfigJSON returns tokenizer_config.json, or nil.
func (f *Folder) TokenizerConfigJSON() []byte { return f.tokenizerConfig }

// ChatTemplate returns chat_template.jinja, which counts before a template that
// tokenizer_config.json has, or "".
func (f *Folder) ChatTemplate() string { return f.template }

// Bytes returns the size of the files that are the model: a folder may hold it in other
// formats too, and what describes it, as README.md does.
func (f *Folder) Bytes() int64 { return f.bytes }

// read is readText of a file that is part of the model, which a broken link would not be.
func (f *Folder) read(dir, name string) ([]byte, error) {
	b, err := readText(dir, name)
	f.bytes += int64(len(b))
	if b == nil && err == nil {
		err = broken(dir, name)
	}
	return b, err
}

// broken is the error of a file that is missing, if it is a link: Hugging Face's cache
// holds links, which lead nowhere where what they lead to was not downloaded or copied.
func broken(dir, name string) error {
	to, err := os.Readlink(filepath.Join(dir, name))
	if err != nil { // no link, or nothing at all
		return nil
	}
	return fmt.Errorf("%s is a link to %s, which is missing: the folder was not copied or downloaded whole", name, to)
}

// readText returns a file's content, or nil if there is none.
func readText(dir, name string) ([]byte, error) {
	b, err := disk.Read(filepath.Join(dir, name), maxText)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return b, err
}

// openWeights opens model.safetensors, else all shards.
func (f *Folder) openWeights(dir string) error {
	whole := filepath.Join(dir, weightsFile)
	if _, err := os.Stat(whole); err == nil {
		file, err := Open(whole)
		if err == nil {
			f.add(file)
		}
		return err
	}
	b, err := f.read(dir, indexFile)
	if err != nil {
		return err
	}
	if b == nil {
		return cmp.Or(broken(dir, weightsFile), unread(dir), fmt.Errorf("neither %s nor %s", weightsFile, indexFile))
	}
	places, err := parseIndex(b)
	if err != nil {
		return fmt.Errorf("%s: %w", indexFile, err)
	}
	held := map[string]string{} // shards by the names of their tensors
	for _, shard := range slices.Sorted(maps.Keys(places)) {
		file, err := Open(filepath.Join(dir, shard))
		if errors.Is(err, fs.ErrNotExist) {
			return cmp.Or(broken(dir, shard),
				fmt.Errorf("%s, which %s names, is missing: the folder was not copied or downloaded whole", shard, indexFile))
		}
		if err != nil {
			return err
		}
		f.add(file)
		for _, t := range file.tensors {
			if other, twice := held[t.Name]; twice {
				return fmt.Errorf("tensor %q is in %s and in %s, want it in one", t.Name, other, shard)
			}
			held[t.Name] = shard
		}
		for _, name := range places[shard] {
			if held[name] != shard {
				return fmt.Errorf("%s: tensor %q is not in %s", indexFile, name, shard)
			}
		}
	}
	return nil
}

// add adds an open file of weights.
func (f *Folder) add(file *File) {
	f.shards.files = append(f.shards.files, file)
	f.bytes += int64(len(file.mapping.Data))
}

// unread says what to do with a folder without the weights of a model, if it has others.
func unread(dir string) error {
	for _, other := range []struct{ file, what string }{
		{adapterFile, "it holds an adapter, not a model: merge it into its model first, as peft's merge_and_unload does, and save the whole"},
		{torchFile, "its weights are not in safetensors: load it in transformers, and save it by save_pretrained(…, safe_serialization=True)"},
		{torchIndexFile, "its weights are not in safetensors: load it in transformers, and save it by save_pretrained(…, safe_serialization=True)"},
	} {
		if _, err := os.Stat(filepath.Join(dir, other.file)); err == nil {
			return fmt.Errorf("%s: %s", other.file, other.what)
		}
	}
	return nil
}

// parseIndex returns the tensors' names by shard, sorted.
func parseIndex(b []byte) (map[string][]string, error) {
	var index struct {
		Map map[string]string `json:"weight_map"`
	}
	if err := fields.Read(b, &index); err != nil {
		return nil, err
	}
	if len(index.Map) == 0 {
		return nil, errors.New(`no "weight_map"`)
	}
	places := map[string][]string{}
	for _, name := range slices.Sorted(maps.Keys(index.Map)) {
		shard := index.Map[name]
		if !plainName(shard) || filepath.Ext(shard) != shardEnding { // as the index itself is
			return nil, fmt.Errorf("tensor %q: shard %q is not a plain file name that ends in %s", name, shard, shardEnding)
		}
		places[shard] = append(places[shard], name)
	}
	return places, nil
}

// plainName reports whether name is that of a file in the same folder.
func plainName(name string) bool {
	return name != "." && filepath.IsLocal(name) && filepath.Base(name) == name
}

// translate gives the tensors GGUF's names and order.
func (f *Folder) translate(arch *architecture) error {
	var c struct {
		Tied bool `json:"tie_word_embeddings"`
	}
	if err := fields.Read(f.config, &c); err != nil {
		return fmt.Errorf("%s: %w", configFile, err)
	}
	layers, err := keyInt(f.keys, arch.name+".block_count")
	if err != nil {
		return err
	}
	output := false
	for _, file := range f.shards.files {
		for _, t := range file.tensors {
			name := t.Name
			if skipped(name) || c.Tied && name == arch.outer[outputName] {
				continue
			}
			stored := t
			if t, err = arch.translate(t, f.keys); err != nil {
				return err
			}
			if len(t.Data) > 0 && &t.Data[0] != &stored.Data[0] { // a copy, in another order
				file.Release(stored)
			}
			if layer, _, ok := splitLayer(t.Name, "blk."); ok && layer >= layers {
				return fmt.Errorf("tensor %q: %s has %d layers", name, configFile, layers)
			}
			output = output || t.Name == outputName
			f.tensors = append(f.tensors, t)
		}
	}
	if !c.Tied && !output {
		return fmt.Errorf("no tensor %q, and %s does not tie it to the embedding", arch.outer[outputName], configFile)
	}
	slices.SortFunc(f.tensors, func(a, b *tensor.Tensor) int { return inOrder(a.Name, b.Name) })
	return nil
}

// translate returns t under GGUF's name and with its row order.
func (a *architecture) translate(t *tensor.Tensor, keys map[string]any) (*tensor.Tensor, error) {
	name, err := a.toGGUF(t.Name)
	if err != nil {
		return nil, err
	}
	if err := a.checkVocab(t, name, keys); err != nil {
		return nil, err
	}
	heads, err := a.heads(name, keys)
	if err != nil {
		return nil, err
	}
	c := *t
	if heads > 0 {
		s, err := swapHalves(t, heads, true)
		if err != nil {
			return nil, err
		}
		c = *s
	}
	c.Name = name
	return &c, nil
}

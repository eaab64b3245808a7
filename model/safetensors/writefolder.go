package safetensors

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"limbeck/internal/disk"
	"limbeck/tensor"
)

// obsolete are files in which programs, transformers and this one among them, read
// how a model is to be used. Where the new model has none of that name, the old
// one's would count for it.
var obsolete = []string{
	indexFile, templateFile, "chat_template.json", "generation_config.json",
	"special_tokens_map.json", "added_tokens.json", "vocab.json", "merges.txt", "tokenizer.model",
}

// written are the files that [WriteFolder] writes, with the further ones that package
// model gives it.
var written = []string{configFile, weightsFile, tokenizerFile, tokenizerConfigFile, originFile, cardFile}

// Sweep removes from a folder what a killed process left of a model that
// [WriteFolder] was writing.
func Sweep(dir string) error {
	return disk.Sweep(dir, func(name string) bool { return slices.Contains(written, name) })
}

// WriteFolder writes a folder that transformers loads: config.json from GGUF
// keys, model.safetensors from tensors with GGUF's names and row order, in
// f32, f16 or bf16, further files by name (tokenizer.json, …), and what keys say
// of the model's origin in limbeck.json and, unless it is there and a person's,
// README.md. The folder may exist. If it is a model's, as its config.json tells,
// what says how the old model is to be used goes; its other files stay. If it is none,
// such files are an error.
//
// All content is on the disk before the first file gets its name, and
// config.json, without which a folder is no model, gets it last; then the old
// model's files go. On an error the folder is as it was, unless the error is a
// renaming's or a removal's.
func WriteFolder(dir string, keys map[string]any, tensors []*tensor.Tensor, files map[string][]byte) error {
	if err := writeFolder(dir, keys, tensors, files); err != nil {
		return fmt.Errorf("writing %s: %w", dir, err)
	}
	return nil
}

func writeFolder(dir string, keys map[string]any, tensors []*tensor.Tensor, files map[string][]byte) (err error) {
	arch, err := fromKeys(keys)
	if err != nil {
		return err
	}
	config, err := arch.configJSON(keys, tensors)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if !plainName(name) || name == configFile || name == weightsFile || name == indexFile {
			return fmt.Errorf("a further file cannot be named %q", name)
		}
	}
	all, err := originFiles(keys)
	if err != nil {
		return err
	}
	if err := checkStray(dir); err != nil {
		return err
	}
	old := slices.Clone(obsolete)
	if hasOwnCard(dir) {
		delete(all, cardFile)
	} else {
		old = append(old, cardFile)
	}
	maps.Copy(all, files)
	weights := make([]*tensor.Tensor, len(tensors))
	for i, t := range tensors {
		if weights[i], err = arch.untranslate(t, keys); err != nil {
			return err
		}
	}
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		if err := os.Mkdir(dir, 0o777); err != nil {
			return err
		}
		defer func() {
			if err != nil {
				os.Remove(dir) // does nothing if a file is in it
			}
		}()
	}
	if err := place(dir, config, weights, all); err != nil {
		return err
	}
	return removeOld(dir, old, all)
}

// checkStray refuses a folder that is no model and has files which would say how to
// use one: they are somebody's, and would count for the model that is written.
func checkStray(dir string) error {
	if _, err := os.Stat(filepath.Join(dir, configFile)); err == nil {
		return nil
	}
	for _, name := range obsolete {
		if _, err := os.Lstat(filepath.Join(dir, name)); err == nil {
			return fmt.Errorf("the folder has %s but no %s, so that file would be read as part of the new model; move it, or choose another folder", name, configFile)
		}
	}
	return nil
}

// removeOld removes the files of these names but for those that were just written.
func removeOld(dir string, names []string, written map[string][]byte) error {
	for _, name := range names {
		if _, ok := written[name]; ok {
			continue
		}
		if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// place writes all files under hidden names and then renames them.
func place(dir string, config []byte, weights []*tensor.Tensor, files map[string][]byte) error {
	var pending []*disk.Pending
	defer func() {
		for _, p := range pending {
			p.Discard() // nothing once committed
		}
	}()
	stage := func(name string, fill func(*disk.Pending) error) error {
		p, err := disk.Create(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		pending = append(pending, p)
		if err := fill(p); err != nil {
			return err
		}
		return p.Sync()
	}
	bytes := func(b []byte) func(*disk.Pending) error {
		return func(p *disk.Pending) error { _, err := p.Write(b); return err }
	}
	err := stage(weightsFile, func(p *disk.Pending) error { return WriteTo(p, weights) })
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := stage(name, bytes(files[name])); err != nil {
			return err
		}
	}
	if err := stage(configFile, bytes(config)); err != nil {
		return err
	}
	return disk.CommitAll(pending)
}

func (a *architecture) configJSON(keys map[string]any, tensors []*tensor.Tensor) ([]byte, error) {
	tied, torch := true, ""
	for _, t := range tensors {
		if t.Name == outputName {
			tied = false
		}
		if torch == "" && len(t.Shape) == 2 {
			f, _ := formatOf(t.Type) // of the first matrix: vectors often stay in f32
			torch = f.torch
		}
		if vocab := a.name + ".vocab_size"; t.Name == embeddingName && keys[vocab] == nil && len(t.Shape) == 2 {
			keys = maps.Clone(keys)
			keys[vocab] = t.Shape[0]
		}
	}
	c, err := a.config(keys, tied, torch)
	if err != nil {
		return nil, err
	}
	b, err := json.MarshalIndent(c, "", "  ")
	return append(b, '\n'), err
}

// untranslate returns t under Hugging Face's name and with its row order.
func (a *architecture) untranslate(t *tensor.Tensor, keys map[string]any) (*tensor.Tensor, error) {
	name, err := a.fromGGUF(t.Name)
	if err != nil {
		return nil, err
	}
	if _, err := formatOf(t.Type); err != nil {
		return nil, fmt.Errorf("tensor %q: %w", t.Name, err)
	}
	heads, err := a.heads(t.Name, keys)
	if err != nil {
		return nil, err
	}
	c := *t
	if heads > 0 {
		s, err := swapHalves(t, heads, false)
		if err != nil {
			return nil, err
		}
		c = *s
	}
	c.Name = name
	return &c, nil
}

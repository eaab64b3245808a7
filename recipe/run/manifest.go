package run

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"

	"limbeck/internal/disk"
)

// manifestFile lies in a step's output.
const manifestFile = "step.json"

// A manifest describes a step's output.
type manifest struct {
	Kind     string            `json:"kind"`
	Version  int               `json:"version"`
	Key      string            `json:"key"`
	Machine  string            `json:"machine,omitempty"`
	Settings json.RawMessage   `json:"settings"`
	Inputs   []keyInput        `json:"inputs"`
	Facts    map[string]string `json:"facts,omitempty"`
	Files    []outFile         `json:"files"`
}

// An outFile is one file of an output.
type outFile struct {
	Path     string `json:"path"` // slash-separated, in the output
	Size     int64  `json:"size,omitempty"`
	Digest   string `json:"sha256,omitempty"`
	Measured bool   `json:"measured,omitempty"` // holds times: differs from run to run
}

// seal lists and syncs what a step wrote, and adds the manifest.
func seal(w *Work, m *manifest) error {
	dir := w.Dir
	d := newDigester(dir)
	maps.Copy(d.known, w.written)
	err := filepath.WalkDir(dir, func(p string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if e.IsDir() {
			return disk.Sync(p)
		}
		rel, err := filepath.Rel(dir, p)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if rel == manifestFile || rel == digestsFile || !e.Type().IsRegular() {
			return fmt.Errorf("a step must not write %s", rel)
		}
		if err := disk.Sync(p); err != nil {
			return err
		}
		digest, err := d.file(p)
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		m.Files = append(m.Files, outFile{rel, info.Size(), digest, w.measured[rel]})
		return nil
	})
	if err != nil {
		return err
	}
	for path := range w.measured {
		if _, err := os.Stat(filepath.Join(dir, filepath.FromSlash(path))); err != nil {
			return fmt.Errorf("a measured file that the step did not write: %w", err)
		}
	}
	text, err := json.MarshalIndent(m, "", " ")
	if err != nil {
		return err
	}
	if err := writeFile(filepath.Join(dir, manifestFile), text); err != nil {
		return err
	}
	return disk.Sync(dir)
}

// verify reads the manifest of a step's output and checks the files against
// it. A non-empty why tells what is wrong with the output.
func (f *Folder) verify(dir, key string) (m *manifest, why string) {
	text, err := os.ReadFile(filepath.Join(dir, manifestFile))
	if os.IsNotExist(err) {
		return nil, "not made yet"
	}
	m = new(manifest)
	if err != nil || json.Unmarshal(text, m) != nil || m.Key != key {
		return nil, "its manifest cannot be read"
	}
	for _, file := range m.Files {
		if !filepath.IsLocal(filepath.FromSlash(file.Path)) {
			return nil, "its manifest names a file outside of it"
		}
		p := filepath.Join(dir, filepath.FromSlash(file.Path))
		info, err := os.Stat(p)
		if err != nil || info.Size() != file.Size {
			return nil, fmt.Sprintf("its file %s is missing or has another size", file.Path)
		}
		if digest, err := f.digests.file(p); err != nil || digest != file.Digest {
			return nil, fmt.Sprintf("its file %s has changed", file.Path)
		}
	}
	return m, ""
}

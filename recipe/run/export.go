package run

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"limbeck/internal/disk"
)

// placeable refuses, before any work on p, to make what could not be exported, or would
// take the place of what a step of the whole plan reads or of what no run made.
func (f *Folder) placeable(whole, p *Plan) error {
	for _, s := range p.Steps {
		for from, name := range s.Exports {
			path := filepath.Join(f.Dir, name)
			info, err := os.Stat(path)
			if err == nil && info.IsDir() { // as a folder of the output may be
				continue
			}
			if _, err := disk.Target(path); err != nil {
				return fmt.Errorf("run: step %s: %w", s.Name, err)
			}
			if err != nil { // there is none
				continue
			}
			if input := whole.reads(info); input != "" {
				return fmt.Errorf("run: step %s would write over %s, which is what %s names: choose another folder for the run, or another name", s.Name, path, input)
			}
			if !f.made(s.Kind, from, path) {
				return fmt.Errorf("run: step %s would write over %s, which is no file of this run: move it, or choose another folder for the run", s.Name, path)
			}
		}
	}
	return nil
}

// reads returns what the plan calls a file that one of its steps reads; "" if none does.
func (p *Plan) reads(file fs.FileInfo) string {
	for _, s := range p.Steps {
		for _, in := range s.Inputs {
			if in.Of != nil || in.Path == "" {
				continue
			}
			if info, err := os.Stat(in.Path); err == nil && os.SameFile(info, file) {
				name, _ := s.called(in)
				return name
			}
		}
	}
	return ""
}

// made tells whether a file is what a run in this folder exported: a file that steps of
// a kind call from, by whatever key. The lineage knows those whose output is gone.
func (f *Folder) made(kind, from, path string) bool {
	info, err := os.Stat(path)
	if err != nil {
		return false
	}
	var known []outFile
	outputs, _ := os.ReadDir(filepath.Join(f.Dir, stepsDir)) // of none, nothing was exported
	for _, e := range outputs {
		if !strings.HasPrefix(e.Name(), kind+"-") {
			continue
		}
		dir := filepath.Join(f.Dir, stepsDir, e.Name())
		if output, err := os.Stat(filepath.Join(dir, from)); err == nil && os.SameFile(output, info) {
			return true
		}
		var m manifest
		if text, err := os.ReadFile(filepath.Join(dir, manifestFile)); err == nil && json.Unmarshal(text, &m) == nil {
			known = append(known, m.Files...)
		}
	}
	for _, s := range readLineage(f.Dir) {
		if s.Kind == kind {
			known = append(known, s.Files...)
		}
	}
	for _, file := range known {
		if file.Path != filepath.ToSlash(from) {
			continue
		}
		if file.Digest == "" { // measured: the lineage has none
			return true
		}
		if digest, err := f.digests.file(path); err == nil && file.Size == info.Size() && digest == file.Digest {
			return true
		}
	}
	return false
}

// show makes what a step exports appear, if it does not yet, and with it the lineage.
// What later steps exported of something else is taken away first: whatever becomes of
// them, the folder shows what belongs together.
func (f *Folder) show(whole *Plan, s *Planned, o Options) error {
	if f.shown(s) {
		return nil
	}
	for _, later := range whole.after(s) {
		if f.shown(later) {
			continue
		}
		for from, name := range later.Exports {
			path := filepath.Join(f.Dir, name)
			info, err := os.Lstat(path)
			if err != nil || !info.Mode().IsRegular() || !f.made(later.Kind, from, path) {
				continue
			}
			if err := os.Remove(path); err != nil {
				return err
			}
		}
	}
	// First: it is what tells the export from files of others.
	if err := f.writeLineage(whole, o); err != nil {
		return err
	}
	return f.export(s)
}

// shown tells whether what a step exports is there: nothing, or links to its output.
func (f *Folder) shown(s *Planned) bool {
	for from, name := range s.Exports {
		a, err1 := os.Stat(filepath.Join(f.StepDir(s.Kind, s.Key), from))
		b, err2 := os.Stat(filepath.Join(f.Dir, name))
		if err1 != nil || err2 != nil || !os.SameFile(a, b) {
			return false
		}
	}
	return true
}

// after returns the steps that depend on s.
func (p *Plan) after(s *Planned) (later []*Planned) {
	depends := map[*Planned]bool{s: true}
	for _, n := range p.Steps {
		for _, in := range n.Inputs {
			if in.Of != nil && depends[p.find(in.Of)] && !depends[n] {
				depends[n] = true
				later = append(later, n)
			}
		}
	}
	return later
}

// export makes what a step exports appear in the run's folder.
func (f *Folder) export(s *Planned) error {
	for from, name := range s.Exports {
		if !nameRule.MatchString(name) || !filepath.IsLocal(from) {
			return fmt.Errorf("run: step %s cannot export %s as %s", s.Name, from, name)
		}
		if err := f.place(filepath.Join(f.StepDir(s.Kind, s.Key), from), filepath.Join(f.Dir, name)); err != nil {
			return err
		}
	}
	return nil
}

// place makes a copy of a file or folder appear as to. A file that is there
// already, with the same content, is left alone.
func (f *Folder) place(from, to string) error {
	info, err := os.Stat(from)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return f.placeFile(from, to)
	}
	if err := os.MkdirAll(to, 0o777); err != nil {
		return err
	}
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() == manifestFile {
			continue
		}
		if err := f.place(filepath.Join(from, e.Name()), filepath.Join(to, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// placeFile links, or copies where that is impossible.
func (f *Folder) placeFile(from, to string) error {
	a, err := os.Stat(from)
	if err != nil {
		return err
	}
	if to, err = disk.Target(to); err != nil {
		return err
	}
	if b, err := os.Stat(to); err == nil && os.SameFile(a, b) {
		return nil
	}
	temp := filepath.Join(filepath.Dir(to), "."+filepath.Base(to)+temporary)
	if err := os.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if os.Link(from, temp) == nil {
		return disk.Rename(temp, to)
	}
	return disk.CopyFile(from, to)
}

package run

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// LineageFile is what made the run's outputs, in the run's folder: every
// digest, seed, version, license and origin. It holds no times, so that an
// interrupted run and an undisturbed one end with the same bytes.
const LineageFile = "recipe.lock.json"

type lineage struct {
	Program string         `json:"program"`
	Machine string         `json:"machine"`
	Recipe  any            `json:"recipe"`
	Steps   []*lineageStep `json:"steps"`
}

type lineageStep struct {
	Name     string            `json:"name"`
	Kind     string            `json:"kind"`
	Version  int               `json:"version"`
	Key      string            `json:"key"`
	Machine  string            `json:"machine,omitempty"`
	Settings json.RawMessage   `json:"settings"`
	Inputs   []lineageInput    `json:"inputs"`
	Facts    map[string]string `json:"facts,omitempty"`
	Files    []outFile         `json:"files"`
}

type lineageInput struct {
	Name    string `json:"name"`
	Path    string `json:"path,omitempty"`
	Step    string `json:"step,omitempty"` // name of the step whose output it is
	StepKey string `json:"step_key,omitempty"`
	Digest  string `json:"sha256,omitempty"`
	License string `json:"license,omitempty"`
	Labels  string `json:"labels,omitempty"`
}

// keyDigest returns the input as the step's key saw it.
func (in lineageInput) keyDigest() string {
	if in.Step != "" {
		return in.StepKey + "/" + in.Path
	}
	return in.Digest
}

// readLineage returns the steps of the folder's lineage by name; none if there
// is no lineage that can be read.
func readLineage(dir string) map[string]*lineageStep {
	text, err := os.ReadFile(filepath.Join(dir, LineageFile))
	var l lineage
	if err != nil || json.Unmarshal(text, &l) != nil {
		return nil
	}
	steps := map[string]*lineageStep{}
	for _, s := range l.Steps {
		if s != nil {
			steps[s.Name] = s
		}
	}
	return steps
}

// writeLineage writes the lineage of what is done.
func (f *Folder) writeLineage(p *Plan, o Options) error {
	l := lineage{Program: o.Program, Machine: f.Machine, Recipe: o.Recipe, Steps: []*lineageStep{}}
	for _, s := range p.Steps {
		if !s.Done {
			continue
		}
		m := s.output
		step := &lineageStep{Name: s.Name, Kind: m.Kind, Version: m.Version, Key: m.Key, Machine: m.Machine,
			Settings: s.settings, Inputs: []lineageInput{}, Facts: m.Facts, Files: []outFile{}}
		for i, in := range s.Inputs {
			step.Inputs = append(step.Inputs, p.lineageOf(in, s.inputs[i].Digest))
		}
		for _, file := range m.Files {
			if file.Measured {
				file.Size, file.Digest = 0, ""
			}
			step.Files = append(step.Files, file)
		}
		l.Steps = append(l.Steps, step)
	}
	text, err := json.MarshalIndent(l, "", "  ")
	if err == nil {
		err = writeFile(filepath.Join(f.Dir, LineageFile), text)
	}
	if err != nil {
		return fmt.Errorf("run: writing the lineage: %w", err)
	}
	return nil
}

func (p *Plan) lineageOf(in Input, digest string) lineageInput {
	l := lineageInput{Name: in.Name, Path: filepath.ToSlash(in.Path), License: cmp.Or(in.License, in.Stated), Labels: in.Labels}
	if in.Of != nil {
		of := p.find(in.Of)
		l.Step = of.Name
		l.StepKey, _, _ = strings.Cut(digest, "/")
		return l
	}
	if in.Shown != "" {
		l.Path = in.Shown
	}
	l.Digest = digest
	return l
}

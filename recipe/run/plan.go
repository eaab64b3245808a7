package run

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strings"
)

// A Plan is what is done and what is to do, in order.
type Plan struct {
	Steps []*Planned

	// Skipped are the names of steps that are the same as an earlier one: of
	// variants that share their beginning, for instance.
	Skipped map[string]*Planned
}

// A Planned is a step with what the folder says about it.
type Planned struct {
	*Step
	Key     string
	Done    bool
	Why     string // why it is to do; of a step whose inputs are to be made, which one
	Resumes bool   // it was interrupted and has a checkpoint
	Cost    Cost   // predicted, from its beginning; zero if done

	settings json.RawMessage
	inputs   []keyInput
	origins  []Origin
	output   *manifest // of a step that is done
	own      string    // Why, once its inputs are made
}

// Facts returns what a step that is done found out while it worked. The caller must
// not change it.
func (n *Planned) Facts() map[string]string {
	if n.output == nil {
		return nil
	}
	return n.output.Facts
}

// Plan finds out what is to do. It only reads, apart from remembering digests
// when the folder is locked.
func (f *Folder) Plan(ctx context.Context, steps []*Step) (*Plan, error) {
	if err := checkSteps(steps); err != nil {
		return nil, err
	}
	before := readLineage(f.Dir)
	p := &Plan{Skipped: map[string]*Planned{}}
	at, byKey := map[*Step]*Planned{}, map[string]*Planned{}
	for _, s := range steps {
		if err := ctx.Err(); err != nil { // predicting one may take seconds
			return nil, err
		}
		n, err := f.plan(s, at)
		if err != nil {
			return nil, err
		}
		if same, ok := byKey[n.Key]; ok {
			p.Skipped[s.Name], at[s] = same, same
			if same.Exports == nil {
				same.Exports = s.Exports
			}
			continue
		}
		at[s], byKey[n.Key] = n, n
		p.Steps = append(p.Steps, n)
		if err := f.state(n, at, before); err != nil {
			return nil, err
		}
	}
	if f.held != nil {
		f.digests.save()
	}
	return p, nil
}

// plan computes the step's key.
func (f *Folder) plan(s *Step, at map[*Step]*Planned) (*Planned, error) {
	n := &Planned{Step: s}
	var err error
	if n.settings, err = canonical(s.Settings); err != nil {
		return nil, fmt.Errorf("run: step %s: settings: %w", s.Name, err)
	}
	for _, in := range s.Inputs {
		digest, err := f.inputDigest(s, in, at)
		if err != nil {
			return nil, err
		}
		n.inputs = append(n.inputs, keyInput{in.Name, digest})
	}
	n.origins = n.trace(at)
	n.Key, err = key(s, n.settings, n.inputs, f.Machine)
	return n, err
}

func (f *Folder) inputDigest(s *Step, in Input, at map[*Step]*Planned) (string, error) {
	switch {
	case in.Of != nil:
		return at[in.Of].Key + "/" + filepath.ToSlash(in.Path), nil
	case in.Digest != "":
		return in.Digest, nil
	}
	digest, err := f.digests.path(in.Path)
	if err == nil {
		return digest, nil
	}
	name, shown := s.called(in)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("%s: no file or folder %s: %w", name, shown, fs.ErrNotExist)
	case errors.Is(err, fs.ErrPermission):
		return "", fmt.Errorf("%s: no permission to read %s: %w", name, shown, fs.ErrPermission)
	}
	return "", fmt.Errorf("%s: %w", name, err)
}

// called is what errors call an input of s, and the file that it is.
func (s *Step) called(in Input) (name, file string) {
	name = cmp.Or(in.Where, in.Key)
	if name == "" {
		name = "step " + s.Name + ": " + in.Name
	}
	return name, cmp.Or(in.Shown, in.Path)
}

// checkInputs refuses files that are not, or no more, what n's key was made of: those
// that something writes to. One whose digest is remembered is only looked at.
func (f *Folder) checkInputs(n *Planned) error {
	for i, in := range n.Inputs {
		if in.Of != nil {
			continue
		}
		digest, err := f.inputDigest(n.Step, in, nil)
		if err != nil {
			return err
		}
		if digest != n.inputs[i].Digest {
			name, file := n.called(in)
			return fmt.Errorf("%s: %s has changed since the run looked at it: start again, with a copy if something goes on writing to it", name, file)
		}
	}
	return nil
}

// state finds out whether n is done, and if not, why.
func (f *Folder) state(n *Planned, at map[*Step]*Planned, before map[string]*lineageStep) error {
	n.output, n.Why = f.verify(f.StepDir(n.Kind, n.Key), n.Key)
	n.Done = n.output != nil
	if n.Done {
		return nil
	}
	var err error
	if n.Resumes = f.Resumes(n); n.Resumes {
		n.Why = "interrupted; goes on from what it kept"
	} else if old := before[n.Name]; old != nil && old.Key != n.Key {
		n.Why = f.changed(n, old)
	}
	n.own = n.Why
	for _, in := range n.Inputs {
		if in.Of != nil && !at[in.Of].Done && !n.Resumes {
			n.Why = "needs " + at[in.Of].Name
			break
		}
	}
	if n.Predict != nil {
		// What stops a prediction is wrong with the files that the recipe names,
		// not with this step, which only happens to be the first to need them.
		if n.Cost, err = n.Predict(); err != nil {
			return err
		}
	}
	return nil
}

// Resumes tells whether a step that is not done has a checkpoint.
func (f *Folder) Resumes(s *Planned) bool {
	checkpoints, err := os.ReadDir(filepath.Join(f.tempDir(s.Kind, s.Key), checkpointDir))
	return err == nil && len(checkpoints) > 0
}

// changed tells how n differs from the step of that name in the lineage.
func (f *Folder) changed(n *Planned, old *lineageStep) string {
	var what []string
	if old.Kind != n.Kind || old.Version != n.Version {
		what = append(what, fmt.Sprintf("%s version %d → %s version %d", old.Kind, old.Version, n.Kind, n.Version))
	}
	what = append(what, settingsDiff(old.Settings, n.settings)...)
	for _, in := range n.inputs {
		for _, o := range old.Inputs {
			if o.Name == in.Name && o.keyDigest() != in.Digest {
				what = append(what, "input "+in.Name)
			}
		}
	}
	if !n.Portable && old.Machine != f.Machine {
		what = append(what, fmt.Sprintf("machine %s → %s", old.Machine, f.Machine))
	}
	const most = 3
	if len(what) > most {
		what = append(what[:most], fmt.Sprintf("%d more", len(what)-most))
	}
	if len(what) == 0 {
		return "inputs changed"
	}
	return "changed: " + strings.Join(what, ", ")
}

// settingsDiff lists the settings that differ, as "distill.lr 1 → 2".
func settingsDiff(old, now json.RawMessage) []string {
	a, b := map[string]string{}, map[string]string{}
	flatten(a, "", old)
	flatten(b, "", now)
	for k := range a {
		if _, ok := b[k]; !ok {
			b[k] = "none"
		}
	}
	camel := regexp.MustCompile(`([a-z])([A-Z])`) // a step's own settings, in Go's spelling
	var diff []string
	for k, v := range b {
		was, ok := a[k]
		if !ok {
			was = "none"
		}
		if was != v {
			key := strings.ToLower(camel.ReplaceAllString(k, "${1}_$2"))
			diff = append(diff, fmt.Sprintf("%s %s → %s", key, was, v))
		}
	}
	sort.Strings(diff)
	return diff
}

// flatten adds the leaves of a JSON object to out, under dotted keys.
func flatten(out map[string]string, key string, v json.RawMessage) {
	var object map[string]json.RawMessage
	if json.Unmarshal(v, &object) != nil || object == nil {
		var leaf bytes.Buffer
		if json.Compact(&leaf, v) == nil { // the lineage is indented
			out[key] = strings.Trim(leaf.String(), `"`)
		}
		return
	}
	for k, inner := range object {
		if key != "" {
			k = key + "." + k
		}
		flatten(out, k, inner)
	}
}

// ErrNoStep is returned by [Plan.Until] if no step has the name.
var ErrNoStep = errors.New("no such step")

// Until returns the plan of the steps of that name or kind, and of those that
// they need.
func (p *Plan) Until(name string) (*Plan, error) {
	if name == "" {
		return p, nil
	}
	need := map[*Step]bool{}
	var names []string
	for i := len(p.Steps) - 1; i >= 0; i-- {
		s := p.Steps[i]
		names = append([]string{s.Name}, names...)
		if s.Name == name || s.Kind == name || p.Skipped[name] == s {
			need[s.Step] = true
		}
		if need[s.Step] {
			p.markInputs(s.Step, need)
		}
	}
	if len(need) == 0 {
		return nil, fmt.Errorf("%q: %w (there are: %s)", name, ErrNoStep, strings.Join(names, ", "))
	}
	out := &Plan{Skipped: p.Skipped}
	for _, s := range p.Steps {
		if need[s.Step] {
			out.Steps = append(out.Steps, s)
		}
	}
	return out, nil
}

// markInputs marks the steps that s reads, or those that stand for them.
func (p *Plan) markInputs(s *Step, need map[*Step]bool) {
	for _, in := range s.Inputs {
		if in.Of == nil {
			continue
		}
		if same, ok := p.Skipped[in.Of.Name]; ok {
			need[same.Step] = true
		}
		need[in.Of] = true
	}
}

// Warnings returns what the steps to do are to be told of before any work, each
// text once: variants share much.
func (p *Plan) Warnings() []string {
	var all []string
	for _, w := range p.warnings() {
		all = append(all, w.String())
	}
	return all
}

func (p *Plan) warnings() []Warning {
	var all []Warning
	for _, s := range p.Steps {
		for _, w := range s.Cost.Warnings {
			if !slices.Contains(all, w) {
				all = append(all, w)
			}
		}
	}
	return all
}

// ToDo counts the steps that are not done.
func (p *Plan) ToDo() int {
	n := 0
	for _, s := range p.Steps {
		if !s.Done {
			n++
		}
	}
	return n
}

// Resumes tells whether a step was interrupted and has a checkpoint. What is predicted
// of it is what it takes from its beginning: at most that is left.
func (p *Plan) Resumes() bool {
	return slices.ContainsFunc(p.Steps, func(s *Planned) bool { return s.Resumes })
}

// find returns what is planned for a step.
func (p *Plan) find(s *Step) *Planned {
	if same, ok := p.Skipped[s.Name]; ok {
		return same
	}
	for _, n := range p.Steps {
		if n.Step == s {
			return n
		}
	}
	panic("run: a step that is not in the plan: " + s.Name)
}

// Package recipe reads recipes: the files that say how to make a student.
//
// A recipe is YAML. Each section of it is a Go struct in a file of its own; a field's
// tags give its key, its default, what is allowed and one line that explains
// it, so that the reader, its errors, the reference page and the commented
// recipes of limbeck init all say the same. Reading is strict: an unknown key,
// a wrong type or an impossible value is a [Problem] with file, line, column,
// key, what is allowed, and the nearest known key.
//
// What a recipe asks for is done by steps (package limbeck/recipe/run), which
// [Compile] collects from the builders of the sections.
package recipe

//go:generate go run ./reference -o ../docs/recipe.md

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
)

// A Recipe is a whole recipe, with the defaults filled in. A section that is
// nil was not asked for.
type Recipe struct {
	Name       string      `json:"name" doc:"names the run and the student" need:"yes"`
	Seed       int64       `json:"seed" default:"1" min:"0" doc:"every random choice in what is made follows from it; the comparison's resamples are always the same"`
	Teacher    []Stage     `json:"teacher" doc:"the large model; a list: stages, each training what the one before made" need:"yes"`
	Data       Data        `json:"data" doc:"the task's examples" need:"yes"`
	Task       string      `json:"task" default:"auto" one:"auto json_slots exact_match choice perplexity" doc:"what a right reply is; auto: detected from the data"`
	Synthesize *Synthesize `json:"synthesize,omitempty" doc:"makes further examples for the student, which the teacher answers"`
	Student    Student     `json:"student" doc:"the small model: where its weights come from, and its shape"`
	Train      *Train      `json:"train,omitempty" doc:"trains the student on the data alone"`
	Prune      Prune       `json:"prune" doc:"how what the student does not need is found and cut out"`
	Distill    *Distill    `json:"distill,omitempty" doc:"trains the student to do as the teacher does"`
	Quantize   *Quantize   `json:"quantize,omitempty" doc:"the format of the student's weights"`
	Compare    Compare     `json:"compare" doc:"measures the student beside the teacher"`
	Repeat     int         `json:"repeat" default:"1" min:"1" max:"100" doc:"makes the student this many times, with the seeds that follow seed; once, if nothing of it is drawn"`

	// Variants are the same recipe with other settings, in the file's order.
	// With any, they are what is made; the settings above are what they share.
	Variants []Variant `json:"variants,omitempty" raw:"yes" doc:"NAME: settings that differ; all variants are made and compared"`

	// Path is the file that the recipe was read from. Files that it names are
	// found from that file's folder.
	Path string `json:"-"`

	// Flags name what set the keys of a recipe that a command line made: a
	// flag, or an argument, by key. Errors point there.
	Flags map[string]string `json:"-"`

	// Idle are keys that were given and change nothing; none of a recipe with variants.
	Idle Problems `json:"-"`

	places map[string]Problem // where keys stand: source, line and column
	prefix string             // of keys in errors: a variant's
}

// A Variant is a recipe with settings of its own.
type Variant struct {
	Name   string  `json:"name"`
	Recipe *Recipe `json:"recipe"`
}

// names is what may name a run or a variant: one path element on any system.
var names = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`)

const nameRule = "lower-case letters, digits, '-', '_' and '.', at most 64"

func (r *Recipe) check(at report) {
	if !names.MatchString(r.Name) {
		at("name", fmt.Sprintf("impossible name %q", r.Name), nameRule)
	}
	r.checkTeacher(at)
	if r.Distill != nil && len(r.Teacher) > 0 && r.Teacher[0].From.remote() {
		at("distill", fmt.Sprintf("needs a teacher's probabilities, which %s does not give", r.Teacher[0].From),
			"a teacher that runs on this machine")
	}
	r.checkSeeds(at)
	r.checkNewTokens(at)
	if r.Quantize != nil && r.Quantize.Aware {
		r.checkAware(at)
	}
	if n := len(r.Prune.KeepLayers); n > 0 && int64(n) != r.Student.Layers.Count {
		at("prune.keep_layers", fmt.Sprintf("names %d layers, but student.layers is %s", n, r.Student.Layers), "as many as student.layers, which is a count")
	}
	if r.Synthesize != nil && r.Train == nil && r.Distill == nil {
		at("synthesize", "makes examples for a student's training, but none is asked for", "distill or train beside it")
	}
	switch {
	case r.Data.Train != "":
	case r.Trains():
		at("data.train", "missing, but something is to be trained", "a file of examples")
	case r.Student.From.Text == FromScratch, r.Student.Reshaped() && !r.Student.From.Model():
		at("data.train", "missing, but the student is cut by what the examples need", "a file of examples")
	case r.Quantize != nil && r.Quantize.Weighed():
		at("data.train", "missing, but quantize.imatrix measures what the examples need", "a file of examples, or imatrix: false")
	}
}

func (r *Recipe) idle(at report) {
	r.idlePrune(at)
	r.idleData(at)
	if r.Repeat > 1 && !r.drawn() {
		at("repeat", "changes nothing: the student is made without drawing by a seed", "train or distill, or no repeat")
	}
}

// drawn reports whether the student depends on a seed.
func (r *Recipe) drawn() bool {
	return r.Train != nil || r.Distill != nil || r.Student.From.Text == FromScratch
}

// checkTeacher refuses stages that do not follow from each other, and ensembles that
// nothing would learn from.
func (r *Recipe) checkTeacher(at report) {
	if len(r.Teacher) == 0 || r.Teacher[0].From.Text == "" {
		at("teacher", "names no model", "teacher: MODEL, or teacher: {from: MODEL, …}")
	}
	last, members := 0, 1 // the stage that trained last, and what it made
	for i, s := range r.Teacher {
		if i > 0 && s.From.Text != "" {
			at("teacher", "a later stage starts from what the stage before made", "from in the first stage only")
		}
		if i > 0 && s.License != "" {
			at(fmt.Sprintf("teacher[%d].license", i), "is of a stage that starts from what the stage before made, which has that model's license", "license in the first stage only")
		}
		if s.Train == nil {
			continue
		}
		if members > 1 {
			at(ensembleKey(last), fmt.Sprintf("trains %d models, of which the next stage takes one", members), "ensemble in the last stage that trains")
		}
		last, members = i, s.Ensemble
	}
	if d := r.Distill; members > 1 && d != nil && d.Cache == "live" && d.Taught() {
		at("distill.cache", fmt.Sprintf("cannot be live: an ensemble of %d teachers teaches through a cache", members), "topk, or ensemble: 1")
	}
}

func ensembleKey(stage int) string { return fmt.Sprintf("teacher[%d].ensemble", stage) }

// checkEnsembles refuses ensembles from which none of the recipes that are made learns:
// variants may share a teacher that only some learn from.
func checkEnsembles(made []*Recipe) (found Problems) {
	for _, r := range made {
		learns := func(o *Recipe) bool {
			return o.Distill != nil && o.Distill.Taught() && reflect.DeepEqual(o.Teacher, r.Teacher)
		}
		for i, s := range r.Teacher {
			if s.Ensemble > 1 && !slices.ContainsFunc(made, learns) {
				found = append(found, r.Problem(ensembleKey(i), fmt.Sprintf("trains %d models, but nothing learns from their mean", s.Ensemble),
					"1, or distill with response over 0 and cache: topk"))
			}
		}
	}
	return found
}

// checkSeeds refuses a seed where repetitions are to differ by theirs.
func (r *Recipe) checkSeeds(at report) {
	for _, t := range r.Trainings() {
		if student := t.Key == "train" || t.Key == "distill"; student && t.Seed != 0 && r.Repeat > 1 {
			at(t.Key+".seed", fmt.Sprintf("makes the %d repetitions alike", r.Repeat), "no seed: each has the one after its neighbor's")
		}
	}
}

// checkNewTokens refuses tokens that the student gets and its teacher lacks.
func (r *Recipe) checkNewTokens(at report) {
	d := r.Distill
	if r.Train != nil && r.Train.ReplyTokens > 0 && d != nil && d.Taught() {
		at("train.reply_tokens", "gives the student tokens that the teacher, which is to teach it, lacks", "reply_tokens in the teacher's train")
	}
}

// checkAware refuses what keeps the student from learning to be rounded.
func (r *Recipe) checkAware(at report) {
	switch {
	case r.Train == nil && r.Distill == nil:
		at("quantize.aware", "is how the student is trained, but nothing trains it", "false, or train or distill")
	case r.Train != nil && r.Train.LoRA != nil, r.Distill != nil && r.Distill.LoRA != nil:
		at("quantize.aware", "rounds the weights that learn, but adapters learn in their place", "false, or no lora")
	}
}

// A Training is one that a recipe asks for by a key.
type Training struct {
	Key string
	*Train
}

// Trainings lists all trainings: the teacher's stages, and the student's and the
// writer's.
func (r *Recipe) Trainings() (all []Training) {
	for i, s := range r.Teacher {
		if s.Train != nil {
			all = append(all, Training{fmt.Sprintf("teacher[%d].train", i), s.Train})
		}
	}
	if r.Train != nil {
		all = append(all, Training{"train", r.Train})
	}
	if r.Synthesize != nil {
		all = append(all, Training{"synthesize", &r.Synthesize.Train})
	}
	if r.Distill != nil {
		all = append(all, Training{"distill", &r.Distill.Train})
	}
	return all
}

// Trains tells whether any step of r trains something.
func (r *Recipe) Trains() bool { return len(r.Trainings()) > 0 }

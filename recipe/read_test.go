package recipe

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"limbeck/internal/typeset"
)

// full is the design's example.
const full = `name: home-assistant
teacher: builtin:home-assistant
data: {train: data/train.jsonl, test: data/test.jsonl}
student: {from: teacher, layers: 6, ffn: 50%, vocab: 4k}
distill: {response: 1.0, feature: 0.5, relation: 0.5, temperature: 2, epochs: 3}
quantize: {format: q4_0, imatrix: true}
compare: {metrics: [exact_match], baselines: [round-to-nearest, untouched]}
`

func mustRead(t testing.TB, text string, set ...string) *Recipe {
	t.Helper()
	r, err := Read("dir/recipe.yaml", []byte(text), set...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestRead(t *testing.T) {
	r := mustRead(t, full)
	if r.Teacher[0].From != (Ref{RefBuiltin, "builtin:home-assistant"}) || r.Teacher[0].Train != nil {
		t.Errorf("teacher: %+v", r.Teacher)
	}
	want := Student{From: Ref{RefOrigin, "teacher"}, Layers: Dim{Count: 6}, FFN: Dim{Share: .5}, Vocab: Dim{Count: 4000}}
	if r.Student != want {
		t.Errorf("student: %+v, want %+v", r.Student, want)
	}
	if d := r.Distill; d.Feature != .5 || d.Hard != .5 || d.Epochs != 3 || d.LR[0] != 5e-4 || d.Warmup.Share != .03 {
		t.Errorf("distill: %+v", d)
	}
	if r.Seed != 1 || r.Task != "auto" || r.Data.Validation.Share != .1 || r.Prune.Calibration != 512 {
		t.Errorf("defaults: %+v", r)
	}
	if got, want := r.Find(r.Data.Train), "dir/data/train.jsonl"; got != want {
		t.Errorf("Find: %s, want %s", got, want)
	}
}

func TestStages(t *testing.T) {
	r := mustRead(t, `name: a
teacher:
  - ./m.gguf
  - {train: {lr: [1e-4, 2e-4]}, ensemble: 3}
data: d.jsonl
distill: {cache: topk}
`)
	if len(r.Teacher) != 2 || r.Teacher[1].Train.LR[1] != 2e-4 || r.Teacher[1].Ensemble != 3 {
		t.Errorf("teacher: %+v", r.Teacher)
	}
}

func TestVariantsAndSet(t *testing.T) {
	r := mustRead(t, full+`variants:
  base: {}
  random: {student: {from: scratch}, distill: ~, train: {epochs: 9}}
  whole: {student: teacher, data: {augment: {exchange_slots: 2}}}
`, "distill.temperature=4", "teacher.train.epochs=2", "seed=7", "compare.metrics=")
	if len(r.Variants) != 3 {
		t.Fatalf("%d variants", len(r.Variants))
	}
	random, whole := r.Variants[1].Recipe, r.Variants[2].Recipe
	if random.Student.From.Text != "scratch" || random.Student.Layers.Count != 6 || random.Distill != nil || random.Train.Epochs != 9 {
		t.Errorf("random: %+v", random)
	}
	if whole.Student.From.Text != "teacher" || whole.Data.Train != "data/train.jsonl" || whole.Data.Augment.ExchangeSlots != 2 {
		t.Errorf("whole: %+v", whole)
	}
	for _, each := range []*Recipe{r, r.Variants[0].Recipe, whole} {
		if each.Distill.Temperature != 4 || each.Seed != 7 || each.Teacher[0].Train.Epochs != 2 || each.Compare.Metrics != nil || each.Path == "" {
			t.Errorf("set did not reach %+v", each)
		}
	}
}

// A dotted key of a variant changes that and nothing else. An empty value there is
// what it is in the file: without what the variants share.
func TestSetInVariants(t *testing.T) {
	const variants = "variants:\n  a: {train: {epochs: 9, lr: 1e-3}}\n  b: {seed: 3, distill: {hard: 0}}\n  c: {}\n"
	r := mustRead(t, full+variants, "variants.a.seed=7", "variants.a.train.epochs=2", "variants.b.distill=", "variants.c=", "variants.d.student=scratch")
	var names []string
	for _, v := range r.Variants {
		names = append(names, v.Name)
	}
	if got := strings.Join(names, " "); got != "a b d" {
		t.Fatalf("variants %s, want a b d", got)
	}
	a, b, d := r.Variants[0].Recipe, r.Variants[1].Recipe, r.Variants[2].Recipe
	if a.Seed != 7 || a.Train.Epochs != 2 || a.Train.LR[0] != 1e-3 || a.Distill == nil {
		t.Errorf("a: seed %d, %+v", a.Seed, a.Train)
	}
	if b.Seed != 3 || b.Distill != nil {
		t.Errorf("b: seed %d, %+v, want 3 and none", b.Seed, b.Distill)
	}
	if d.Seed != 1 || d.Student.From.Text != FromScratch || d.Student.Layers.Count != 6 {
		t.Errorf("d: seed %d, %+v", d.Seed, d.Student)
	}
}

// A default that a given key contradicts gives way.
func TestSmallBatches(t *testing.T) {
	r := mustRead(t, "name: a\nteacher: {from: m, train: {batch_tokens: 90}}\ndata: d\ndistill: {batch_tokens: 80}\ntrain: {}\n")
	if a, b, c := r.Teacher[0].Train.MaxTokens, r.Distill.MaxTokens, r.Train.MaxTokens; a != 90 || b != 80 || c != 512 {
		t.Errorf("max_tokens %d, %d and %d, want 90, 80 and 512", a, b, c)
	}
}

// The errors, and where they point. Each case is a recipe, flags after "--set".
func TestProblems(t *testing.T) {
	const head = "name: a\nteacher: builtin:x\ndata: d.jsonl\n"
	for _, c := range []struct{ name, text, want string }{
		{"unknown key", head + "distill:\n  temperatur: 3\n", `r.yaml:5:3: distill.temperatur: unknown key; did you mean "temperature"? (allowed: response, `},
		{"key of another section", head + "layers: 6\n", `r.yaml:4:1: layers: unknown key; did you mean "student.layers"?`},
		{"top level", head + "studnet: {}\n", `r.yaml:4:1: studnet: unknown key; did you mean "student"?`},
		{"wrong type", head + "seed: seven\n", `r.yaml:4:7: seed: is the text "seven" (allowed: a whole number of at least 0)`},
		{"quoted number", head + "repeat: \"3\"\n", `r.yaml:4:9: repeat: is the text "3" (allowed: a whole number from 1 to 100)`},
		{"list for a number", head + "seed: [1]\n", `r.yaml:4:7: seed: is a list`},
		{"section for a word", head + "task: {a: 1}\n", `r.yaml:4:7: task: is a section (allowed: auto, json_slots,`},
		{"impossible word", head + "task: json_slot\n", `r.yaml:4:7: task: cannot be "json_slot"; did you mean "json_slots"? (allowed: auto, `},
		{"a long word", head + "task: " + strings.Repeat("é", 61) + "\n", `task: cannot be "` + strings.Repeat("é", 60) + `"… (allowed: auto, `},
		{"an unknown metric", head + "compare: {metrics: [ungrounded]}\n", `r.yaml:4:21: compare.metrics[0]: cannot be "ungrounded" (allowed: exact_match, intent_accuracy, slot_f1, invalid_json, foreign_values, accuracy, perplexity)`},
		{"out of range", head + "distill: {temperature: 0}\n", `r.yaml:4:24: distill.temperature: cannot be "0" (allowed: a number over 0 and at most 100)`},
		{"aware of nothing", head + "quantize: {format: q4_0, aware: true}\n", `r.yaml:4:33: quantize.aware: is how the student is trained, but nothing trains it (allowed: false, or train or distill)`},
		{"aware of a size", head + "train: {}\nquantize: {size: 9MB, aware: true}\n", `r.yaml:5:30: quantize.aware: the formats must be known before the training`},
		{"aware adapters", head + "train: {lora: {}}\nquantize: {format: q4_0, aware: true}\n", `r.yaml:5:33: quantize.aware: rounds the weights that learn`},
		{"nothing to weigh", head + "train: {}\nquantize: {format: q4_0, aware: true, imatrix: true}\n", `r.yaml:5:48: quantize.imatrix: weighs the errors of rounding`},
		{"another license", "name: a\nteacher: [{from: m}, {train: {}, license: MIT}]\ndata: d.jsonl\n", `teacher[1].license: is of a stage that starts from`},
		{"infinite", head + "distill: {temperature: .inf}\n", `distill.temperature: is the number ".inf"`},
		{"not a number", head + "distill: {hard: .nan}\n", `distill.hard: is the number ".nan"`},
		{"overflow", head + "distill: {hard: 1e999}\n", `distill.hard: is the text "1e999"`},
		{"count", head + "student: {vocab: 4x}\n", `r.yaml:4:18: student.vocab: "4x": not a number (allowed: a count, as 288 or 4k, or a share, as 50%)`},
		{"fraction", head + "student: {layers: 2.5}\n", `student.layers: "2.5": not a whole number`},
		{"share", head + "student: {ffn: 150%}\n", `student.ffn: "150%": not between 0% and 100%`},
		{"size", head + "quantize: {size: 12}\n", `quantize.size: "12": not a number (allowed: a size, as 12MB`},
		{"memory without a unit", head + "train: {memory: 3}\n", `r.yaml:4:17: train.memory: "3": not a number (allowed: a size, as 12MB`},
		{"negative memory", head + "distill: {memory: -3GB}\n", `r.yaml:4:19: distill.memory: "-3GB": too large or negative`},
		{"negative", head + "quantize: {size: -1MB}\n", `quantize.size: "-1MB": too large or negative`},
		{"holdout", "name: a\nteacher: m\ndata: {train: d, validation: 0.1}\n", `r.yaml:3:30: data.validation: "0.1": a number without a percent sign`},
		{"missing", "name: a\ndata: d\n", `r.yaml:1:1: teacher: missing`},
		{"empty", "name: a\nteacher:\ndata: d\n", `teacher: empty; leave the key out`},
		{"no stage", "name: a\nteacher: []\ndata: d\n", `r.yaml:2:10: teacher: names no model (allowed: teacher: MODEL, or teacher: {from: MODEL, …})`},
		{"reference", "name: a\nteacher: opanai/gpt\ndata: d\n", `r.yaml:2:10: teacher: "opanai/gpt": names no model; a path starts with ./ (allowed: ./file.gguf, ./folder/ or builtin:NAME)`},
		{"twice", head + "seed: 1\nseed: 2\n", `r.yaml:5:1: seed: given twice, first in line 4`},
		{"alias", head + "seed: &s 1\n", `r.yaml:4:7: seed: anchors and aliases are not supported`},
		{"tag", head + "seed: !!int 1\n", `r.yaml:4:7: seed: tags are not supported`},
		{"merge key", head + "<<: {seed: 1}\n", `r.yaml:4:1: <<: unknown key`},
		{"syntax", "name: [a\nteacher: b\n", `r.yaml:2:8: YAML: did not find expected`},
		{"documents", head + "---\nname: b\n", `r.yaml:4:1: a second document (allowed: one recipe a file)`},
		{"nothing", "", `r.yaml: holds no recipe`},
		{"list", "- a\n", `r.yaml:1:1: is not a recipe`},
		{"name", "name: a b\nteacher: m\ndata: d\n", `r.yaml:1:7: name: impossible name "a b" (allowed: lower-case`},
		{"data twice", "name: a\nteacher: m\ndata: {train: d, test: d}\n", `r.yaml:3:24: data.test: is the training file too`},
		{"remote", "name: a\nteacher: openai/gpt-4o\ndata: d\ndistill: {}\n", `r.yaml:4:10: distill: needs a teacher's probabilities`},
		{"heads", head + "student: {heads: 4, kv_heads: 3}\n", `r.yaml:4:31: student.kv_heads: does not divide heads`},
		{"params", head + "student: {params: 15M, layers: 3}\n", `student.params: picks layers`},
		{"one pair", head + "distill: {feature: 1, layer_pairs: [0]}\n", `r.yaml:4:37: distill.layer_pairs[0]: is the number "0" (allowed: a list of 2, each a whole number of at least 0)`},
		{"a triple", head + "distill: {feature: 1, layer_pairs: [[0, 1, 2]]}\n", `distill.layer_pairs[0]: is a list of 3 (allowed: a list of 2, each`},
		{"pair below", head + "distill: {feature: 1, layer_pairs: [[0, -1]]}\n", `distill.layer_pairs[0][1]: cannot be "-1"`},
		{"pair twice", head + "distill: {feature: 1, layer_pairs: [[0, 1], [1, 2], [0, 1]]}\n", `r.yaml:4:53: distill.layer_pairs[2]: the pair [0, 1] was there before (allowed: each pair once)`},
		{"pairs of nothing", head + "distill: {layer_pairs: [[0, 1]]}\n", `r.yaml:4:24: distill.layer_pairs: names what feature compares, but feature is 0 (allowed: feature over 0, or no layer_pairs)`},
		{"patience without validations", head + "distill: {keep: last, patience: 3}\n", `r.yaml:4:33: distill.patience: counts validations, but keep: last does without (allowed: 0, or keep: best)`},
		{"heads of no relation", head + "distill: {relation_heads: 4}\n", `r.yaml:4:27: distill.relation_heads: splits what relation compares, but relation is 0 (allowed: relation over 0, or no relation_heads)`},
		{"layers twice", head + "student: {layers: 2}\nprune: {keep_layers: [1, 1]}\n", `r.yaml:5:22: prune.keep_layers: layer 1 comes after layer 1 (allowed: numbers in ascending order, each once)`},
		{"layer below", head + "student: {layers: 2}\nprune: {keep_layers: [-1, 1]}\n", `prune.keep_layers[0]: cannot be "-1"`},
		{"other layers", head + "student: {layers: 2}\nprune: {keep_layers: [0, 1, 5]}\n", `prune.keep_layers: names 3 layers, but student.layers is 2 (allowed: as many as student.layers, which is a count)`},
		{"a student of nothing", head + "student: {from: nobody/knows}\n", `names no model; a path starts with ./ (allowed: teacher, scratch, ./file.gguf, ./folder/ or builtin:NAME)`},
		{"shape of a model", head + "student: {from: ./m.gguf, layers: 3}\n", `student.from: is a model with a shape of its own`},
		{"format and size", head + "quantize: {format: q4_0, size: 1MB}\n", `quantize.size: picks the formats`},
		{"cache", head + "distill: {cache: topk, feature: 1}\n", `distill.cache: a cache holds probabilities only`},
		{"inner check", head + "distill: {lr: [1e-4, 0]}\n", `distill.lr[1]: cannot be "0" (allowed: a number over 0 and at most 1)`},
		{"no rate", head + "distill: {lr: []}\n", `distill.lr: an empty or a very long list`},
		{"rates without a choice", head + "distill: {keep: last, lr: [1e-4, 1e-3]}\n", `r.yaml:4:27: distill.lr: lists rates of which validation chooses, but keep: last does without (allowed: one rate, or keep: best)`},
		{"small count", head + "train: {batch_tokens: 0}\n", `train.batch_tokens: cannot be "0" (allowed: a count, as 288, 4k, 4Ki or 15M of at least 2)`},
		{"long examples", head + "train: {max_tokens: 200, batch_tokens: 100}\n", `r.yaml:4:21: train.max_tokens: is more than batch_tokens`},
		{"ensemble", "name: a\nteacher: {from: m, ensemble: 2}\ndata: d\n", `teacher.ensemble: without train`},
		{"an early ensemble", "name: a\nteacher:\n  - m\n  - {train: {}, ensemble: 3}\n  - train: {}\ndata: d\n", `r.yaml:4:27: teacher[1].ensemble: trains 3 models, of which the next stage takes one (allowed: ensemble in the last stage that trains)`},
		{"a live ensemble", "name: a\nteacher: {from: m, train: {}, ensemble: 3}\ndata: d\ndistill: {feature: 1}\n", `r.yaml:4:10: distill.cache: cannot be live: an ensemble of 3 teachers teaches through a cache (allowed: topk, or ensemble: 1)`},
		{"an ensemble that teaches nothing", "name: a\nteacher: {from: m, train: {}, ensemble: 3}\ndata: d\ntrain: {}\n", `r.yaml:2:41: teacher.ensemble: trains 3 models, but nothing learns from their mean (allowed: 1, or distill`},
		{"a listed ensemble", "name: a\nteacher: [m, {train: {}, ensemble: 3}]\ndata: d\ndistill: {response: 0}\n", `r.yaml:2:36: teacher[1].ensemble: trains 3 models, but nothing learns`},
		{"a variant's ensemble", "name: a\nteacher: {from: m, train: {}}\ndata: d\ndistill: {}\nvariants: {x: {}, y: {teacher: {ensemble: 3}, distill: {response: 0}}}\n", `r.yaml:5:43: variants.y.teacher.ensemble: trains 3 models, but nothing learns`},
		{"random weights of nothing", "name: a\nteacher: m\nstudent: scratch\ndata: {}\n", `r.yaml:4:7: data.train: missing, but the student is cut by what the examples need`},
		{"second from", "name: a\nteacher: [m, n]\ndata: d\n", `teacher: a later stage starts from`},
		{"variant", head + "variants: {x: {distill: {hard: -1}}}\n", `r.yaml:4:32: variants.x.distill.hard: cannot be "-1"`},
		{"variant's name", head + "variants: {x: {name: b}}\n", `variants.x.name: is what variants share`},
		{"variant's system prompt", head + "variants: {x: {data: {system: hi}}}\n", `variants.x.data.system: is what variants share`},
		{"an ensemble of one seed", "name: a\nteacher: {from: m, train: {seed: 7}, ensemble: 4}\ndata: d\n", `r.yaml:2:34: teacher.train.seed: makes the 4 models of the ensemble alike (allowed: no seed`},
		{"repetitions of one seed", head + "repeat: 3\ndistill: {seed: 7}\n", `r.yaml:5:17: distill.seed: makes the 3 repetitions alike (allowed: no seed`},
		{"tokens that the teacher lacks", head + "train: {reply_tokens: 9}\ndistill: {}\n", `r.yaml:4:23: train.reply_tokens: gives the student tokens that the teacher, which is to teach it, lacks (allowed: reply_tokens in the teacher's train)`},
		{"variant's test", head + "variants: {x: {data: {test: b}}}\n", `variants.x.data.test: is what variants share`},
		{"set", head + "--set distil.hard=1", `--set distil.hard=1: distil: unknown key; did you mean "distill"?`},
		{"set value", head + "--set distill.hard=x", `--set distill.hard=x: distill.hard: is the text "x"`},
		{"set in a variant", head + "variants: {x: {}}\n--set variants.x.distil.hard=1", `--set variants.x.distil.hard=1: variants.x.distil: unknown key; did you mean "distill"?`},
		{"set list", "name: a\nteacher: [m, {train: {}}]\ndata: d\n--set teacher.ensemble=2", `--set teacher.ensemble=2: teacher: is a list here`},
		{"set nothing", head + "--set x", `--set x: no key, or no =`},
		{"long", head + strings.Repeat("# comment\n", maxBytes/10), `r.yaml: too long`},
	} {
		text, flag, ok := strings.Cut(c.text, "--set ")
		var set []string
		if ok {
			set = []string{flag}
		}
		_, err := Read("r.yaml", []byte(text), set...)
		var p *Problem
		if err == nil || !errors.As(err, &p) {
			t.Errorf("%s: got %v, want %s", c.name, err, c.want)
		} else if !strings.HasPrefix(err.Error(), c.want) && !strings.Contains(err.Error(), c.want) || strings.Count(err.Error(), "\n") > 0 {
			t.Errorf("%s:\ngot  %v\nwant %s", c.name, err, c.want)
		}
	}
}

// Keys that change nothing are told of where they stand. Where variants share them,
// they may be of use to some.
func TestIdle(t *testing.T) {
	const head, bare = "name: a\nteacher: m\ndata: d\n", "name: a\nteacher: m\n"
	for text, want := range map[string]string{
		head + "distill: {topk: 16}\n":                                          `dir/recipe.yaml:4:17: distill.topk: changes nothing: `,
		head + "distill: {cache: topk, response: 0, topk: 16}\n":                `dir/recipe.yaml:4:43: distill.topk: changes nothing: `,
		head + "distill: {response: 0, temperature: 1}\n":                       `dir/recipe.yaml:4:37: distill.temperature: changes nothing: `,
		head + "distill: {response: 0, divergence: reverse}\n":                  `dir/recipe.yaml:4:36: distill.divergence: changes nothing: `,
		head + "quantize: {imatrix: false, calibration: 9}\n":                   `dir/recipe.yaml:4:41: quantize.calibration: changes nothing: `,
		head + "quantize: {format: Q8_0, imatrix: true}\n":                      `dir/recipe.yaml:4:35: quantize.imatrix: changes nothing: q8_0 is rounded to the nearest`,
		head + "student: {from: scratch, layers: 2}\nprune: {calibration: 9}\n": `dir/recipe.yaml:5:22: prune.calibration: changes nothing: the weights of a student from scratch`,
		head + "quantize: {size: 12MB, embedding: q8_0}\n":                      `dir/recipe.yaml:4:35: quantize.embedding: changes nothing: `,
		head + "repeat: 3\nquantize: q4_0\n":                                    `dir/recipe.yaml:4:9: repeat: changes nothing: `,
		head + "prune: {calibration: 9}\n":                                      `dir/recipe.yaml:4:22: prune.calibration: changes nothing: `,
		head + "student: ./m.gguf\nprune: {keep_tokens: t.txt}\n":               `dir/recipe.yaml:5:22: prune.keep_tokens: changes nothing: `,
		head + "student: {layers: 2}\nprune: {keep_tokens: t.txt}\n":            `dir/recipe.yaml:5:22: prune.keep_tokens: changes nothing: `,
		head + "student: {from: scratch, layers: 1}\nprune: {keep_layers: 0}\n": `dir/recipe.yaml:5:22: prune.keep_layers: changes nothing: `,
		head + "train: {schedule: constant, final_lr: 50%}\n":                   `dir/recipe.yaml:4:39: train.final_lr: changes nothing: `,
		head + "distill: {schedule: constant, final_lr: 50%}\n":                 `dir/recipe.yaml:4:41: distill.final_lr: changes nothing: `,
		head + "train: {}\nsynthesize: {keep: last, eval_limit: 9}\n":           `dir/recipe.yaml:5:38: synthesize.eval_limit: changes nothing: `,
		head + "compare: {rounds: 0, prompts: 9}\n":                             `dir/recipe.yaml:4:31: compare.prompts: changes nothing: `,
		head + "compare: {rounds: 0, prices: {machine_hour: 1}}\n":              `dir/recipe.yaml:4:45: compare.prices.machine_hour: changes nothing: `,
		bare + "data: {test: t}\n":                                              `dir/recipe.yaml:3:14: data.test: changes nothing: without data.train nothing is compared`,
		bare + "data: {validation: v}\n":                                        `dir/recipe.yaml:3:20: data.validation: changes nothing: `,
		bare + "data: {}\ncompare: {examples: 3}\n":                             `dir/recipe.yaml:4:10: compare: changes nothing: `,
		bare + "data: {}\n": "",
		head + "compare: {rounds: 0, prices: {input: 1}}\n":                                                                    "",
		head + "student: {params: 1M}\nprune: {calibration: 9, keep_tokens: t.txt}\ntrain: {schedule: constant, keep: last}\n": "",
		head + "distill: {cache: topk, topk: 16, temperature: 1}\n":                                                            "",
		head + "distill: {topk: 64}\nquantize: {format: q4_0, calibration: 9}\n":                                               "",
		head + "distill: {topk: 16}\nvariants: {a: {distill: {cache: topk}}}":                                                  "",
	} {
		switch found := mustRead(t, text).Idle; {
		case want == "" && len(found) > 0:
			t.Errorf("%s: %v, want none", text, found)
		case want != "" && (len(found) != 1 || !strings.HasPrefix(found[0].Error(), want)):
			t.Errorf("%s:\ngot  %v\nwant %s", text, found, want)
		}
	}
}

// No recipe of ours has a key that changes nothing.
func TestOurRecipesAreNotIdle(t *testing.T) {
	paths, err := filepath.Glob("../examples/*/*.yaml")
	if err != nil || len(paths) == 0 {
		t.Fatal(paths, err)
	}
	for _, path := range append(paths, "../store/builtin/home-assistant/demo.yaml") {
		if r, err := Load(path); err != nil || len(r.Idle) > 0 {
			t.Errorf("%s: %v, %v", path, err, r.Idle)
		}
	}
}

// An ensemble is trained for the variants that learn from it; others may be compared with
// these.
func TestEnsembleOfVariants(t *testing.T) {
	r := mustRead(t, "name: a\nteacher: {from: m, train: {}, ensemble: 3}\ndata: d\nvariants: {alone: {train: {}}, taught: {distill: {cache: topk}}}\n")
	if len(r.Variants) != 2 {
		t.Errorf("%d variants", len(r.Variants))
	}
}

func TestAllProblemsInOrder(t *testing.T) {
	_, err := Read("r.yaml", []byte("seed: x\nname: a\nteacher: m\nrepeat: y\ndata: d\nfoo: 1\n"))
	var ps Problems
	if !errors.As(err, &ps) || len(ps) != 3 || ps[0].Line != 1 || ps[1].Line != 4 || ps[2].Line != 6 {
		t.Errorf("got %v, want problems in lines 1, 4 and 6", err)
	}
}

// rewritten returns r after Write and Read.
func rewritten(t testing.TB, r *Recipe) *Recipe {
	t.Helper()
	var b bytes.Buffer
	if err := r.Write(&b, nil); err != nil {
		t.Fatal(err)
	}
	again, err := Read(r.Path, b.Bytes())
	if err != nil {
		t.Fatalf("%v\n%s", err, b.String())
	}
	again.places, again.Idle = r.places, r.Idle // keys stand elsewhere in what Write makes
	return again
}

func TestWriteReadsBack(t *testing.T) {
	for _, text := range []string{full,
		"name: a\nteacher: m\ndata: d\n",
		"name: a\nteacher: [m, {train: {lora: {}}}]\ndata: {train: 'a b', system: \"x\\ny: #\", columns: {prompt: 'yes', label: '1'}}\ntrain: {warmup: 100, epochs: 0.5}\nquantize: {size: 12MB}\n",
		"name: a\nteacher: {from: ./x y.gguf, train: {lr: [1e-4, 1e-3]}}\ndata: d\n",
	} {
		r := mustRead(t, text)
		if again := rewritten(t, r); !reflect.DeepEqual(r, again) {
			t.Errorf("%s\nread back as %+v\nwant %+v", text, again, r)
		}
	}
}

// A recipe that limbeck init makes up reads back.
func TestDefault(t *testing.T) {
	r := Default[Recipe]()
	r.Name, r.Path = "a", "r.yaml"
	r.Teacher = []Stage{*Default[Stage]()}
	r.Data.Train, r.Distill, r.Quantize = "d.jsonl", Default[Distill](), Default[Quantize]()
	if err := r.Teacher[0].From.Set("./m.gguf"); err != nil {
		t.Fatal(err)
	}
	r.Quantize.Format, r.Quantize.Imatrix = DefaultFormat, false // which has no use for it
	if again := rewritten(t, r); !reflect.DeepEqual(r, again) {
		t.Errorf("read back as %+v\nwant %+v", again, r)
	}
}

// TestWritten keeps the look of a written recipe; -update rewrites it.
func TestWritten(t *testing.T) {
	r := mustRead(t, full)
	var b bytes.Buffer
	if err := r.Write(&b, map[string]string{"task": "detected: one JSON object with an intent and slots"}); err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/written.yaml", b.Bytes())
}

// Comments of a written recipe end within 80 columns, say which words a key takes, and
// do not hide what they stand beside.
func TestCommentsOfWritten(t *testing.T) {
	r := mustRead(t, full)
	r.Data.Train = File(strings.Repeat("long/", 12) + "train.jsonl")
	r.Train = Default[Train]()
	var b bytes.Buffer
	if err := r.Write(&b, nil); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(b.String()) {
		if line = strings.TrimSuffix(line, "\n"); typeset.Width(line) > 80 && !strings.HasSuffix(line, "train.jsonl") {
			t.Errorf("a line of %d columns: %s", typeset.Width(line), line)
		}
	}
	for _, want := range []string{
		"  # schedule: cosine              # how the learning rate falls; one of: cosine,\n" +
			"                                  # linear, constant\n",
		"/train.jsonl\n                                  # the examples to learn from\n",
		"  # batch_tokens: 1k              # tokens a step, over all its examples\n",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%s\nwant in it:\n%s", &b, want)
		}
	}
	if again := rewritten(t, r); !reflect.DeepEqual(r, again) {
		t.Errorf("read back as %+v\nwant %+v", again, r)
	}
}

func TestReferenceIsFresh(t *testing.T) {
	var b bytes.Buffer
	if err := Reference(&b); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../docs/recipe.md")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(page, b.Bytes()) {
		t.Error("docs/recipe.md is stale: run go generate ./recipe")
	}
}

// Neither the page nor a written recipe promises models of places that nothing reads.
func TestPromises(t *testing.T) {
	var page bytes.Buffer
	if err := Reference(&page); err != nil {
		t.Fatal(err)
	}
	if err := mustRead(t, full).Write(&page, nil); err != nil {
		t.Fatal(err)
	}
	for _, place := range []string{"hf.co", "oci:", "https:", "VENDOR", "[:TAG]", "remote"} {
		if i := bytes.Index(page.Bytes(), []byte(place)); i >= 0 {
			t.Errorf("%q is told of: %s", place, page.Bytes()[max(0, i-60):min(page.Len(), i+60)])
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(full), "seed=3")
	f.Add([]byte("name: a\nteacher: [m, {train: {lr: 1}}]\ndata: d\nvariants: {x: {student: scratch}}\n"), "student.layers=50%")
	f.Add([]byte("name: &a b\nteacher: *a\n<<: {x: y}\n"), "a.b.c=[{")
	f.Add([]byte("{{{[[["), "teacher=")
	f.Add([]byte("name: a\nteacher: m\ndata: d\nvariants: {x: {student: scratch}}\n"), "variants.x.distill=")
	f.Fuzz(func(t *testing.T, text []byte, set string) {
		var flags []string
		if set != "" {
			flags = []string{set}
		}
		r, err := Read("r.yaml", text, flags...)
		if err != nil {
			var p *Problem
			if !errors.As(err, &p) {
				t.Errorf("an error that is no Problem: %v", err)
			}
			return
		}
		r.Variants = nil // Write leaves them out
		if again := rewritten(t, r); !reflect.DeepEqual(r, again) {
			t.Errorf("read back as %+v\nwant %+v", again, r)
		}
	})
}

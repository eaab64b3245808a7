package steps_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"limbeck/recipe"
	"limbeck/recipe/run"
	"limbeck/recipe/steps"
)

// plan looks at a recipe as a dry run does.
func plan(path string) (*run.Plan, error) {
	_, made, folder, err := compiled(path)
	if err != nil {
		return nil, err
	}
	return folder.Plan(context.Background(), made)
}

// A comparison on a text costs what reading its pieces does: a book is no prompt.
func TestComparisonOfTextIsCheap(t *testing.T) {
	path := workshop(t, "name: a\nteacher: ./teacher.gguf\ndata: book.txt\nstudent: {layers: 1}\ntrain: {}\n")
	write(t, filepath.Join(filepath.Dir(path), "book.txt"), strings.Repeat("the cat sat on the mat. ", 20_000))
	p, err := plan(path)
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for _, s := range p.Steps {
		kinds = append(kinds, s.Kind)
		if c := s.Cost; s.Kind == "compare" && (c.Seconds > 120 || c.Memory > 1e9 || c.Memory == 0) {
			t.Errorf("%s: %.0f s, %d MB", s.Name, c.Seconds, c.Memory/1e6)
		}
	}
	if !slices.Contains(kinds, "compare") {
		t.Errorf("steps %v, want a comparison among them", kinds)
	}
}

// The classical baseline has a weight for each feature and label, unless there are so
// many that it is left out.
func TestLabelsCost(t *testing.T) {
	cost := func(rows, labels int) run.Cost {
		path := workshop(t, "name: a\nteacher: ./teacher.gguf\ndata: labels.jsonl\nstudent: {layers: 1}\ncompare: {rounds: 0}\n")
		var text strings.Builder
		for i := range rows {
			fmt.Fprintf(&text, `{"text": "the lamp in room number %d", "label": "at %d"}`+"\n", i, i%labels)
		}
		write(t, filepath.Join(filepath.Dir(path), "labels.jsonl"), text.String())
		p, err := plan(path)
		if err != nil {
			t.Fatal(err)
		}
		return p.Steps[len(p.Steps)-1].Cost
	}
	few, many := cost(6000, 10), cost(6000, 600)
	const least = 4 * 590 * 6000 // a feature an example
	const times = 3              // of seconds, which the machine's pace is a factor of
	if many.Memory < few.Memory+least || many.Seconds < times*few.Seconds {
		t.Errorf("600 labels take %d MB and %.0f s, 10 labels %d MB and %.0f s", many.Memory/1e6, many.Seconds, few.Memory/1e6, few.Seconds)
	}
	if all := cost(9000, 9000); all.Memory > many.Memory || all.Seconds > many.Seconds {
		t.Errorf("9000 labels, which it does not learn, take %d MB and %.0f s", all.Memory/1e6, all.Seconds)
	}
}

// A student that is a model of its own takes what its own shape does, to train and to
// compare, however small its teacher is.
func TestOwnStudentCosts(t *testing.T) {
	costs := func(models string) map[string]run.Cost {
		p, err := plan(workshop(t, "name: a\ndata: train.jsonl\ntrain: {}\n"+models))
		if err != nil {
			t.Fatal(err)
		}
		of := map[string]run.Cost{}
		for _, s := range p.Steps {
			of[s.Kind] = s.Cost
		}
		return of
	}
	const large = "builtin:home-assistant"
	both, small := costs("teacher: "+large+"\n"), costs("teacher: ./teacher.gguf\n")
	own := costs("teacher: ./teacher.gguf\nstudent: " + large + "\n")
	if got, want := own["train"], both["train"]; got.Memory != want.Memory || got.Disk != want.Disk {
		t.Errorf("training it takes %d bytes of memory and %d of disk, want %d and %d as where it is the teacher too", got.Memory, got.Disk, want.Memory, want.Disk)
	}
	const weights = 9e6 // it has more, of a byte each
	if got, least := own["compare"].Memory, small["compare"].Memory+weights; got < least {
		t.Errorf("comparing it takes %d bytes, want at least %d", got, least)
	}
}

// What a recipe cannot have of its teacher and its data is refused before any
// work, with file, line and key, and what is allowed. The teacher has 3 layers,
// 64 channels, 4 heads on 2 KV heads, and 270 tokens.
func TestImpossible(t *testing.T) {
	const head = "name: a\nteacher: ./teacher.gguf\ndata: train.jsonl\n"
	for name, c := range map[string]struct{ text, want string }{
		"layers":        {head + "student: {layers: 40}", "4:19: student.layers: cannot be 40: the model has 3 (allowed: 1 to 3)"},
		"no such layer": {head + "student: {layers: 2}\nprune: {keep_layers: [0, 3]}", "5:22: prune.keep_layers: there is no layer 3 (allowed: numbers from 0 to 2)"},
		"no such layer of a variant": {head + "student: {layers: 2}\nvariants: {x: {prune: {keep_layers: [0, 2]}}, y: {prune: {keep_layers: [0, 3]}}}",
			"variants.y.prune.keep_layers: there is no layer 3 (allowed: numbers from 0 to 2)"},
		"hidden":       {head + "student: {hidden: 65}", "4:19: student.hidden: cannot be 65: the model has 64 (allowed: 1 to 64)"},
		"neurons":      {head + "student: {ffn: 1k}", "4:16: student.ffn: cannot be 1000: the model has 96 (allowed: 1 to 96)"},
		"heads":        {head + "student: {heads: 3}", "4:18: student.heads: 3 heads cannot share 2 KV heads (allowed: a multiple of the 2 KV heads, at most 4)"},
		"group":        {head + "student: {kv_heads: 1}", "4:10: student.heads: 4 heads on 1 KV heads are 4 a group, the model has 2 (allowed: a multiple of the 1 KV heads, at most 2)"},
		"few tokens":   {head + "student: {vocab: 10}", "4:18: student.vocab: 10 tokens are too few: the bytes and the special tokens need "},
		"many tokens":  {head + "student: {vocab: 900k}", "4:18: student.vocab: cannot be 900000: the model has "},
		"both":         {head + "student: {params: 80k, vocab: 900k}", "4:31: student.vocab: cannot be 900000: the model has "},
		"many weights": {head + "student: {params: 900M}", "4:19: student.params: cannot be 900000000: the model has "},
		"few weights":  {head + "student: {params: 1k}", "4:19: student.params: 1000 parameters are too few for this model and a vocabulary of "},
		"size":         {head + "student: {layers: 1}\nquantize: {size: 10kB}", "5:18: quantize.size: cannot be 10kB: the student's smallest file has "},
		"size alone":   {head + "quantize: {size: 10kB}", "4:18: quantize.size: cannot be 10kB: the student's smallest file has "},
		"relation":     {head + "student: {layers: 1}\ndistill: {relation: 1, relation_heads: 7}", "5:40: distill.relation_heads: 7 relation heads do not divide the 64 channels of the student"},
		"tokens a row": {head + "student: {layers: 1}\ndistill: {cache: topk, topk: 65000}", "5:30: distill.topk: cannot be 65000: the student has 270 tokens (allowed: 1 to 270)"},
		"student's pair": {head + "student: {layers: 1}\ndistill: {feature: 1, layer_pairs: [[0, 2], [1, 2]]}",
			"5:45: distill.layer_pairs[1]: the student has no layer 1 (allowed: 0 to 0)"},
		"teacher's pair": {head + "student: {layers: 2}\ndistill: {feature: 1, layer_pairs: [[1, 3]]}",
			"5:37: distill.layer_pairs[0]: the teacher has no layer 3 (allowed: 0 to 2)"},
		"other tokens": {head + "student: builtin:home-assistant\ndistill: {}", "4:10: student.from: the student's token "},
		"memory":       {head + "student: {layers: 1}\ntrain: {memory: 1MB}", "5:17: train.memory: cannot be 1MB: with all blocks but the last computed twice, the training takes "},
		"memory of the teacher": {"name: a\nteacher: [./teacher.gguf, {train: {memory: 1MB}}]\ndata: train.jsonl\ntrain: {}",
			"2:44: teacher[1].train.memory: cannot be 1MB: "},
		"memory of the writer":        {head + "synthesize: {memory: 1MB}\ntrain: {}", "4:22: synthesize.memory: cannot be 1MB: "},
		"memory beside the teacher's": {head + "distill: {memory: 1MB}", "4:19: distill.memory: cannot be 1MB: "},
		"rank":                        {head + "student: {layers: 1}\ndistill: {lora: {rank: 33}}", "5:24: distill.lora.rank: cannot be 33: the smallest projection of the model has rank 32 (allowed: 1 to 32)"},
		"rank of the teacher":         {"name: a\nteacher: {from: ./teacher.gguf, train: {lora: {rank: 33}}}\ndata: train.jsonl", "2:54: teacher.train.lora.rank: cannot be 33: "},
		"rank of the writer":          {head + "synthesize: {lora: {rank: 33}}\ntrain: {}", "4:27: synthesize.lora.rank: cannot be 33: "},
		"nothing recorded":            {head + "student: {layers: 1}\ncompare: {recorded: train.jsonl}", "5:21: compare.recorded: train.jsonl: report: recorded models: json: unknown field "},
		"variant":                     {head + "variants: {x: {student: {layers: 40}}}", "4:34: variants.x.student.layers: cannot be 40: the model has 3"},
		"no data":                     {"name: a\nteacher: ./teacher.gguf\ndata: nosuch.jsonl\ntrain: {}", "3:7: data.train: no file or folder nosuch.jsonl"},
		"no match":                    {"name: a\nteacher: ./teacher.gguf\ndata: no*.jsonl\ntrain: {}", "3:7: data.train: no file matches \"no*.jsonl\""},
		"no pattern":                  {"name: a\nteacher: ./teacher.gguf\ndata: 'no[.jsonl'\ntrain: {}", "3:7: data.train: pattern \"no[.jsonl\": syntax error in pattern"},
		"no test":                     {"name: a\nteacher: ./teacher.gguf\ndata: {train: train.jsonl, test: t.jsonl}\ntrain: {}", "3:34: data.test: no file or folder t.jsonl"},
		"no teacher":                  {"name: a\nteacher: ./nosuch.gguf\ndata: train.jsonl\ntrain: {}", "2:10: teacher.from: no file or folder ./nosuch.gguf"},
		"no student":                  {head + "student: ./nosuch.gguf\ntrain: {}", "4:10: student.from: no file or folder ./nosuch.gguf"},
		"remote":                      {"name: a\nteacher: openai/gpt-4o\ndata: train.jsonl\ntrain: {}", "2:10: teacher.from: openai/gpt-4o: this build reads models from files, folders and builtin:NAME"},
		"builtin":                     {"name: a\nteacher: [builtin:nosuch]\ndata: train.jsonl\ntrain: {}", "2:11: teacher[0].from: "},
		"no column":                   {"name: a\nteacher: ./teacher.gguf\ndata: {train: train.jsonl, columns: {prompt: foo}}\ntrain: {}", "3:15: data.train: "},
		"broken model":                {"name: a\nteacher: ./train.jsonl\ndata: train.jsonl\ntrain: {}", "2:10: teacher.from: "},
		"none held out":               {"name: a\nteacher: ./teacher.gguf\ndata: {train: train.jsonl, limit: 1}\ntrain: {}", "3:7: data.validation: 10% of 1 example is none: there are no two different texts (allowed: a file of other examples, or 0% to train without)"},
		"rates": {"name: a\nteacher: ./teacher.gguf\ndata: {train: train.jsonl, validation: 0%, test: ./train.jsonl}\ndistill: {lr: [1e-3, 2e-3]}",
			"4:15: distill.lr: lists rates of which validation chooses, but nothing is held out: data.validation is 0% (allowed: one rate, or a validation of another share or file)"},
		"rates of the teacher": {"name: a\nteacher: {from: ./teacher.gguf, train: {lr: [1e-3, 2e-3]}}\ndata: {train: train.jsonl, validation: 0%, test: ./train.jsonl}\ntrain: {}",
			"2:45: teacher.train.lr: lists rates of which validation chooses"},
		"patience": {"name: a\nteacher: ./teacher.gguf\ndata: {train: train.jsonl, validation: 0%, test: ./train.jsonl}\ntrain: {patience: 3}",
			"4:19: train.patience: counts validations, but nothing is held out: data.validation is 0% (allowed: 0, or a validation of another share or file)"},
		"patience of the teacher": {"name: a\nteacher: {from: ./teacher.gguf, train: {patience: 3}}\ndata: {train: train.jsonl, validation: 0%, test: ./train.jsonl}\ntrain: {}",
			"2:51: teacher.train.patience: counts validations"},
		"none to judge": {"name: a\nteacher: ./teacher.gguf\ndata: {train: train.jsonl, validation: 0%}\nstudent: {layers: 1}", "3:40: data.validation: 0% of 60 examples is none, and there are no test examples"},
		"missing data":  {"name: a\nteacher: ./teacher.gguf\ndata: {test: train.jsonl}\nstudent: {layers: 1}", "data.train: missing, but the student is cut by what the examples need"},
		"no importance": {"name: a\nteacher: ./teacher.gguf\ndata: {test: train.jsonl}\nquantize: q4_0", "data.train: missing, but quantize.imatrix measures"},
	} {
		path := workshop(t, c.text+"\n")
		_, err := plan(path)
		if err == nil {
			t.Errorf("%s: no error, want %s", name, c.want)
			continue
		}
		text := strings.ReplaceAll(err.Error(), filepath.Dir(path)+string(filepath.Separator), "")
		if !strings.HasPrefix(text, filepath.Base(path)+":") || !strings.Contains(text, c.want) || strings.Contains(text, "step ") {
			t.Errorf("%s:\ngot  %v\nwant %s", name, err, c.want)
		}
		if found, _ := filepath.Glob(filepath.Join(filepath.Dir(path), "run", "*")); len(found) > 0 {
			t.Errorf("%s: a dry run left %v", name, found)
		}
	}
}

// Rows that their file assigns to validation are held out with a share of 0% too, and so
// end a training early.
func TestPatienceOfAssignedRows(t *testing.T) {
	path := workshop(t, "name: a\nteacher: ./teacher.gguf\ndata: {train: rows.json, validation: 0%}\nstudent: {layers: 1}\n"+
		"train: {steps: 20, lr: 1e-9, patience: 1, eval_every: 1, batch_tokens: 256, max_tokens: 128}\n")
	dir := filepath.Dir(path)
	write(t, filepath.Join(dir, "rows.json"), `{"train": [["a", "x"], ["b", "y"]], "val": [["c", "x"], ["d", "y"]]}`)
	if err := makeWith(path, run.Options{Threads: 1, Until: "train"}); err != nil {
		t.Fatal(err)
	}
	found, err := filepath.Glob(filepath.Join(dir, "run", "steps", "train-*", steps.TrainingFile))
	if err != nil || len(found) != 1 {
		t.Fatal(found, err)
	}
	training, err := steps.ReadTraining(found[0])
	if err != nil || training.At(1) == nil || training.At(1).Validation == 0 {
		t.Errorf("error %v; the training is %+v, want one that was validated", err, training)
	}
}

// Logs with other system messages here and there are not what examples can be
// synthesized like, which shows before the writer of prompts is trained.
func TestNothingToSynthesizeLike(t *testing.T) {
	path := workshop(t, "name: a\nteacher: ./teacher.gguf\ndata: chats.jsonl\nsynthesize: {}\ntrain: {}\n")
	var rows strings.Builder
	for i := range 30 {
		fmt.Fprintf(&rows, `{"messages": [{"role": "system", "content": "system %d"}, {"role": "user", "content": "lamp %d"}, {"role": "assistant", "content": "on"}]}`+"\n", i%2, i)
	}
	write(t, filepath.Join(filepath.Dir(path), "chats.jsonl"), rows.String())
	_, err := plan(path)
	if want := path + ":4:13: synthesize: example chats.jsonl:2: synthesize needs prompts of one message"; err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

// Examples that the recipe's task cannot judge are found before any work, and by
// whoever writes a recipe: the training data is of intents and slots.
func TestNotToJudge(t *testing.T) {
	const head = "name: a\nteacher: ./teacher.gguf\ndata: {train: train.jsonl, "
	labels := ""
	for i := range 60 {
		labels += fmt.Sprintf(`{"text": "the lamp number %d", "label": "lamp_on"}`+"\n", i)
	}
	const slots = `{"text": "the lamp", "intent": "lamp_on", "slots": []}` + "\n"
	for name, c := range map[string]struct{ text, other, want string }{
		"test":       {head + "test: o.jsonl}", labels, "3:34: data.test: eval: task json_slots: example o.jsonl:1 (line 1): no intent to compare with"},
		"validation": {head + "validation: o.jsonl}", labels, "3:40: data.validation: eval: task json_slots: example o.jsonl:1 (line 1): no intent"},
		"held out":   {"name: a\nteacher: ./teacher.gguf\ndata: o.jsonl\ntask: json_slots", labels, "3:7: data.validation: eval: task json_slots: example o.jsonl:"},
		"labels":     {"name: a\nteacher: ./teacher.gguf\ndata: {train: o.jsonl, test: train.jsonl}", labels, "3:30: data.test: the examples are structured JSON, 3 intents, 1 slot, the training data is classification, 1 label"},
		"accuracy":   {head + "test: o.jsonl}\ncompare: {metrics: [accuracy]}", slots, "4:20: compare.metrics: compare: metric \"accuracy\" does not go with the task json_slots; known are: exact_match, "},
		"metric":     {head + "test: o.jsonl}\ntask: exact_match\ncompare: {metrics: [slot_f1]}", slots, "5:20: compare.metrics: compare: metric \"slot_f1\" does not go with the task exact_match"},
		"repeated":   {head + "test: o.jsonl}\ncompare: {metrics: [slot_f1, slot_f1]}", slots, "4:20: compare.metrics: compare: metric \"slot_f1\" is named twice"},
		"good":       {head + "test: o.jsonl}", slots, ""},
	} {
		path := workshop(t, c.text+"\nstudent: {layers: 1}\n")
		write(t, filepath.Join(filepath.Dir(path), "o.jsonl"), c.other)
		r, err := recipe.Load(path)
		if err != nil {
			t.Fatal(err)
		}
		_, planned := plan(path)
		_, checked := steps.CheckData(r)
		for _, err := range []error{checked, planned} {
			if c.want == "" && err == nil {
				continue
			}
			if err == nil || !strings.HasPrefix(err.Error(), path+":") || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s:\ngot  %v\nwant %s", name, err, c.want)
			}
		}
	}
}

// A shape whose rows are no whole blocks is told of before any work, once, with the
// nearest ones that are; so are examples for tests that stand in the training data. A
// share of neurons or channels is rounded. The teacher has 64 channels, 96 neurons and
// 4 heads of 16 channels.
func TestWarnings(t *testing.T) {
	const head = "name: a\nteacher: ./teacher.gguf\ndata: train.jsonl\n"
	const odd = " are no whole blocks of 32: matrices of them are stored as F16 instead of "
	for name, c := range map[string]struct {
		text  string
		wants []string
	}{
		"channels": {head + "student: {hidden: 50}\nquantize: q4_0", []string{"4:19: student.hidden: rows of 50 channels" + odd + "q4_0, which makes a larger file (whole blocks: 32 or 64)"}},
		"neurons":  {head + "student: {ffn: 90}", []string{"4:16: student.ffn: rows of 90 neurons" + odd + "a smaller format, which makes a larger file (whole blocks: 64 or 96)"}},
		// Groups of 2 are refused.
		"heads":    {head + "student: {heads: 3, kv_heads: 1}\nquantize: q8_0", nil},
		"one head": {head + "student: {heads: 1, kv_heads: 1}\nquantize: q8_0", []string{"4:18: student.heads: rows of 1 head" + odd + "q8_0, which makes a larger file (whole blocks: 2)"}},
		"both":     {head + "student: {hidden: 50, ffn: 33}\nquantize: {size: 150kB}", []string{"student.hidden: rows of 50", "student.ffn: rows of 33"}},
		"variants": {head + "student: {ffn: 90}\nquantize: q8_0\nvariants: {x: {}, y: {seed: 2}}", []string{"student.ffn: rows of 90", "student.ffn: rows of 90"}},
		"shares":   {head + "student: {ffn: 30%, hidden: 70%}\nquantize: q4_0", nil},
		"floats":   {head + "student: {ffn: 90}\nquantize: {format: f16}", nil},
		"whole":    {head + "student: {ffn: 64}\nquantize: q4_0", nil},
		"seen": {"name: a\nteacher: ./teacher.gguf\ndata: {train: train.jsonl, test: ./train.jsonl}\nstudent: {layers: 1}",
			[]string{"data.test: 60 of 60 examples occur in the training data: figures on them prove nothing"}},
		"several labels": {"name: a\nteacher: ./teacher.gguf\ndata: {train: twice.jsonl, validation: ./twice.jsonl, test: ./twice.jsonl}\nstudent: {layers: 1}",
			[]string{"data.train: several labels for 9 texts, as in twice.jsonl:1 and twice.jsonl:10: a model can have but one of them right",
				"data.validation: several labels for 9 texts", "data.test: several labels for 9 texts", "data.validation: 18 of 18", "data.test: 18 of 18"}},
		"several labels of one file": {"name: a\nteacher: ./teacher.gguf\ndata: {train: twice.jsonl, validation: 20%}\nstudent: {layers: 1}",
			[]string{"data.train: several labels for 9 texts, as in twice.jsonl:"}},
		"several spellings": {"name: a\nteacher: ./teacher.gguf\ndata: spelled.jsonl\nstudent: {layers: 1}",
			[]string{`data.train: several spellings of 1 label, as "ON" and "on ": metrics take them for one, a model learns each`}},
		"one label": {"name: a\nteacher: ./teacher.gguf\ndata: {train: same.jsonl, validation: 0%, test: spelled.jsonl}\nstudent: {layers: 1}",
			[]string{`data.train: all 4 examples have the label "a": there is nothing to learn`}},
		"one example": {"name: a\nteacher: ./teacher.gguf\ndata: {train: one.jsonl, validation: 0%, test: spelled.jsonl}\nstudent: {layers: 1}", nil},
		"held out": {"name: a\nteacher: ./teacher.gguf\ndata: repeated.jsonl\nstudent: {layers: 1}",
			[]string{"data.validation: 4 of 5 examples are held out, not 10%, as those of one text stay together"}},
		"several intents": {"name: a\nteacher: ./teacher.gguf\ndata: {train: train.jsonl, test: radio.jsonl}\nstudent: {layers: 1}",
			[]string{"data.test: several intents or slots for 1 text, as in radio.jsonl:1 and radio.jsonl:2: a model can have but one of them right"}},
		"chosen by": {"name: a\nteacher: ./teacher.gguf\ndata: {train: train.jsonl, validation: ./train.jsonl, test: new.jsonl}\nstudent: {layers: 1}",
			[]string{"data.validation: 60 of 60 examples occur in the training data: "}},
		"tags": {"name: a\nteacher: ./teacher.gguf\ndata: tags.jsonl\nstudent: {layers: 1}\ntrain: {}\ndistill: {}",
			[]string{"19 of 26 examples hold <|im_start|>, a control token of ./teacher.gguf; it is read as such in prompts, and as plain text elsewhere: give chats as messages"}},
		"one answers": {"name: a\nteacher: {from: ./teacher.gguf, train: {}, ensemble: 2}\ndata: train.jsonl\nsynthesize: {prompts: 9}\nstudent: {layers: 1}\ndistill: {cache: topk}",
			[]string{"synthesize: the first model of the teacher's ensemble answers the prompts alone"}},
		"seen by variants": {"name: a\nteacher: ./teacher.gguf\ndata: {train: new.jsonl, validation: 0%, test: ./train.jsonl}\nstudent: {layers: 1}\n" +
			"variants: {x: {}, y: {data: {train: train.jsonl}}, z: {data: {train: train.jsonl}, seed: 2}}",
			[]string{"data.test: 60 of 60 examples occur in the training data: figures on them prove nothing of a model that learned it (y, z)"}},
	} {
		path := workshop(t, c.text+"\n")
		write(t, filepath.Join(filepath.Dir(path), "new.jsonl"), `{"text": "a new radio", "intent": "radio_on", "slots": []}`+"\n")
		write(t, filepath.Join(filepath.Dir(path), "radio.jsonl"), `{"text": "a radio", "intent": "radio_on", "slots": []}`+"\n"+`{"text": "A radio", "intent": "radio_off", "slots": []}`+"\n")
		twice := ""
		for i := range 18 {
			twice += fmt.Sprintf(`{"text": "lamp %d", "label": "%s"}`+"\n", i%9, []string{"on", "off"}[i/9])
		}
		write(t, filepath.Join(filepath.Dir(path), "twice.jsonl"), twice)
		spelled := ""
		for i := range 12 {
			spelled += fmt.Sprintf(`{"text": "lamp %d", "label": "%s"}`+"\n", i, []string{"on ", "ON", "off"}[i%3])
		}
		write(t, filepath.Join(filepath.Dir(path), "spelled.jsonl"), spelled)
		const repeated = `{"text": "lamp off", "label": "b"}` + "\n"
		write(t, filepath.Join(filepath.Dir(path), "repeated.jsonl"), `{"text": "the fan", "label": "a"}`+"\n"+strings.Repeat(repeated, 4))
		const same = `{"text": "fan 0", "label": "a"}` + "\n"
		write(t, filepath.Join(filepath.Dir(path), "one.jsonl"), same)
		write(t, filepath.Join(filepath.Dir(path), "same.jsonl"), same+strings.ReplaceAll(same+same+same, "0", "1"))
		tags := ""
		for i := range 30 {
			tags += fmt.Sprintf(`{"text": "%s on %d"}`+"\n", []string{"<|im_start|>user lamp", "fan", "it is <|im_end|>"}[i%3], i)
		}
		write(t, filepath.Join(filepath.Dir(path), "tags.jsonl"), tags)
		_, made, folder, err := compiled(path)
		if err != nil {
			t.Fatal(err)
		}
		p, err := folder.Plan(t.Context(), made)
		if name == "heads" && err != nil {
			continue
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got := p.Warnings()
		if len(got) != len(c.wants) {
			t.Errorf("%s: warnings %q, want %q", name, got, c.wants)
			continue
		}
		for i, want := range c.wants {
			if !strings.Contains(got[i], want) {
				t.Errorf("%s: got  %s\nwant %s", name, got[i], want)
			}
		}
	}
}

// A row for tests that is longer than the models' context is told of before any work,
// and the comparison goes without; one that has no other rows is refused.
func TestLongRows(t *testing.T) {
	path := workshop(t, "name: a\nteacher: ./teacher.gguf\ndata: {train: train.jsonl, test: test.jsonl}\nstudent: {layers: 1}\n"+
		"compare: {rounds: 0, resamples: 100, baselines: []}\n")
	var rows string
	for _, words := range []string{strings.Repeat("a new ", 100), "the old "} {
		rows += fmt.Sprintf(`{"text": "%sradio", "intent": "radio_on", "slots": []}`+"\n", words)
	}
	write(t, filepath.Join(filepath.Dir(path), "test.jsonl"), rows)
	var told []string
	if err := makeWith(path, run.Options{Threads: 1, Warned: func(text string) { told = append(told, text) }}); err != nil {
		t.Fatal(err)
	}
	want := "data.test: 1 of 2 examples are longer than the context of ./teacher.gguf, the first is test.jsonl:1: no model will be judged by them"
	if !slices.Equal(told, []string{want}) {
		t.Errorf("told %q, want %s", told, want)
	}
	report, err := os.ReadFile(filepath.Join(filepath.Dir(path), "run", steps.ReportFile))
	if want := "1 of 2 examples are longer than the context of teacher, student, the first is test.jsonl:1: "; err != nil || !strings.Contains(string(report), want) {
		t.Errorf("error %v; the report lacks %s", err, want)
	}
	write(t, filepath.Join(filepath.Dir(path), "test.jsonl"), rows[:strings.Index(rows, "\n")+1])
	if _, err := plan(path); err == nil || !strings.HasPrefix(err.Error(), path+":3:34: data.test: none of 1 example fits in the context of ./teacher.gguf") {
		t.Errorf("error %v, want one that all rows are too long", err)
	}
}

// The places of keys come from the recipe that a variant is, and from flags.
func TestImpossibleFlag(t *testing.T) {
	path := workshop(t, "name: a\nteacher: ./teacher.gguf\ndata: train.jsonl\n")
	r, err := recipe.Load(path, "student.layers=9")
	if err != nil {
		t.Fatal(err)
	}
	made, err := recipe.Compile(r)
	if err != nil {
		t.Fatal(err)
	}
	_, err = run.Open(filepath.Join(filepath.Dir(path), "run"), "test").Plan(t.Context(), made)
	var p *recipe.Problem
	if !errors.As(err, &p) || p.Source != "--set student.layers=9" || p.Line != 0 {
		t.Errorf("%v: want one that names the flag", err)
	}
}

// The lineage states the license of a built-in model: the recipe's word for it,
// or else the file's.
func TestBuiltinLicense(t *testing.T) {
	for teacher, want := range map[string]string{
		"builtin:home-assistant":                            "apache-2.0",
		"{from: 'builtin:home-assistant', license: my own}": "my own",
	} {
		path := workshop(t, "name: a\nteacher: "+teacher+"\ndata: {test: train.jsonl}\nquantize: {format: f16, imatrix: false}\n")
		if err := makeRecipe(path, 1); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(filepath.Join(filepath.Dir(path), "run", run.LineageFile))
		if err != nil {
			t.Fatal(err)
		}
		_, inputs, _ := strings.Cut(string(text), `"inputs": [`)
		inputs, _, _ = strings.Cut(inputs, "]")
		if !strings.Contains(inputs, `"license": "`+want+`"`) {
			t.Errorf("%s: want the license %s with the input: %s", teacher, want, inputs)
		}
	}
}

package steps_test

import (
	"encoding/json"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"limbeck/recipe"
	"limbeck/recipe/run"
	"limbeck/tensor/dtype"
)

// everything is a recipe with every section, and with a step for each key.
const everything = `name: a
teacher: {from: ./teacher.gguf, train: {lora: {}}}
data: {train: train.jsonl, test: test.jsonl, system: brief, augment: {}}
synthesize: {lora: {}}
student: {layers: 2}
train: {lora: {}}
distill: {cache: topk, lora: {}}
quantize: {format: q4_0}
`

// sameOutput are the keys on which no output depends, and why.
var sameOutput = map[string]string{
	"teacher[0].train.memory": "blocks that are computed twice have the same bits",
	"synthesize.memory":       "as the teacher's",
	"train.memory":            "as the teacher's",
	"distill.memory":          "as the teacher's",
	"teacher[0].license":      "for the lineage, which is written anew",
	"data.license":            "for the lineage",
	"data.labels":             "for the lineage",
}

// unread are the keys of distill that the teacher's cache does not depend on: they
// weigh what is read of it, or are of the student's own training.
var unread = strings.Fields(`response feature relation hard divergence relation_heads layer_pairs
	epochs steps batch_tokens lr schedule warmup final_lr weight_decay beta1 beta2 epsilon clip
	eval_every eval_limit keep compute memory patience reply_tokens lora.rank lora.alpha seed`)

// A key that changes what a step makes changes the step's key: else what was made with
// another value would be taken for it, without a word.
func TestEveryKeyIsOfAStep(t *testing.T) {
	path := workshop(t, everything)
	for _, name := range []string{"test.jsonl", otherFile} {
		write(t, filepath.Join(filepath.Dir(path), name), `{"text": "fan on", "intent": "fan_on", "slots": []}`+"\n")
	}
	before := stepsOf(t, load(t, path))
	cache := before[slices.IndexFunc(before, func(s *run.Step) bool { return s.Kind == "cache" })]
	found := map[string]bool{}
	eachKey(load(t, path), func(key string, _ reflect.StructField, _ reflect.Value) { found[key] = true })
	for key := range found {
		r := load(t, path)
		eachKey(r, func(k string, f reflect.StructField, v reflect.Value) {
			if k == key {
				change(t, k, f, v)
			}
		})
		after := stepsOf(t, r)
		anew := func(s *run.Step) bool {
			return !slices.ContainsFunc(after, func(n *run.Step) bool { return run.Input{Of: s}.Same(run.Input{Of: n}) })
		}
		changed := len(after) != len(before) || slices.ContainsFunc(before, anew)
		if why := sameOutput[key]; changed == (why != "") {
			t.Errorf("%s: the key of some step changes: %t; %s", key, changed, why)
		}
		if own, ok := strings.CutPrefix(key, "distill."); ok && anew(cache) == slices.Contains(unread, own) {
			t.Errorf("%s: the key of the teacher's cache changes: %t", key, anew(cache))
		}
	}
	for key := range sameOutput {
		if !found[key] {
			t.Errorf("there is no key %s, on which no output depends", key)
		}
	}
	for _, key := range unread {
		if !found["distill."+key] {
			t.Errorf("there is no key distill.%s, on which the cache does not depend", key)
		}
	}
}

// However a format is written, its steps have the same keys.
func TestFormatsInCapitals(t *testing.T) {
	const head = "name: a\nteacher: ./teacher.gguf\ndata: train.jsonl\ndistill: {}\nquantize: "
	small := stepsOf(t, load(t, workshop(t, head+"{format: q4_0, embedding: f16}")))
	capital := stepsOf(t, load(t, workshop(t, head+"{format: Q4_0, embedding: F16}")))
	for i, s := range small {
		if !reflect.DeepEqual(s.Settings, capital[i].Settings) {
			t.Errorf("step %s: %+v in capitals, want %+v", s.Name, capital[i].Settings, s.Settings)
		}
	}
}

// Columns that no recipe could name once are in no step's key unless one does.
func TestColumnsInKeys(t *testing.T) {
	const want = `{"prompt":"","completion":"","label":""}`
	if got, err := json.Marshal(recipe.Columns{}); err != nil || string(got) != want {
		t.Errorf("without names: %s, %v; want %s", got, err, want)
	}
}

func load(t *testing.T, path string) *recipe.Recipe {
	t.Helper()
	r, err := recipe.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func stepsOf(t *testing.T, r *recipe.Recipe) []*run.Step {
	t.Helper()
	made, err := recipe.Compile(r)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// eachKey calls f for every key of a recipe that is no section, in the sections that
// it has.
func eachKey(r *recipe.Recipe, f func(key string, of reflect.StructField, v reflect.Value)) {
	var section func(prefix string, v reflect.Value)
	section = func(prefix string, v reflect.Value) {
		for i := range v.NumField() {
			of, v := v.Type().Field(i), v.Field(i)
			key, _, _ := strings.Cut(of.Tag.Get("json"), ",")
			_, inline := of.Tag.Lookup("inline")
			if !of.IsExported() || key == "-" || of.Tag.Get("raw") != "" {
				continue
			}
			stages := v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Struct
			if key = prefix + key; stages {
				key, v = key+"[0]", v.Index(0)
			}
			if v.Kind() == reflect.Pointer {
				if v.IsNil() {
					panic("the recipe lacks the section " + key)
				}
				v = v.Elem()
			}
			switch _, scalar := v.Addr().Interface().(pflag.Value); {
			case inline:
				section(prefix, v)
			case v.Kind() == reflect.Struct && !scalar:
				section(key+".", v)
			default:
				f(key, of, v)
			}
		}
	}
	section("", reflect.ValueOf(r).Elem())
}

// otherFile is one that lies beside the recipe.
const otherFile = "other.jsonl"

// change gives v another value, such as its key may have.
func change(t *testing.T, key string, of reflect.StructField, v reflect.Value) {
	t.Helper()
	if s, ok := v.Addr().Interface().(pflag.Value); ok {
		for _, text := range []string{"./" + otherFile, "7", "7%", "7MB"} {
			if s.Set(text) == nil {
				return
			}
		}
		t.Fatalf("%s: no value is known to the test for a %s", key, s.Type())
	}
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(!v.Bool())
	case reflect.Int, reflect.Int64:
		v.SetInt(v.Int() + 1)
	case reflect.Float64:
		v.SetFloat(v.Float() + 1)
	case reflect.String:
		known := append(strings.Fields(of.Tag.Get("one")), dtype.F16.Name)
		v.SetString(known[slices.IndexFunc(known, func(word string) bool { return word != v.String() })])
	case reflect.Array:
		change(t, key, of, v.Index(0))
	case reflect.Slice:
		more := reflect.New(v.Type().Elem()).Elem()
		change(t, key, of, more)
		v.Set(reflect.Append(v, more))
	default:
		t.Fatalf("%s: no value is known to the test for a %v", key, v.Type())
	}
}

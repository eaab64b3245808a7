package recipe

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v4"

	"limbeck/internal/words"
)

// maxBytes bounds a recipe; written by hand, none comes near.
const maxBytes = 256 << 10

// maxVariants bounds the variants of one recipe.
const maxVariants = 64

// Load reads the recipe in a file. Each of set is "key=value", with a dotted
// key and a YAML value, and takes precedence over the file.
func Load(path string, set ...string) (*Recipe, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("recipe: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("recipe: %w", err)
	}
	return Read(path, text, set...)
}

// Read reads a recipe. path is where the text came from: it stands in errors,
// and files that the recipe names are found from its folder.
func Read(path string, text []byte, set ...string) (*Recipe, error) {
	d := &decoder{file: path, flags: map[*yaml.Node]string{}, places: map[string]*yaml.Node{}}
	root, err := d.parse(text)
	if err != nil {
		return nil, err
	}
	for _, s := range set {
		if root, err = d.override(root, s); err != nil {
			return nil, err
		}
	}
	r := d.recipe(root)
	r.Idle = d.idle
	if len(d.problems) == 0 {
		r.Variants = d.variants(root)
	}
	if len(d.problems) == 0 {
		d.problems = checkEnsembles(r.made())
	}
	if len(r.Variants) > 0 { // what they share need not be of use to all
		r.Idle = nil
	}
	if len(d.problems) > 0 {
		return nil, d.sorted()
	}
	for _, each := range append(r.Variants, Variant{Recipe: r}) {
		each.Recipe.Path = path
	}
	return r, nil
}

// made returns the recipes that are made: the variants, or r itself.
func (r *Recipe) made() []*Recipe {
	if len(r.Variants) == 0 {
		return []*Recipe{r}
	}
	var all []*Recipe
	for _, v := range r.Variants {
		all = append(all, v.Recipe)
	}
	return all
}

// Find returns where a file that the recipe names lies.
func (r *Recipe) Find(f File) string {
	p := filepath.FromSlash(string(f))
	if p == "" || Absolute(p) {
		return p
	}
	return filepath.Join(filepath.Dir(r.Path), p)
}

// Absolute tells whether a path is the same from every folder. [filepath.IsAbs] denies
// it of Windows' \models\m.gguf and /models/m.gguf, which name no volume.
func Absolute(path string) bool {
	return filepath.IsAbs(path) || path != "" && os.IsPathSeparator(path[0])
}

// parse returns the recipe's outermost mapping.
func (d *decoder) parse(text []byte) (*yaml.Node, error) {
	if len(text) > maxBytes {
		return nil, Problems{{Source: d.file, What: "too long", Allowed: fmt.Sprintf("at most %d bytes", maxBytes)}}
	}
	loader, err := yaml.NewLoader(bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("recipe: %w", err)
	}
	var doc, next yaml.Node
	if err := loader.Load(&doc); errors.Is(err, io.EOF) {
		return nil, Problems{{Source: d.file, What: "holds no recipe", Allowed: "name:, teacher:, data: …"}}
	} else if err != nil {
		return nil, d.syntax(err)
	}
	if len(doc.Content) != 1 || doc.Content[0].Kind != yaml.MappingNode {
		return nil, Problems{{Source: d.file, Line: doc.Line, Column: doc.Column, What: "is not a recipe",
			Allowed: "keys and values: name:, teacher:, data: …"}}
	}
	switch err := loader.Load(&next); {
	case errors.Is(err, io.EOF):
		return doc.Content[0], nil
	case err != nil:
		return nil, d.syntax(err)
	}
	return nil, Problems{{Source: d.file, Line: next.Line, Column: next.Column, What: "a second document", Allowed: "one recipe a file"}}
}

// syntax turns YAML's own error into a problem.
func (d *decoder) syntax(err error) error {
	p := &Problem{Source: d.file, What: err.Error()}
	var load *yaml.LoadError
	if errors.As(err, &load) {
		p.Line, p.Column, p.What = load.Mark.Line, load.Mark.Column, "YAML: "+load.Message
		if load.ContextMsg != "" {
			p.What += " " + load.ContextMsg
		}
	}
	return Problems{p}
}

func (d *decoder) recipe(root *yaml.Node) *Recipe {
	r := new(Recipe)
	d.places[""] = root
	d.section(reflect.ValueOf(r).Elem(), &field{typ: reflect.TypeFor[Recipe]()}, root, "")
	r.places, r.prefix = make(map[string]Problem, len(d.places)), d.prefix
	for key, n := range d.places {
		r.places[key] = d.locate(n)
	}
	return r
}

// override merges "key=value" into root.
func (d *decoder) override(root *yaml.Node, set string) (*yaml.Node, error) {
	flag := "--set " + set
	bad := func(what string) error {
		return Problems{{Source: flag, What: what, Allowed: "KEY=VALUE, as distill.temperature=3"}}
	}
	key, text, ok := strings.Cut(set, "=")
	if !ok || key == "" {
		return nil, bad("no key, or no =")
	}
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
		return nil, bad("the value is not YAML")
	}
	node := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null"}
	if len(doc.Content) == 1 {
		node = doc.Content[0]
	}
	d.flagged(node, flag)
	keys := strings.Split(key, ".")
	for i := len(keys) - 1; i >= 0; i-- {
		k := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: keys[i]}
		node = &yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{k, node}}
		d.flags[k], d.flags[node] = flag, flag
	}
	return d.merge(reflect.TypeFor[Recipe](), root, node, ""), nil
}

// flagged marks n and what it holds as set by a flag.
func (d *decoder) flagged(n *yaml.Node, flag string) {
	d.flags[n] = flag
	for _, c := range n.Content {
		d.flagged(c, flag)
	}
}

// merge returns base, a section of type t, with what over gives: a section's
// keys one by one, and so the variants, everything else as a whole. An empty value
// removes the key; in a variant it stays, to remove what the variants share.
func (d *decoder) merge(t reflect.Type, base, over *yaml.Node, key string) *yaml.Node {
	base = d.long(t, base)
	over = d.long(t, over)
	if base.Kind == yaml.SequenceNode && over.Kind == yaml.MappingNode {
		d.problem(over, key, "is a list here, whose parts have no names", "the whole list")
		return base
	}
	if base.Kind != yaml.MappingNode || over.Kind != yaml.MappingNode {
		return over
	}
	out := *base
	out.Content = append([]*yaml.Node(nil), base.Content...)
	for i := 0; i+1 < len(over.Content); i += 2 {
		d.mergeKey(t, &out, over.Content[i], over.Content[i+1], key)
	}
	return &out
}

func (d *decoder) mergeKey(t reflect.Type, out, k, value *yaml.Node, key string) {
	inner := within(t, k.Value)
	removes := value.ShortTag() == "!!null" && !strings.HasPrefix(key, "variants.")
	for j := 0; j+1 < len(out.Content); j += 2 {
		if out.Content[j].Value != k.Value {
			continue
		}
		switch {
		case removes:
			out.Content = append(out.Content[:j:j], out.Content[j+2:]...)
		case inner != nil:
			out.Content[j+1] = d.merge(inner, out.Content[j+1], value, join(key, k.Value))
		default:
			out.Content[j], out.Content[j+1] = k, value
		}
		return
	}
	if !removes {
		out.Content = append(out.Content, k, value)
	}
}

// within returns the type of the section under a key of one of type t, or nil.
func within(t reflect.Type, key string) reflect.Type {
	if t == reflect.TypeFor[named]() {
		return reflect.TypeFor[Recipe]()
	}
	for _, f := range fieldsOf(t) {
		switch {
		case f.key == key && f.raw:
			return reflect.TypeFor[named]()
		case f.key == key:
			return section(f.typ)
		}
	}
	return nil
}

// named is the type of the section of variants: under each name stands a recipe.
type named struct{}

// long returns a section that is written as one value, as a mapping.
func (d *decoder) long(t reflect.Type, n *yaml.Node) *yaml.Node {
	short := shortKey(t)
	if short == "" || n.Kind != yaml.ScalarNode || n.ShortTag() == "!!null" {
		return n
	}
	k := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: short, Line: n.Line, Column: n.Column}
	m := &yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{k, n}, Line: n.Line, Column: n.Column}
	if flag, ok := d.flags[n]; ok {
		d.flags[k], d.flags[m] = flag, flag
	}
	return m
}

// shared are the keys that variants cannot differ in.
var shared = map[string]bool{"name": true, "task": true, "compare": true, "repeat": true, "variants": true}

// variants reads the variants, each merged over what they share.
func (d *decoder) variants(root *yaml.Node) []Variant {
	all := child(root, "variants")
	if all == nil {
		return nil
	}
	const allowed = "NAME: {settings that differ}, at most 64 of them"
	if what := foreign(all); what != "" || all.Kind != yaml.MappingNode || len(all.Content) > 2*maxVariants {
		d.problem(all, "variants", "is not a section of variants", allowed)
		return nil
	}
	base := d.merge(reflect.TypeFor[Recipe](), root, empty("variants"), "")
	var out []Variant
	seen := map[string]bool{}
	for i := 0; i+1 < len(all.Content); i += 2 {
		k, over := all.Content[i], all.Content[i+1]
		if !names.MatchString(k.Value) || seen[k.Value] {
			d.problem(k, "variants", fmt.Sprintf("impossible or repeated name %s", words.Quote(k.Value)), nameRule)
			continue
		}
		seen[k.Value] = true
		d.prefix, d.places = "variants."+k.Value+".", map[string]*yaml.Node{}
		if d.variantKeys(over) {
			r := d.recipe(d.merge(reflect.TypeFor[Recipe](), base, over, ""))
			r.places[""] = d.locate(k)
			out = append(out, Variant{k.Value, r})
			d.sameTest(over)
		}
		d.prefix = ""
	}
	return out
}

// variantKeys reports keys that a variant cannot have.
func (d *decoder) variantKeys(over *yaml.Node) bool {
	if foreign(over) != "" || over.Kind != yaml.MappingNode {
		d.problem(over, "", "is not a section", "settings that differ; {} for none")
		return false
	}
	for i := 0; i+1 < len(over.Content); i += 2 {
		if k := over.Content[i]; shared[k.Value] {
			d.problem(k, k.Value, "is what variants share", "any other key")
			return false
		}
	}
	return true
}

// judged are the keys of data by which test examples, or those held out, are read.
var judged = []string{"test", "format", "columns", "system", "limit"}

// sameTest reports a variant with test examples of its own, or with its own way to
// read them: its figures could not be compared.
func (d *decoder) sameTest(over *yaml.Node) {
	data := child(over, "data")
	if data == nil || data.Kind != yaml.MappingNode {
		return
	}
	for _, key := range judged {
		if own := child(data, key); own != nil {
			d.problem(own, "data."+key, "is what variants share", "any other key of data")
		}
	}
}

func child(n *yaml.Node, key string) *yaml.Node {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}

// empty returns the section {key: null}.
func empty(key string) *yaml.Node {
	return &yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{
		{Kind: yaml.ScalarNode, Tag: "!!str", Value: key}, {Kind: yaml.ScalarNode, Tag: "!!null"}}}
}

package recipe

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"sort"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"limbeck/internal/words"
)

// A decoder fills sections from YAML nodes and collects what is wrong.
type decoder struct {
	file     string
	flags    map[*yaml.Node]string // of a node that no file holds: the flag that set it
	prefix   string                // of keys in problems
	places   map[string]*yaml.Node // the value at each key
	problems Problems
	idle     Problems // of keys that change nothing
}

// A report is what a section's check calls: key is relative to the section.
type report func(key, what, allowed string)

// A checker is a section whose keys must agree with each other.
type checker interface{ check(at report) }

// An idler is a section some of whose keys are of no effect beside others. A command
// line on which such a key stands is refused; a recipe, whose keys --set changes one by
// one, is made, with a warning.
type idler interface{ idle(at report) }

// A filler is a section in which defaults depend on keys that were given.
type filler interface {
	fill(given func(key string) bool)
}

// problem records what is wrong at node n.
func (d *decoder) problem(n *yaml.Node, key, what, allowed string) *Problem {
	p := d.locate(n)
	p.Key, p.What, p.Allowed = strings.TrimSuffix(d.prefix+key, "."), what, allowed
	d.problems = append(d.problems, &p)
	return &p
}

// locate returns a problem that says nothing but where n stands.
func (d *decoder) locate(n *yaml.Node) Problem {
	p := Problem{Source: d.file}
	if n != nil {
		p.Line, p.Column = n.Line, n.Column
		if flag, ok := d.flags[n]; ok {
			p.Source, p.Line, p.Column = flag, 0, 0
		}
	}
	return p
}

// sorted returns the problems in the file's order, the most that is useful.
func (d *decoder) sorted() Problems {
	sort.SliceStable(d.problems, func(i, j int) bool {
		a, b := d.problems[i], d.problems[j]
		return a.Line < b.Line || a.Line == b.Line && a.Column < b.Column
	})
	return d.problems[:min(len(d.problems), maxProblems)]
}

// value decodes n into v, which is at key.
func (d *decoder) value(v reflect.Value, f *field, n *yaml.Node, key string) {
	d.places[key] = n
	if what := foreign(n); what != "" {
		d.problem(n, key, what, f.allowed())
		return
	}
	if s, ok := asScalar(v); ok {
		d.scalar(s, n, key, f.allowed())
		if v.Kind() == reflect.Int64 && !f.inRange(float64(v.Int())) {
			d.problem(n, key, "cannot be "+words.Quote(n.Value), f.allowed())
		}
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		d.section(v.Elem(), f, n, key)
	case reflect.Struct:
		d.section(v, f, n, key)
	case reflect.Slice:
		d.list(v, f, n, key)
	case reflect.Array:
		d.tuple(v, f, n, key)
	default:
		d.word(v, f, n, key)
	}
}

// foreign tells what makes n a node that no recipe may hold.
func foreign(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.AliasNode || n.Anchor != "":
		return "anchors and aliases are not supported (variants share settings)"
	case n.ShortTag() == "!!null":
		return "empty; leave the key out for the default"
	case n.Style&yaml.TaggedStyle != 0:
		return "tags are not supported"
	}
	return ""
}

func (d *decoder) scalar(s scalar, n *yaml.Node, key, allowed string) {
	if n.Kind != yaml.ScalarNode || n.ShortTag() == "!!bool" {
		d.problem(n, key, "is "+describe(n), allowed)
		return
	}
	if err := s.Set(n.Value); err != nil {
		d.problem(n, key, fmt.Sprintf("%s: %v", words.Quote(n.Value), err), allowed)
	}
}

// describe names what n is, for an error.
func describe(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a section"
	case yaml.SequenceNode:
		return "a list"
	}
	switch n.ShortTag() {
	case "!!int", "!!float":
		return "the number " + words.Quote(n.Value)
	case "!!bool":
		return "the truth value " + words.Quote(n.Value)
	case "!!timestamp":
		return "the date " + words.Quote(n.Value)
	}
	return "the text " + words.Quote(n.Value)
}

// word decodes a number, a truth value or text.
func (d *decoder) word(v reflect.Value, f *field, n *yaml.Node, key string) {
	if n.Kind != yaml.ScalarNode || !setWord(v, n.Value, n.ShortTag()) {
		d.problem(n, key, "is "+describe(n), f.allowed())
		return
	}
	bad := false
	switch v.Kind() {
	case reflect.Int, reflect.Int64:
		bad = !f.inRange(float64(v.Int()))
	case reflect.Float64:
		bad = !f.inRange(v.Float())
	case reflect.String:
		if f.anyCase { // steps have one key, however it is written
			v.SetString(strings.ToLower(v.String()))
		}
		bad = len(f.one) > 0 && !slices.Contains(f.one, v.String())
	}
	if bad {
		p := d.problem(n, key, "cannot be "+words.Quote(n.Value), f.allowed())
		why := ""
		if f.anyCase {
			why = unwritten(n.Value)
		}
		if why != "" {
			p.What += ": " + why
		} else {
			p.Nearest = words.Nearest(n.Value, f.one)
		}
	}
}

// setWord sets v to text if it is of v's type. tag is YAML's idea of its type.
func setWord(v reflect.Value, text, tag string) bool {
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
		return tag == "!!str"
	case reflect.Bool:
		v.SetBool(text == "true")
		return text == "true" || text == "false"
	case reflect.Int, reflect.Int64:
		n, err := strconv.ParseInt(text, 10, 64)
		// A recipe's numbers survive a trip through JSON.
		if err != nil || tag != "!!int" || n > maxCount || n < -maxCount {
			return false
		}
		v.SetInt(n)
		return true
	case reflect.Float64:
		x, err := parseNumber(text)
		v.SetFloat(x)
		return err == nil && (tag == "!!int" || tag == "!!float") && !math.IsInf(x, 0)
	}
	panic("recipe: no way to read a " + v.Type().String())
}

// maxList bounds every list of a recipe.
const maxList = 256

// list decodes a list, or one value as a list of one.
func (d *decoder) list(v reflect.Value, f *field, n *yaml.Node, key string) {
	items, single := n.Content, n.Kind != yaml.SequenceNode
	if single {
		items = []*yaml.Node{n}
	}
	if len(items) > maxList {
		d.problem(n, key, fmt.Sprintf("a list of %d", len(items)), fmt.Sprintf("at most %d", maxList))
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(items), len(items)))
	elem := *f
	elem.typ = f.typ.Elem()
	for i, item := range items {
		at := key
		if !single {
			at = fmt.Sprintf("%s[%d]", key, i)
		}
		d.value(v.Index(i), &elem, item, at)
	}
}

// tuple decodes a list of a fixed length.
func (d *decoder) tuple(v reflect.Value, f *field, n *yaml.Node, key string) {
	if n.Kind != yaml.SequenceNode || len(n.Content) != v.Len() {
		what := "is " + describe(n)
		if n.Kind == yaml.SequenceNode {
			what = fmt.Sprintf("is a list of %d", len(n.Content))
		}
		d.problem(n, key, what, f.allowed())
		return
	}
	elem := *f
	elem.typ = f.typ.Elem()
	for i, item := range n.Content {
		d.value(v.Index(i), &elem, item, fmt.Sprintf("%s[%d]", key, i))
	}
}

// section decodes a mapping, or the value of the section's short key.
func (d *decoder) section(v reflect.Value, f *field, n *yaml.Node, key string) {
	setDefaults(v)
	before := len(d.problems)
	if short := shortKey(v.Type()); short != "" && n.Kind == yaml.ScalarNode {
		fields := fieldsOf(v.Type())
		g := find(fields, short)
		d.value(v.FieldByIndex(g.index), g, n, key)
		d.places[join(key, short)] = n
	} else if n.Kind != yaml.MappingNode {
		d.problem(n, key, "is "+describe(n), f.allowed())
		return
	} else {
		d.mapping(v, n, key)
	}
	if f, ok := v.Addr().Interface().(filler); ok {
		f.fill(func(k string) bool { return d.places[join(key, k)] != nil })
	}
	if c, ok := v.Addr().Interface().(checker); ok && len(d.problems) == before {
		c.check(func(k, what, allowed string) {
			d.problem(d.place(join(key, k)), join(key, k), what, allowed)
		})
	}
	if i, ok := v.Addr().Interface().(idler); ok && len(d.problems) == before {
		i.idle(func(k, what, allowed string) {
			p := d.locate(d.place(join(key, k)))
			p.Key, p.What, p.Allowed = join(key, k), what, allowed
			d.idle = append(d.idle, &p)
		})
	}
}

// place returns the node at key, or at the nearest key above it.
func (d *decoder) place(key string) *yaml.Node {
	for {
		if n, ok := d.places[key]; ok || key == "" {
			return n
		}
		key = above(key)
	}
}

func (d *decoder) mapping(v reflect.Value, n *yaml.Node, key string) {
	fields := fieldsOf(v.Type())
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, value := n.Content[i], n.Content[i+1]
		at := join(key, k.Value)
		if line, twice := seen[k.Value]; twice {
			d.problem(k, at, fmt.Sprintf("given twice, first in line %d", line), "")
			continue
		}
		seen[k.Value] = k.Line
		j := slices.IndexFunc(fields, func(f field) bool { return f.key == k.Value })
		if j < 0 || k.Kind != yaml.ScalarNode {
			d.unknown(k, at, fields)
			continue
		}
		if !fields[j].raw {
			d.value(v.FieldByIndex(fields[j].index), &fields[j], value, at)
		}
	}
	for _, f := range fields {
		if _, ok := seen[f.key]; f.need && !ok {
			d.problem(n, join(key, f.key), "missing", f.allowed())
		}
	}
}

// unknown reports a key that the section does not have.
func (d *decoder) unknown(k *yaml.Node, at string, fields []field) {
	if k.Kind != yaml.ScalarNode {
		d.problem(k, at, "a key must be one word", strings.Join(keysOf(fields), ", "))
		return
	}
	p := d.problem(k, at, "unknown key", strings.Join(keysOf(fields), ", "))
	p.Key = d.prefix + strings.ToValidUTF8(at, "?")
	if p.Nearest = words.Nearest(k.Value, keysOf(fields)); p.Nearest == "" {
		p.Nearest = elsewhere(k.Value)
	}
}

// elsewhere returns the full name of a key that another section has, or "".
func elsewhere(key string) string {
	for _, f := range fieldsOf(reflect.TypeFor[Recipe]()) {
		if f.key == key {
			return key
		}
		if s := section(f.typ); s != nil && !f.raw && slices.Contains(keysOf(fieldsOf(s)), key) {
			return f.key + "." + key
		}
	}
	return ""
}

func join(key, k string) string {
	if key == "" || k == "" {
		return key + k
	}
	return key + "." + k
}

// Default returns a section, or a whole recipe, with every key's default.
func Default[T any]() *T {
	section := new(T)
	setDefaults(reflect.ValueOf(section).Elem())
	return section
}

// setDefaults gives every key of a section its default.
func setDefaults(v reflect.Value) {
	for _, f := range fieldsOf(v.Type()) {
		if !f.raw {
			setDefault(v.FieldByIndex(f.index), &f)
		}
	}
}

// setDefault sets v as a recipe that says f.def would.
func setDefault(v reflect.Value, f *field) {
	if s, ok := asScalar(v); ok {
		if f.def != "" {
			mustBe(s.Set(f.def) == nil, f)
		}
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		setDefaults(v)
	case reflect.Pointer:
	case reflect.Slice:
		words := strings.Fields(f.def)
		if len(words) == 0 {
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), len(words), len(words)))
		for i, w := range words {
			mustBe(setWord(v.Index(i), w, defaultTag(v.Index(i))), f)
		}
	default:
		if f.def != "" {
			mustBe(setWord(v, f.def, defaultTag(v)), f)
		}
	}
}

func defaultTag(v reflect.Value) string {
	switch v.Kind() {
	case reflect.String:
		return "!!str"
	case reflect.Float64:
		return "!!float"
	}
	return "!!int"
}

func mustBe(ok bool, f *field) {
	if !ok {
		panic(fmt.Sprintf("recipe: key %s: impossible default %q", f.key, f.def))
	}
}

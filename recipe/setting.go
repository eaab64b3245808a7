package recipe

import (
	"fmt"
	"reflect"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// A Setting is a key of a section that holds one value or a list of values:
// what a command offers as a flag.
type Setting struct {
	Key     string
	Default string
	Allowed string   // what may stand there
	Words   []string // that may; nil: others than words
	Choice  string   // names Words where nothing else may stand: "one of: best, last"
	Doc     string
	Switch  bool // true or false

	Least, Most float64 // of a number; infinite if there is no bound
}

// SettingsOf lists the keys of section, a pointer to a struct of a recipe,
// without those that are sections themselves.
func SettingsOf(section any) []Setting {
	v := reflect.ValueOf(section).Elem()
	var out []Setting
	for _, f := range fieldsOf(v.Type()) {
		if f.typ.Kind() == reflect.Struct || f.typ.Kind() == reflect.Pointer {
			if _, ok := asScalar(reflect.New(f.typ).Elem()); !ok {
				continue
			}
		}
		out = append(out, Setting{f.key, f.def, f.allowed(), f.one, f.choice(), f.doc, f.typ.Kind() == reflect.Bool, f.min, f.max})
	}
	return out
}

// Assign sets one key of section. What a value of text is, as a prompt or a file's name,
// is the text as it is given; all else is what a recipe would write there, and the items
// of a list may be separated by commas. Several values are those of one list; where one
// stands alone, the last counts.
func Assign(section any, key string, values ...string) error {
	v := reflect.ValueOf(section).Elem()
	for _, f := range fieldsOf(v.Type()) {
		if f.key != key {
			continue
		}
		var node *yaml.Node
		for _, value := range values {
			next := f.node(value)
			if next == nil {
				return fmt.Errorf("%q; allowed: %s", value, f.allowed())
			}
			if node != nil && f.typ.Kind() == reflect.Slice {
				next.Content = append(node.Content, next.Content...)
			}
			node = next
		}
		d := &decoder{places: map[string]*yaml.Node{}}
		d.value(v.FieldByIndex(f.index), &f, node, key)
		if len(d.problems) > 0 {
			p := d.problems[0]
			near := ""
			if p.Nearest != "" {
				near = fmt.Sprintf("; did you mean %q?", p.Nearest)
			}
			return fmt.Errorf("%s%s; allowed: %s", p.What, near, p.Allowed)
		}
		return nil
	}
	return fmt.Errorf("no key %q", key)
}

// node returns what a recipe that gives the field this value holds; nil if none can.
func (f *field) node(value string) *yaml.Node {
	if f.typ.Kind() == reflect.String || f.typ == reflect.TypeFor[Holdout]() {
		if !utf8.ValidString(value) {
			return nil
		}
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: value}
	}
	list := "["
	if f.typ.Kind() == reflect.Slice && f.typ.Elem().Kind() == reflect.Array {
		list = "[["
	}
	if f.typ.Kind() == reflect.Slice && !strings.HasPrefix(value, list) {
		value = "[" + value + "]"
	}
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(value), &doc); err != nil || len(doc.Content) != 1 {
		return nil
	}
	return doc.Content[0]
}

// Check fills in what is left of r, of which some keys were given, and returns
// what is wrong with it as a whole, as Read would; nil if nothing is.
func (r *Recipe) Check(given func(key string) bool) error {
	var found Problems
	eachSection("", reflect.ValueOf(r).Elem(), func(prefix string, section any) {
		if f, ok := section.(filler); ok {
			f.fill(func(key string) bool { return given(join(prefix, key)) })
		}
		at := func(key, what, allowed string) { found = append(found, r.Problem(join(prefix, key), what, allowed)) }
		if c, ok := section.(checker); ok {
			c.check(at)
		}
		if i, ok := section.(idler); ok {
			i.idle(at)
		}
	})
	if len(found) > 0 {
		return found
	}
	return nil
}

// eachSection calls f for v, a section, and for those in it.
func eachSection(key string, v reflect.Value, f func(key string, section any)) {
	f(key, v.Addr().Interface())
	for _, g := range fieldsOf(v.Type()) {
		if g.raw || section(g.typ) == nil {
			continue
		}
		switch x := v.FieldByIndex(g.index); x.Kind() {
		case reflect.Pointer:
			if !x.IsNil() {
				eachSection(join(key, g.key), x.Elem(), f)
			}
		case reflect.Slice:
			for i := range x.Len() {
				eachSection(fmt.Sprintf("%s[%d]", join(key, g.key), i), x.Index(i), f)
			}
		default:
			eachSection(join(key, g.key), x, f)
		}
	}
}

package recipe

import (
	"fmt"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"limbeck/tensor/dtype"
)

// A field is what the tags of a section's field say:
//
//	json     its key
//	default  its value if the recipe does not give it
//	one      the words that may stand there
//	format   yes: the words are the names of the formats that can be written, in any case
//	min, max the least and the largest number; over: a number it must exceed
//	short    yes: the section may be written as this field's value alone
//	need     yes: must be given
//	inline   an embedded section's keys are the outer one's; KEY=DEFAULT …
//	raw      yes: read by code of its own
//	doc      one line for people
type field struct {
	key, def, doc    string
	one              []string
	min, max         float64 // infinite if there is none
	over             bool    // min itself is not allowed
	short, need, raw bool
	anyCase          bool // one are names of number formats, which others write in capitals
	index            []int
	typ              reflect.Type
}

var fieldCache sync.Map // reflect.Type → []field

// fieldsOf returns the keys of a section, in the order of the struct.
func fieldsOf(t reflect.Type) []field {
	if f, ok := fieldCache.Load(t); ok {
		return f.([]field)
	}
	var fields []field
	for i := range t.NumField() {
		sf := t.Field(i)
		if !sf.IsExported() {
			continue
		}
		if inline, ok := sf.Tag.Lookup("inline"); ok {
			fields = append(fields, inlined(sf, i, inline)...)
			continue
		}
		if f := newField(sf); f.key != "-" {
			fields = append(fields, f)
		}
	}
	fieldCache.Store(t, fields)
	return fields
}

func newField(sf reflect.StructField) field {
	key, _, _ := strings.Cut(sf.Tag.Get("json"), ",")
	f := field{
		key: key, def: sf.Tag.Get("default"), doc: sf.Tag.Get("doc"),
		one:   strings.Fields(sf.Tag.Get("one")),
		short: sf.Tag.Get("short") != "", need: sf.Tag.Get("need") != "", raw: sf.Tag.Get("raw") != "",
		index: sf.Index, typ: sf.Type,
		min: math.Inf(-1), max: math.Inf(1),
	}
	if sf.Tag.Get("format") != "" {
		f.one, f.anyCase = dtype.WritableNames(), true
	}
	for name, at := range map[string]*float64{"min": &f.min, "max": &f.max, "over": &f.min} {
		if text, ok := sf.Tag.Lookup(name); ok {
			v, err := strconv.ParseFloat(text, 64)
			if err != nil {
				panic(fmt.Sprintf("recipe: field %s: tag %s: %v", sf.Name, name, err))
			}
			*at = v
			f.over = f.over || name == "over"
		}
	}
	if key == "" || f.doc == "" && key != "-" {
		panic(fmt.Sprintf("recipe: field %s has no key or no doc", sf.Name))
	}
	return f
}

// inlined returns the fields of an embedded section, with the defaults that
// the embedding one gives them.
func inlined(sf reflect.StructField, i int, overrides string) []field {
	fields := append([]field(nil), fieldsOf(sf.Type)...)
	for k := range fields {
		fields[k].index = append([]int{i}, fields[k].index...)
	}
	for _, o := range strings.Fields(overrides) {
		key, def, _ := strings.Cut(o, "=")
		find(fields, key).def = def
	}
	return fields
}

func find(fields []field, key string) *field {
	for i := range fields {
		if fields[i].key == key {
			return &fields[i]
		}
	}
	panic("recipe: no key " + key)
}

func keysOf(fields []field) []string {
	keys := make([]string, len(fields))
	for i, f := range fields {
		keys[i] = f.key
	}
	return keys
}

// asScalar returns v as a scalar, if its type is one.
func asScalar(v reflect.Value) (scalar, bool) {
	s, ok := v.Addr().Interface().(scalar)
	return s, ok
}

// section returns the struct type that a field holds, behind a pointer or in a
// list, or nil if the field is no section.
func section(t reflect.Type) reflect.Type {
	if t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return nil
	}
	if _, ok := reflect.New(t).Interface().(scalar); ok {
		return nil
	}
	return t
}

// shortKey returns the key that a section's short form sets, or "".
func shortKey(t reflect.Type) string {
	for _, f := range fieldsOf(t) {
		if f.short {
			return f.key
		}
	}
	return ""
}

// allowed says what may stand at the field.
func (f *field) allowed() string {
	t := f.typ
	if s := section(t); s != nil {
		text := "a section with the keys " + strings.Join(keysOf(fieldsOf(s)), ", ")
		if short := shortKey(s); short != "" {
			text = "the value of " + short + ", or " + text
		}
		return text
	}
	list := ""
	if t.Kind() == reflect.Slice {
		list, t = "one or a list of: ", t.Elem()
		if t.Kind() == reflect.Array {
			list = "a list of items, each " // one alone would look like it
		}
	}
	if t.Kind() == reflect.Array {
		list, t = list+fmt.Sprintf("a list of %d, each ", t.Len()), t.Elem()
	}
	if s, ok := asScalar(reflect.New(t).Elem()); ok { // f.one are words that it takes beside others
		return list + strings.Join(append(slices.Clone(f.one), s.allowed()+f.bounds()), ", ")
	}
	if len(f.one) > 0 {
		return list + strings.Join(f.one, ", ")
	}
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int64:
		return list + "a whole number" + f.bounds()
	case reflect.Float64:
		return list + "a number" + f.bounds()
	}
	return list + "text"
}

// mixture matches names of files in which llama.cpp gives matrices one of several formats.
var mixture = regexp.MustCompile(`^q[2-6]_k_(xs|s|m|l|xl)$`)

// unwritten says why what a word calls a format cannot be written, "" of no such word.
func unwritten(word string) string {
	name := strings.ToLower(word)
	if mixture.MatchString(name) {
		return "a mixture of formats as llama.cpp makes them is read, but not written"
	}
	if t := dtype.ByName(name); t != nil && t.Encode == nil {
		return "the format is read, but not written"
	}
	return ""
}

// choice names the words of a field at which nothing but they may stand, "" of another.
func (f *field) choice() string {
	of := f.typ
	if of.Kind() == reflect.Slice {
		of = of.Elem()
	}
	if len(f.one) == 0 {
		return ""
	}
	if _, ok := asScalar(reflect.New(of).Elem()); ok {
		return ""
	}
	if of != f.typ {
		return f.allowed() // one or a list of them
	}
	return "one of: " + f.allowed()
}

func (f *field) bounds() string {
	low, high := !math.IsInf(f.min, -1), !math.IsInf(f.max, 1)
	switch {
	case low && f.over && high:
		return fmt.Sprintf(" over %s and at most %s", bound(f.min), bound(f.max))
	case low && f.over:
		return " over " + bound(f.min)
	case low && high:
		return fmt.Sprintf(" from %s to %s", bound(f.min), bound(f.max))
	case low:
		return " of at least " + bound(f.min)
	case high:
		return " of at most " + bound(f.max)
	}
	return ""
}

// bound writes a limit: 1000000, not 1e6.
func bound(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// inRange tells whether a number is within the field's bounds.
func (f *field) inRange(v float64) bool {
	return v >= f.min && v <= f.max && !(f.over && v == f.min)
}

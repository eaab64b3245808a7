package recipe

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v4"

	"limbeck/internal/typeset"
)

// Where the comments of a written recipe start, and where they end.
const (
	commentColumn = 34
	lastColumn    = 80
)

// Write writes r so that [Read] gives it back. Every key is there, with a
// comment; one that has its default is a comment itself. remarks, by full key,
// replace the comments. Variants are not written. A recipe to write starts from [Default].
func (r *Recipe) Write(w io.Writer, remarks map[string]string) error {
	out := &writer{bufio.NewWriter(w), remarks}
	v := reflect.ValueOf(r).Elem()
	gap := false // an empty line stands around every section
	for i, f := range fieldsOf(v.Type()) {
		if f.raw {
			continue
		}
		is := section(f.typ) != nil
		if i > 0 && (is || gap) {
			out.WriteString("\n")
		}
		gap = is
		out.field(v, &f, "", f.key)
	}
	return out.Flush()
}

type writer struct {
	*bufio.Writer
	remarks map[string]string
}

// line writes text and, beside it, the comment that belongs to key, which goes on below,
// or begins there if text leaves no room; choice are words that key may have.
func (w *writer) line(text, key, doc, choice string) {
	if r, ok := w.remarks[key]; ok {
		doc = r
	}
	if choice != "" {
		doc += "; " + choice
	}
	lines := typeset.Wrap(doc, lastColumn-commentColumn-len("# "))
	if at := typeset.Width(text); at >= commentColumn {
		if rest := strings.Join(lines, " "); at+len(" # ")+typeset.Width(rest) <= lastColumn {
			fmt.Fprintf(w, "%s # %s\n", text, rest)
			return
		}
		fmt.Fprintln(w, text)
		text = ""
	}
	for _, line := range lines {
		fmt.Fprintf(w, "%s# %s\n", typeset.Left(text, commentColumn), line)
		text = ""
	}
}

// field writes the key f of a section of.
func (w *writer) field(of reflect.Value, f *field, indent, key string) {
	if section(f.typ) == nil {
		w.leaf(of, f, indent, key)
		return
	}
	v := of.FieldByIndex(f.index)
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			w.line(indent+"# "+f.key+": {}", key, f.doc, "")
			return
		}
		v = v.Elem()
	case reflect.Slice:
		if v.Len() != 1 {
			w.stages(v, f, indent, key)
			return
		}
		v = v.Index(0)
	}
	head := indent + f.key + ":"
	if isDefault(v) {
		head += " {}" // a key with comments below it alone would be empty
		if f.typ.Kind() != reflect.Pointer {
			head = indent + "# " + f.key + ":"
		}
	}
	w.line(head, key, f.doc, "")
	for _, g := range fieldsOf(v.Type()) {
		w.field(v, &g, indent+"  ", join(key, g.key))
	}
}

// stages writes a list of sections.
func (w *writer) stages(v reflect.Value, f *field, indent, key string) {
	w.line(indent+f.key+":", key, f.doc, "")
	for i := range v.Len() {
		e := v.Index(i)
		fmt.Fprintf(w, "%s  - # %d\n", indent, i+1)
		for _, g := range fieldsOf(e.Type()) {
			w.field(e, &g, indent+"    ", join(key, g.key))
		}
	}
}

// isDefault tells whether a section holds nothing but the defaults of its keys.
func isDefault(v reflect.Value) bool {
	fresh := reflect.New(v.Type()).Elem()
	setDefaults(fresh)
	return reflect.DeepEqual(v.Interface(), fresh.Interface())
}

func (w *writer) leaf(of reflect.Value, f *field, indent, key string) {
	v, mark := of.FieldByIndex(f.index), ""
	if reflect.DeepEqual(v.Interface(), unsaid(of, f).Interface()) && !f.need {
		mark = "# "
	}
	w.line(indent+mark+f.key+": "+yamlText(v), key, f.doc, f.choice())
}

// unsaid returns what a section has for a key of which it says nothing.
func unsaid(of reflect.Value, f *field) reflect.Value {
	without := reflect.New(of.Type()).Elem()
	without.Set(of)
	v := without.FieldByIndex(f.index)
	v.SetZero() // what it refers to is of's
	setDefault(v, f)
	if s, ok := without.Addr().Interface().(filler); ok {
		s.fill(func(key string) bool { return key != f.key })
	}
	return v
}

// yamlText writes a value as YAML.
func yamlText(v reflect.Value) string {
	if s, ok := v.Interface().(fmt.Stringer); ok {
		return plain(s.String(), true)
	}
	switch v.Kind() {
	case reflect.Slice, reflect.Array:
		parts := make([]string, v.Len())
		for i := range parts {
			parts[i] = yamlText(v.Index(i))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case reflect.Float64:
		return formatFloat(v.Float())
	case reflect.String:
		return plain(v.String(), false)
	}
	return fmt.Sprint(v.Interface())
}

var plainWord = regexp.MustCompile(`^[A-Za-z0-9./_][A-Za-z0-9./_:@%+-]*$`)

// plain writes s as one word if YAML reads it back as text (or as a number,
// where a value of ours may look like one), else in quotes.
func plain(s string, number bool) string {
	if plainWord.MatchString(s) || strings.HasPrefix(s, "[") {
		var doc yaml.Node
		if err := yaml.Unmarshal([]byte(s), &doc); err == nil && len(doc.Content) == 1 {
			switch tag := doc.Content[0].ShortTag(); {
			case tag == "!!str", number && (tag == "!!int" || tag == "!!float" || tag == "!!seq"):
				return s
			}
		}
	}
	quoted, err := json.Marshal(s)
	if err != nil {
		panic(err) // a string always encodes
	}
	return string(quoted)
}

// Reference writes the page that lists every key.
func Reference(w io.Writer) error {
	out := bufio.NewWriter(w)
	out.WriteString("# Recipes\n\n<!-- Made by go generate ./recipe from the schema; edit there. -->\n\n" +
		"A recipe is a YAML file; `limbeck make` runs it. Every key is listed here. Some sections may be\n" +
		"written as one value: it is that of the key marked *short*. Counts may end in k, M, G (thousands)\n" +
		"or Ki, Mi, Gi (1,024s); files are found from the recipe's folder.\n")
	referenceSection(out, "", "The recipe", reflect.TypeFor[Recipe]())
	return out.Flush()
}

func referenceSection(out *bufio.Writer, key, title string, t reflect.Type) {
	fmt.Fprintf(out, "\n## %s\n\n| key | default | allowed | meaning |\n|---|---|---|---|\n", title)
	cell := strings.NewReplacer("|", "\\|", "\n", " ")
	fields := fieldsOf(t)
	for _, f := range fields {
		def, allowed := f.def, "sections"
		if s := section(f.typ); s != nil && !f.raw {
			allowed = fmt.Sprintf("[a section](#%s)", anchor(s))
		} else if !f.raw {
			allowed = f.allowed()
		}
		switch {
		case f.need:
			def = "must be given"
		case f.typ.Kind() == reflect.Pointer:
			def = "none"
		case def == "":
			def = " "
		default:
			def = "`" + def + "`"
		}
		short := ""
		if f.short {
			short = " *short*"
		}
		fmt.Fprintf(out, "| `%s`%s | %s | %s | %s |\n", f.key, short, def, cell.Replace(allowed), cell.Replace(f.doc))
	}
	for _, f := range fields {
		// Train and LoRA stand in several sections; once is enough.
		if s := section(f.typ); s != nil && !f.raw && (s.Name() != "Train" || key == "") && (s.Name() != "LoRA" || key == "train") {
			referenceSection(out, f.key, s.Name(), s)
		}
	}
}

func anchor(t reflect.Type) string { return strings.ToLower(t.Name()) }

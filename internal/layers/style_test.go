package layers

import (
	"bytes"
	"go/ast"
	"go/format"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"limbeck/internal/testfiles"
)

// maxLines bounds a hand-written file: longer ones are two things.
const maxLines = 500

func TestFilesAreShort(t *testing.T) {
	for _, s := range sources(t) {
		if n := bytes.Count(s.text, []byte("\n")); n > maxLines && !s.test && !s.generated {
			t.Errorf("%s: %d lines, want at most %d: split it", s.path, n, maxLines)
		}
	}
}

// maxColumns bounds a line with a comment, alone or beside code, a tab being four of them.
// Directives cannot be broken.
const maxColumns = 100

func TestCommentsAreNarrow(t *testing.T) {
	for _, s := range sources(t) {
		lines := strings.Split(string(s.text), "\n")
		for _, group := range s.file.Comments {
			for _, c := range group.List {
				number := s.fset.Position(c.Pos()).Line
				line := lines[number-1]
				width := utf8.RuneCountInString(line) + 3*strings.Count(line, "\t")
				directive := !strings.HasPrefix(c.Text, "// ") && !strings.HasPrefix(c.Text, "//\t")
				if width > maxColumns && !directive && !s.generated {
					t.Errorf("%s:%d: a line with a comment of %d columns, want at most %d", s.path, number, width, maxColumns)
				}
			}
		}
	}
}

func TestFormatted(t *testing.T) {
	for _, s := range sources(t) {
		if want, err := format.Source(s.text); err != nil || !bytes.Equal(want, s.text) {
			t.Errorf("%s: not as gofmt has it (%v)", s.path, err)
		}
	}
}

func TestPackagesAreDocumented(t *testing.T) {
	documented := map[string]bool{}
	for _, s := range sources(t) {
		if !s.test {
			documented[s.dir()] = documented[s.dir()] || s.file.Doc.Text() != ""
		}
	}
	for dir, ok := range documented {
		if !ok {
			t.Errorf("package %s: no file says what it is for", dir)
		}
	}
}

func TestExportedIsDocumented(t *testing.T) {
	for _, s := range sources(t) {
		if s.test || s.generated || s.file.Name.Name == "main" {
			continue
		}
		for _, d := range s.file.Decls {
			for _, name := range undocumented(d) {
				t.Errorf("%s: %s is exported, but has no comment", s.fset.Position(name.Pos()), name.Name)
			}
		}
	}
}

// undocumented returns the exported names of a declaration that nothing
// explains. A comment on a group explains its members, one beside a name too.
func undocumented(d ast.Decl) []*ast.Ident {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Doc.Text() == "" && d.Name.IsExported() && exportedReceiver(d) && !wellKnown[d.Name.Name] {
			return []*ast.Ident{d.Name}
		}
	case *ast.GenDecl:
		if d.Tok == token.IMPORT || d.Doc.Text() != "" {
			return nil
		}
		var out []*ast.Ident
		for _, spec := range d.Specs {
			switch s := spec.(type) {
			case *ast.TypeSpec:
				if s.Name.IsExported() && s.Doc.Text() == "" && s.Comment.Text() == "" {
					out = append(out, s.Name)
				}
			case *ast.ValueSpec:
				for _, n := range s.Names {
					if n.IsExported() && s.Doc.Text() == "" && s.Comment.Text() == "" {
						out = append(out, n)
					}
				}
			}
		}
		return out
	}
	return nil
}

// wellKnown are methods whose meaning an interface of the standard library gives.
var wellKnown = map[string]bool{
	"Error": true, "String": true, "Unwrap": true, "Is": true, "As": true, "Close": true, "Read": true, "Write": true,
	"Set": true, "Len": true, "Less": true, "Swap": true, "Push": true, "Pop": true, "MarshalJSON": true, "UnmarshalJSON": true,
}

// exportedReceiver tells whether a function is no method, or one of an
// exported type.
func exportedReceiver(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return true
	}
	t := d.Recv.List[0].Type
	for {
		switch inner := t.(type) {
		case *ast.StarExpr:
			t = inner.X
		case *ast.IndexExpr:
			t = inner.X
		case *ast.Ident:
			return inner.IsExported()
		default:
			return false
		}
	}
}

// machinePath finds paths that exist on somebody's machine only.
var machinePath = regexp.MustCompile(`/(root|work|mnt|srv)/[a-z.]|/home/[a-z]+/|/Users/[A-Za-z]+/|[A-Z]:\\Users\\`)

func TestNoMachinePaths(t *testing.T) {
	top := testfiles.Root(t)
	kinds := map[string]bool{".go": true, ".md": true, ".yaml": true, ".sh": true, ".py": true, ".txt": true, ".s": true, ".html": true, ".json": true, ".css": true, ".js": true, ".mod": true}
	walk(t, func(rel string) {
		if !kinds[path.Ext(rel)] && path.Base(rel) != "Makefile" || rel == "internal/layers/style_test.go" {
			return
		}
		text, err := os.ReadFile(filepath.Join(top, filepath.FromSlash(rel)))
		if err != nil {
			t.Fatal(err)
		}
		number := 0
		for line := range strings.Lines(string(text)) {
			number++
			if found := machinePath.FindString(line); found != "" {
				t.Errorf("%s:%d: a path of one machine: %s…", rel, number, found)
			}
		}
	})
}

// Every fuzz target has seeds: go test runs those each time.
func TestFuzzTargetsHaveSeeds(t *testing.T) {
	for _, s := range sources(t) {
		if !s.test {
			continue
		}
		for _, d := range s.file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if ok && strings.HasPrefix(f.Name.Name, "Fuzz") && !bytes.Contains(s.text[f.Pos()-1:f.End()-1], []byte(".Add(")) {
				if _, err := os.Stat(filepath.Join(testfiles.Root(t), s.dir(), "testdata", "fuzz", f.Name.Name)); err != nil {
					t.Errorf("%s: %s has no seeds", s.path, f.Name.Name)
				}
			}
		}
	}
}

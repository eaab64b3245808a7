package layers

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"limbeck/internal/testfiles"
)

// A source is one parsed Go file of the module.
type source struct {
	path      string // slash-separated, from the module's root
	text      []byte
	file      *ast.File
	fset      *token.FileSet
	test      bool
	generated bool
}

// dir returns the package's path below the module's name; "." is the root.
func (s *source) dir() string { return path.Dir(s.path) }

// walk calls f for every file of the module. Modules within it, hidden
// folders, test data and what is built or made are left out.
func walk(t *testing.T, f func(rel string)) {
	t.Helper()
	top := testfiles.Root(t)
	skip := map[string]bool{"testdata": true, "runs": true, "out": true}
	err := filepath.WalkDir(top, func(p string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if !e.IsDir() {
			rel, err := filepath.Rel(top, p)
			f(filepath.ToSlash(rel))
			return err
		}
		_, inner := os.Stat(filepath.Join(p, "go.mod"))
		if p != top && (inner == nil || skip[e.Name()] || strings.HasPrefix(e.Name(), ".")) {
			return filepath.SkipDir
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// sources parses the module's Go files.
func sources(t *testing.T) []*source {
	t.Helper()
	var all []*source
	top := testfiles.Root(t)
	walk(t, func(rel string) {
		if !strings.HasSuffix(rel, ".go") {
			return
		}
		text, err := os.ReadFile(filepath.Join(top, filepath.FromSlash(rel)))
		if err != nil {
			t.Fatal(err)
		}
		s := &source{path: rel, text: text, fset: token.NewFileSet(), test: strings.HasSuffix(rel, "_test.go")}
		if s.file, err = parser.ParseFile(s.fset, rel, text, parser.ParseComments); err != nil {
			t.Fatal(err)
		}
		s.generated = ast.IsGenerated(s.file)
		all = append(all, s)
	})
	if len(all) < 50 {
		t.Fatalf("%d Go files found: the walk is broken", len(all))
	}
	return all
}

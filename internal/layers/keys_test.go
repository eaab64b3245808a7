package layers

import (
	"go/ast"
	"go/token"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// onlyChecks tells by its name whether a function of package recipe only refuses values.
func onlyChecks(f *ast.FuncDecl) bool {
	return strings.HasPrefix(f.Name.Name, "check") || strings.HasPrefix(f.Name.Name, "idle")
}

// whole are the sections that are handed on by a conversion to another type, which a
// compiler refuses for one with a field more.
var whole = map[string]bool{"Columns": true}

// Every key of recipes goes to work: something reads its field, by name, in a package that
// imports package recipe, or in that itself outside checks. The key of a step changes with
// each field, so that a key without effect would show nowhere else.
func TestEveryKeyIsRead(t *testing.T) {
	keys, read := map[string]bool{}, map[string]bool{}
	for _, s := range sources(t) {
		own := s.dir() == "recipe"
		reads := func(i *ast.ImportSpec) bool { return i.Path.Value == strconv.Quote(module+"recipe") }
		if s.test || !own && !slices.ContainsFunc(s.file.Imports, reads) {
			continue
		}
		for _, d := range s.file.Decls {
			if f, ok := d.(*ast.FuncDecl); !ok || !own || !onlyChecks(f) {
				ast.Inspect(d, func(n ast.Node) bool { return addRead(read, n) })
			}
			if own {
				ast.Inspect(d, func(n ast.Node) bool { return addKey(keys, n) })
			}
		}
	}
	if len(keys) < 50 {
		t.Fatalf("%d keys found in package recipe: the search is broken", len(keys))
	}
	for name := range keys {
		if !read[name] {
			t.Errorf("a key of recipes, the field %s, is read nowhere outside checks", name)
		}
	}
}

// addKey adds the name of a section's field, which a tag documents.
func addKey(keys map[string]bool, n ast.Node) bool {
	if s, ok := n.(*ast.TypeSpec); ok && whole[s.Name.Name] {
		return false
	}
	f, ok := n.(*ast.Field)
	if !ok || f.Tag == nil {
		return true
	}
	tag, err := strconv.Unquote(f.Tag.Value)
	if err == nil && reflect.StructTag(tag).Get("doc") != "" {
		for _, name := range f.Names {
			keys[name.Name] = true
		}
	}
	return true
}

// addRead adds the name of a field that is selected, and not to be assigned to.
func addRead(read map[string]bool, n ast.Node) bool {
	switch n := n.(type) {
	case *ast.SelectorExpr:
		read[n.Sel.Name] = true
	case *ast.AssignStmt:
		if n.Tok != token.ASSIGN {
			return true
		}
		visit := func(n ast.Node) bool { return addRead(read, n) }
		for _, to := range n.Lhs {
			if s, ok := to.(*ast.SelectorExpr); ok {
				to = s.X
			}
			ast.Inspect(to, visit)
		}
		for _, from := range n.Rhs {
			ast.Inspect(from, visit)
		}
		return false
	}
	return true
}

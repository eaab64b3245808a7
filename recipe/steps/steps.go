// Package steps holds what a recipe's sections do: one file a section. Each step
// reads models and data from files and fills a folder; see
// [limbeck/recipe/run]. Importing the package registers all of them with
// package recipe. Beside the steps stands what is known before they run: what
// they will take, and what of a recipe's data and models does not fit. The
// package also drafts recipes for limbeck init, and opens the models of every
// command.
//
// What steps leave for each other, in the names of [recipe.Chain]:
//
//	data.train, data.validation, data.test   examples, as JSON lines
//	teacher.0, teacher.1 …                   the teacher's members: models
//	student                                  the small model so far: a model
//	unquantized                              the student as it was before quantize: a GGUF file
//	training                                 how the student's last training went: JSON
//
// A model is a GGUF file, or what the recipe names, which may be a folder or built in.
package steps

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"limbeck/compress/quantize"
	"limbeck/internal/par"
	"limbeck/model"
	"limbeck/model/gguf"
	"limbeck/recipe"
	"limbeck/recipe/run"
	"limbeck/store/builtin"
)

// modelFile is the name of the model in the output of a step that makes one.
const modelFile = "model.gguf"

// Open opens the model that a reference names.
func Open(ref string) (*model.Model, error) {
	name, ok := strings.CutPrefix(ref, builtin.Prefix)
	if !ok {
		m, err := model.Open(ref)
		return m, whatIsThere(err, ref)
	}
	data, err := builtin.Model(name)
	if err != nil {
		return nil, err
	}
	f, err := gguf.Parse(data, ref)
	if err != nil {
		return nil, err
	}
	return model.FromGGUF(f)
}

// Look is [Open] by way of [model.OpenUnchecked]. What is built in is small enough to
// be checked.
func Look(ref string) (*model.Model, error) {
	if strings.HasPrefix(ref, builtin.Prefix) {
		return Open(ref)
	}
	m, err := model.OpenUnchecked(ref)
	return m, whatIsThere(err, ref)
}

// OpenPacked is [Open] by way of [model.OpenPacked]. What is built in is only opened.
func OpenPacked(ref string, pool *par.Pool, remark func(format string, args ...any)) (*model.Model, error) {
	if strings.HasPrefix(ref, builtin.Prefix) {
		return Open(ref)
	}
	m, err := model.OpenPacked(ref, pool, remark)
	return m, whatIsThere(err, ref)
}

// whatIsThere says more of an error that means that there is nothing, or a folder
// that is no model, as a run's is not: each GGUF file in it is a model. None is taken
// for the folder, whose digest as an input would be that of all its files.
func whatIsThere(err error, ref string) error {
	if err == nil {
		return nil
	}
	if _, absent := os.Stat(ref); errors.Is(absent, fs.ErrNotExist) {
		return NoModel(ref)
	}
	if _, absent := os.Stat(filepath.Join(ref, "config.json")); absent == nil {
		return err // it is a model, and something in it is wrong
	}
	files, _ := filepath.Glob(filepath.Join(ref, "*.gguf")) // the pattern of an odd name finds none
	if len(files) == 0 {
		return err
	}
	return fmt.Errorf("%w; a folder's GGUF files are named themselves: %s", err, strings.Join(files, ", "))
}

// NoModel is the error for a reference that names no file or folder: it may be of
// another kind than this build can read.
func NoModel(ref string) error {
	r, err := recipe.ParseRef(ref)
	if err == nil && r.Kind != recipe.RefPath && r.Kind != recipe.RefStore {
		return fmt.Errorf("no model %s: %s", ref, kindsRead())
	}
	return fmt.Errorf("no model %s: there is no such file or folder", ref)
}

func kindsRead() string {
	return "this build reads models from files, folders and " + builtin.Prefix + "NAME"
}

// Builtin returns the digest of the model that a reference names, if it is built in.
func Builtin(ref string) (digest string, err error) {
	name, ok := strings.CutPrefix(ref, builtin.Prefix)
	if !ok {
		return "", fmt.Errorf("%s is not built in", ref)
	}
	data, err := builtin.Model(name)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:]), nil
}

// builtinLicense returns the license that a built-in model's file states.
func builtinLicense(ref string) (string, error) {
	data, err := builtin.Model(strings.TrimPrefix(ref, builtin.Prefix))
	if err != nil {
		return "", err
	}
	f, err := gguf.Parse(data, ref)
	if err != nil {
		return "", err
	}
	return f.Meta().String(model.LicenseKey, ""), f.Close()
}

// licenses remembers what models' files state: the variants of a recipe name the same.
var licenses = struct {
	sync.Mutex
	of map[string]string
}{of: map[string]string{}}

// statedLicense returns the license that the model at path states; "" if it states
// none, or is none, of which whoever needs the model tells.
func statedLicense(path string) string {
	licenses.Lock()
	defer licenses.Unlock()
	if license, ok := licenses.of[path]; ok {
		return license
	}
	m, err := Look(path)
	if err != nil {
		return ""
	}
	defer m.Close()
	licenses.of[path] = m.Meta.String(model.LicenseKey, "")
	return licenses.of[path]
}

// modelInput returns the input of a step that reads the model of a reference.
func modelInput(r *recipe.Recipe, ref recipe.Ref, key, license string) (run.Input, error) {
	in := run.Input{Shown: ref.Text, Key: strings.Replace(key, "[0]", "", 1), Where: r.Where(key), License: license}
	switch ref.Kind {
	case recipe.RefPath:
		in.Path = r.Find(recipe.File(ref.Text))
		in.Stated = statedLicense(in.Path)
	case recipe.RefBuiltin:
		var err error
		if in.Digest, err = Builtin(ref.Text); err == nil && license == "" {
			in.License, err = builtinLicense(ref.Text)
		}
		if err != nil {
			return in, r.Cause(key, err)
		}
	default:
		return in, r.Problem(key, ref.Text+": "+kindsRead(), "")
	}
	return in, nil
}

// openInput opens the model that a step reads, whether it is a file or built
// in.
func openInput(w *run.Work, name string, ref string) (*model.Model, error) {
	if path := w.Input(name); path != "" {
		return Open(path)
	}
	return Open(ref)
}

// fileInput returns the input of a step that reads a file of the recipe.
func fileInput(r *recipe.Recipe, f recipe.File, key string) run.Input {
	return run.Input{Path: r.Find(f), Shown: string(f), Key: key, Where: r.Where(key)}
}

// save writes the step's model.
func save(w *run.Work, m *model.Model, made string) error {
	describe(w, m, made)
	return w.Write(modelFile, m.SaveTo)
}

// saveIn is [save] with m's weights in other formats.
func saveIn(ctx context.Context, w *run.Work, m *model.Model, made string, o quantize.Options, pool *par.Pool) error {
	describe(w, m, made)
	return w.Write(modelFile, func(out io.Writer) error { return quantize.Write(ctx, out, m, o, pool) })
}

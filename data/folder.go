package data

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Files are patterns, as [Load] takes them, of the files of a folder, by what
// their names say they are for. Those that are empty have no files.
type Files struct{ Train, Validation, Test string }

// endings are those of the files that can be read.
var endings = []string{".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".txt"}

// Find says what is for what in a reference to training data: a folder, by the
// names of its files, or a file, of that [Options] Format, whose rows are in parts, by
// the part. Anything else is for training, as it is.
func Find(ref, format string) (Files, error) {
	if info, err := os.Stat(ref); err == nil && info.IsDir() {
		f, err := folder(ref)
		if err != nil || f.Validation != "" || f.Test != "" {
			return f, err
		}
		ref = f.Train
	}
	if CheckFiles(ref) != nil {
		return Files{Train: ref}, nil // whoever reads the examples says why
	}
	path, o := cutPart(ref, Options{Format: format, Notes: new(Notes)})
	if o.Part != "" && o.Part != Train {
		return Files{Train: ref}, nil
	}
	f := Files{Train: ref}
	o.Part = ""
	examples, err := Load(path, o)
	if err != nil {
		return f, nil // whoever reads the examples says why
	}
	has := partsOf(examples)
	if slices.Contains(has, Test) {
		f.Test = path + "#" + string(Test)
	}
	if slices.Contains(has, Train) && slices.Contains(has, Validation) {
		f.Train, f.Validation = path+"#"+string(Train), path+"#val"
	}
	return f, nil
}

// folder says which files of a folder are for what. Names that begin with train,
// with val or dev, and with test tell parts apart; where none does, all files are
// for training. It is an error if the folder does not say what to read: a pattern
// then must.
func folder(dir string) (Files, error) {
	byEnding, err := readable(dir)
	if err != nil {
		return Files{}, fmt.Errorf("data: %w", err)
	}
	if len(byEnding) == 0 {
		return Files{}, fmt.Errorf("data: folder %s holds no file of a known format; known are: %s", dir, strings.Join(endings, ", "))
	}
	if len(byEnding) != 1 {
		return Files{}, fmt.Errorf("data: folder %s holds files of %d formats, want one; name a file or a pattern such as %s", dir, len(byEnding), pattern(dir))
	}
	var f Files
	for ending, names := range byEnding {
		used := f.take(dir, ending, names)
		switch {
		case used == 0 && len(names) == 1:
			f.Train = filepath.Join(dir, names[0])
		case used == 0:
			f.Train = filepath.Join(literal(dir), "*"+ending)
		case used < len(names):
			return Files{}, fmt.Errorf("data: folder %s: names of only %d of %d files say whether they are for training, validation or test; name a file or a pattern such as %s",
				dir, used, len(names), pattern(dir))
		case f.Train == "":
			return Files{}, fmt.Errorf("data: folder %s: by their names all files are for validation or test, want one for training, as train%s; or name a file", dir, ending)
		}
	}
	return f, nil
}

// take gives the files of a folder to the parts that their names begin with, and
// returns how many names say one.
func (f *Files) take(dir, ending string, names []string) int {
	used := 0
	for _, part := range []struct {
		prefix string
		to     *string
	}{{"train", &f.Train}, {"val", &f.Validation}, {"dev", &f.Validation}, {"test", &f.Test}} {
		var found []string
		for _, name := range names {
			if strings.HasPrefix(name, part.prefix) {
				found = append(found, name)
			}
		}
		if len(found) > 0 && *part.to == "" {
			*part.to = filepath.Join(literal(dir), part.prefix+"*"+ending)
			used += len(found)
		}
	}
	return used
}

// literal returns the pattern that a path alone fits.
func literal(path string) string {
	return strings.NewReplacer("[", "[[]", "*", "[*]", "?", "[?]").Replace(path)
}

// readable returns the names of the files in dir that can be read, by ending.
func readable(dir string) (map[string][]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	out := map[string][]string{}
	for _, e := range entries {
		if ending := filepath.Ext(e.Name()); !e.IsDir() && slices.Contains(endings, ending) {
			out[ending] = append(out[ending], e.Name())
		}
	}
	return out, nil
}

// pattern suggests one for the files of a folder: of the ending that most have.
func pattern(dir string) string {
	best, most := endings[0], 0
	if byEnding, err := readable(dir); err == nil {
		for _, ending := range endings {
			if n := len(byEnding[ending]); n > most {
				best, most = ending, n
			}
		}
	}
	return filepath.Join(dir, "*"+best)
}

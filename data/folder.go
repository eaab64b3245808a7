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

// Folder says which files of a folder are for what. Names that begin with train,
// with val or dev, and with test tell parts apart; where none does, all files are
// for training. It is an error if the folder does not say what to read: a pattern
// then must.
func Folder(dir string) (Files, error) {
	byEnding, err := readable(dir)
	if err != nil {
		return Files{}, fmt.Errorf("data: %w", err)
	}
	if len(byEnding) != 1 {
		return Files{}, fmt.Errorf("data: folder %s holds files of %d formats, want one; name a file or a pattern such as %s", dir, len(byEnding), pattern(dir))
	}
	var f Files
	for ending, names := range byEnding {
		used := 0
		for _, part := range []struct {
			prefix string
			to     *string
		}{{"train", &f.Train}, {"val", &f.Validation}, {"dev", &f.Validation}, {"test", &f.Test}} {
			n := 0
			for _, name := range names {
				if strings.HasPrefix(name, part.prefix) {
					n++
				}
			}
			if n > 0 && *part.to == "" {
				*part.to = filepath.Join(dir, part.prefix+"*"+ending)
				used += n
			}
		}
		switch {
		case used == 0:
			f.Train = filepath.Join(dir, "*"+ending)
		case used < len(names) || f.Train == "":
			return Files{}, fmt.Errorf("data: folder %s: names of only %d of %d files say whether they are for training, validation or test; name a file or a pattern such as %s",
				dir, used, len(names), pattern(dir))
		}
	}
	return f, nil
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

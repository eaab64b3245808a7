package safetensors

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"limbeck/internal/fields"
)

// What a GGUF file says of a model's origin has no place in Hugging Face's
// config.json. It lies in a file of its own, which other programs ignore; the
// license stands also where the hub wants it, at the top of README.md.
const (
	originFile = "limbeck.json"
	cardFile   = "README.md"

	nameKey    = "general.name"
	licenseKey = "general.license"
	historyKey = "limbeck.history"
)

// isOrigin reports whether a GGUF key says what a model is called, whose it is
// and what was done to it, not what it computes.
func isOrigin(key string) bool {
	switch key {
	case architectureKey, "general.file_type", "general.alignment", "general.quantization_version":
		return false
	}
	return strings.HasPrefix(key, "general.") || strings.HasPrefix(key, "limbeck.")
}

// originFiles returns the files that keep the origin in keys. limbeck.json, even if
// it says nothing, tells that a README.md of its owner's is not about this model.
func originFiles(keys map[string]any) (map[string][]byte, error) {
	origin := map[string]any{}
	for key, v := range keys {
		switch v.(type) {
		case string, []string, uint32:
			if isOrigin(key) {
				origin[key] = v
			}
		}
	}
	text, err := json.MarshalIndent(origin, "", "  ")
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{originFile: append(text, '\n')}
	if len(origin) > 0 {
		files[cardFile] = card(origin)
	}
	return files, nil
}

// hasOwnCard reports whether a folder has a README.md that a person wrote or changed:
// another than this program makes of the limbeck.json beside it. What cannot be read
// is not this program's.
func hasOwnCard(dir string) bool {
	have, err := readText(dir, cardFile)
	if have == nil {
		return err != nil
	}
	text, err := readText(dir, originFile)
	if err != nil {
		return true
	}
	origin, err := parseOrigin(text)
	return err != nil || !bytes.Equal(have, card(origin))
}

// card writes a model card.
func card(origin map[string]any) []byte {
	var b bytes.Buffer
	if license, ok := origin[licenseKey].(string); ok {
		quoted, err := json.Marshal(license) // which is YAML too
		if err == nil {
			fmt.Fprintf(&b, "---\nlicense: %s\n---\n", quoted)
		}
	}
	name, ok := origin[nameKey].(string)
	if !ok {
		name = "A model"
	}
	fmt.Fprintf(&b, "# %s\n", oneLine(name))
	if history, ok := origin[historyKey].([]string); ok {
		fmt.Fprint(&b, "\nWhat was done to it, oldest first:\n\n")
		for _, h := range history {
			fmt.Fprintf(&b, "- %s\n", oneLine(h))
		}
	}
	return b.Bytes()
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// readOrigin adds to the keys what the folder says of the model's origin.
func (f *Folder) readOrigin(dir string) error {
	text, err := f.read(dir, originFile)
	if err != nil {
		return err
	}
	if text == nil { // a folder that another program wrote
		text, err := readText(dir, cardFile)
		if license := cardLicense(string(text)); license != "" {
			f.keys[licenseKey] = license
		}
		return err
	}
	origin, err := parseOrigin(text)
	if err != nil {
		return fmt.Errorf("%s: %w", originFile, err)
	}
	maps.Copy(f.keys, origin)
	return nil
}

// parseOrigin reads limbeck.json.
func parseOrigin(text []byte) (map[string]any, error) {
	out, said := map[string]any{}, map[string]json.RawMessage{}
	if err := fields.Read(text, &said); err != nil {
		return nil, err
	}
	for _, key := range slices.Sorted(maps.Keys(said)) {
		var s string
		var list []string
		var n uint32
		switch raw := said[key]; {
		case !isOrigin(key):
			return nil, fmt.Errorf("key %q does not tell of a model's origin: want general.… or limbeck.…", key)
		case string(raw) == "null":
			return nil, fmt.Errorf("key %q is null", key)
		case json.Unmarshal(raw, &s) == nil:
			out[key] = s
		case json.Unmarshal(raw, &list) == nil:
			out[key] = list
		case json.Unmarshal(raw, &n) == nil:
			out[key] = n
		default:
			return nil, fmt.Errorf("key %q: want text, a list of texts, or a number from 0 to %d", key, uint32(math.MaxUint32))
		}
	}
	return out, nil
}

// cardLicense returns the license at the top of a model card, where there is one
// word for it; else "".
func cardLicense(text string) string {
	head, ok := strings.CutPrefix(strings.ReplaceAll(text, "\r\n", "\n"), "---\n")
	if !ok {
		return ""
	}
	head, _, ok = strings.Cut(head, "\n---")
	if !ok {
		return ""
	}
	for line := range strings.Lines(head) {
		value, ok := strings.CutPrefix(line, "license:")
		value = strings.Trim(strings.TrimSpace(value), `"'`)
		if ok && value != "" && !strings.ContainsAny(value, `[]{}"\`) {
			return value
		}
	}
	return ""
}

package run

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// canonical encodes v as JSON with sorted keys, without insignificant space:
// equal values, equal bytes.
func canonical(v any) (json.RawMessage, error) {
	var b bytes.Buffer
	if err := encode(&b, v); err != nil {
		return nil, err
	}
	var tree any
	d := json.NewDecoder(&b)
	d.UseNumber()
	if err := d.Decode(&tree); err != nil {
		return nil, err
	}
	b.Reset()
	if err := encode(&b, tree); err != nil {
		return nil, err
	}
	return bytes.TrimSpace(b.Bytes()), nil
}

func encode(b *bytes.Buffer, v any) error {
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// keyInput is an input as a key sees it.
type keyInput struct {
	Name   string `json:"name"`
	Digest string `json:"digest"` // SHA-256 of the bytes, or KEY/PATH of a step's output
}

// key returns the step's key. A portable step leaves the machine out.
func key(s *Step, settings json.RawMessage, inputs []keyInput, machine string) (string, error) {
	if s.Portable {
		machine = ""
	}
	text, err := canonical(struct {
		Kind     string          `json:"kind"`
		Version  int             `json:"version"`
		Settings json.RawMessage `json:"settings"`
		Inputs   []keyInput      `json:"inputs"`
		Machine  string          `json:"machine"`
	}{s.Kind, s.Version, settings, inputs, machine})
	if err != nil {
		return "", fmt.Errorf("run: step %s: settings: %w", s.Name, err)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), nil
}

// keyDigits of a key name a folder; the manifest holds it whole.
const keyDigits = 12

func folderName(kind, key string) string { return kind + "-" + key[:keyDigits] }

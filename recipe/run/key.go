package run

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
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

// Same tells whether two inputs are the same thing, whatever their steps call it:
// the same part of what steps of one key make, or the same bytes or path.
func (in Input) Same(other Input) bool {
	if in.Of == nil || other.Of == nil {
		return in.Of == other.Of && in.Path == other.Path && in.Digest == other.Digest
	}
	return in.Path == other.Path && sameKey(in.Of, other.Of)
}

// sameKey tells whether two steps have one key: the variants of a recipe have steps
// of their own for what they share. It reads no files, and takes those of other
// paths for others.
func sameKey(a, b *Step) bool {
	if a == b {
		return true
	}
	x, errX := canonical(a.Settings)
	y, errY := canonical(b.Settings)
	return errX == nil && errY == nil && bytes.Equal(x, y) &&
		a.Kind == b.Kind && a.Version == b.Version && a.Portable == b.Portable &&
		slices.EqualFunc(a.Inputs, b.Inputs, func(p, q Input) bool { return p.Name == q.Name && p.Same(q) })
}

// keyDigits of a key name a folder; the manifest holds it whole.
const keyDigits = 12

func folderName(kind, key string) string { return kind + "-" + key[:keyDigits] }

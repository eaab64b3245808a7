package gguf

import (
	"fmt"
	"maps"
	"math"
	"slices"
)

// Meta holds key-values in order. A value is uint8, int8, uint16, int16,
// uint32, int32, uint64, int64, float32, float64, bool, string, or a slice of
// one of these. The zero Meta is empty and ready to use.
//
// A getter returns its default, or nothing, if the key is absent or its value is
// of another kind. One whose name ends in Err tells these apart from a value: it
// is for keys that a model cannot do without.
type Meta struct {
	keys   []string
	values map[string]any
}

func (m Meta) clone() Meta {
	return Meta{slices.Clone(m.keys), maps.Clone(m.values)}
}

// Get returns the value of key.
func (m Meta) Get(key string) (v any, ok bool) {
	v, ok = m.values[key]
	return v, ok
}

// Set gives key a value, in its old place or at the end. Write refuses a value
// that is not of the types listed at [Meta].
func (m *Meta) Set(key string, v any) {
	if m.values == nil {
		m.values = map[string]any{}
	}
	if _, ok := m.values[key]; !ok {
		m.keys = append(m.keys, key)
	}
	m.values[key] = v
}

// Delete removes key if it is there.
func (m *Meta) Delete(key string) {
	if _, ok := m.values[key]; ok {
		delete(m.values, key)
		i := slices.Index(m.keys, key)
		m.keys = slices.Delete(slices.Clone(m.keys), i, i+1) // copies of m share the array
	}
}

// Without returns the metadata but for the keys that drop says.
func (m Meta) Without(drop func(key string) bool) (out Meta) {
	for _, k := range m.keys {
		if !drop(k) {
			out.Set(k, m.values[k])
		}
	}
	return out
}

// Keys returns the keys in order. The caller may change the slice.
func (m Meta) Keys() []string { return slices.Clone(m.keys) }

// String returns a string.
func (m Meta) String(key, def string) string {
	if v, ok := m.values[key].(string); ok {
		return v
	}
	return def
}

// Strings returns an array of strings, or nil. It is not a copy.
func (m Meta) Strings(key string) []string {
	v, _ := m.values[key].([]string)
	return v
}

// StringErr is String with an error for an absent key or another type.
func (m Meta) StringErr(key string) (string, error) {
	v, err := m.value(key)
	if err != nil {
		return "", err
	}
	if text, ok := v.(string); ok {
		return text, nil
	}
	return "", mismatch(key, v, "a string")
}

// IntErr returns an integer of any width, or an error for an absent key, another
// type, or one that does not fit an int.
func (m Meta) IntErr(key string) (int, error) {
	v, err := m.value(key)
	if err != nil {
		return 0, err
	}
	if n, ok := toInt(v); ok {
		return n, nil
	}
	return 0, mismatch(key, v, "an integer")
}

// FloatErr returns a float or an integer, or an error for an absent key or another
// type.
func (m Meta) FloatErr(key string) (float64, error) {
	v, err := m.value(key)
	if err != nil {
		return 0, err
	}
	if x, ok := toFloat(v); ok {
		return x, nil
	}
	return 0, mismatch(key, v, "a number")
}

func (m Meta) value(key string) (any, error) {
	v, ok := m.values[key]
	if !ok {
		return nil, fmt.Errorf("gguf: key %q is missing", key)
	}
	return v, nil
}

func mismatch(key string, v any, want string) error {
	switch v.(type) {
	case uint8, int8, uint16, int16, uint32, int32, uint64, int64, float32, float64, bool:
		return fmt.Errorf("gguf: key %q is %v (%T), want %s", key, v, v, want)
	}
	return fmt.Errorf("gguf: key %q is of type %T, want %s", key, v, want)
}

func toInt(v any) (int, bool) {
	switch v := v.(type) {
	case uint8:
		return int(v), true
	case int8:
		return int(v), true
	case uint16:
		return int(v), true
	case int16:
		return int(v), true
	case uint32:
		return int(v), uint64(v) <= math.MaxInt
	case int32:
		return int(v), true
	case uint64:
		return int(v), v <= math.MaxInt
	case int64:
		return int(v), int64(int(v)) == v
	}
	return 0, false
}

func toFloat(v any) (float64, bool) {
	switch v := v.(type) {
	case float32:
		return float64(v), true
	case float64:
		return v, true
	case uint64:
		return float64(v), true
	}
	n, ok := toInt(v)
	return float64(n), ok
}

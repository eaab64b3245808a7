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
// A getter named after a type returns its default if the key is absent or its
// value is of another kind. Its Err twin tells these apart from a value: it is
// for keys that a model cannot do without.
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

// Keys returns the keys in order. The caller may change the slice.
func (m Meta) Keys() []string { return slices.Clone(m.keys) }

// String returns a string.
func (m Meta) String(key, def string) string { return or(m.StringErr, key, def) }

// Int returns an integer of any width that fits an int.
func (m Meta) Int(key string, def int) int { return or(m.IntErr, key, def) }

// Float returns a float or an integer.
func (m Meta) Float(key string, def float64) float64 { return or(m.FloatErr, key, def) }

// Bool returns a boolean.
func (m Meta) Bool(key string, def bool) bool { return or(m.BoolErr, key, def) }

// Strings returns an array of strings, or nil. It is not a copy.
func (m Meta) Strings(key string) []string { return or(m.StringsErr, key, nil) }

// Floats returns an array of floats or integers, or nil.
func (m Meta) Floats(key string) []float64 { return or(m.FloatsErr, key, nil) }

func or[T any](get func(string) (T, error), key string, def T) T {
	if v, err := get(key); err == nil {
		return v
	}
	return def
}

// StringErr is String with an error for an absent key or another type.
func (m Meta) StringErr(key string) (string, error) { return get[string](m, key, "a string") }

// BoolErr is Bool with an error for an absent key or another type.
func (m Meta) BoolErr(key string) (bool, error) { return get[bool](m, key, "a boolean") }

// StringsErr is Strings with an error for an absent key or another type.
func (m Meta) StringsErr(key string) ([]string, error) {
	return get[[]string](m, key, "an array of strings")
}

// IntErr is Int with an error for an absent key, another type, or an overflow.
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

// FloatErr is Float with an error for an absent key or another type.
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

// IntsErr is Ints with an error for an absent key, another type, or an overflow.
func (m Meta) IntsErr(key string) ([]int, error) {
	v, err := m.value(key)
	if err != nil {
		return nil, err
	}
	if a, ok := convert(v, toInt); ok {
		return a, nil
	}
	return nil, mismatch(key, v, "an array of integers")
}

// FloatsErr is Floats with an error for an absent key or another type.
func (m Meta) FloatsErr(key string) ([]float64, error) {
	v, err := m.value(key)
	if err != nil {
		return nil, err
	}
	if a, ok := convert(v, toFloat); ok {
		return a, nil
	}
	return nil, mismatch(key, v, "an array of numbers")
}

func (m Meta) value(key string) (any, error) {
	v, ok := m.values[key]
	if !ok {
		return nil, fmt.Errorf("gguf: key %q is missing", key)
	}
	return v, nil
}

func get[T any](m Meta, key, kind string) (T, error) {
	v, err := m.value(key)
	x, ok := v.(T)
	if err == nil && !ok {
		err = mismatch(key, v, kind)
	}
	return x, err
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

// convert applies f to the elements of v, an array of numbers.
func convert[T any](v any, f func(any) (T, bool)) ([]T, bool) {
	switch v := v.(type) {
	case []uint8:
		return convertAll(v, f)
	case []int8:
		return convertAll(v, f)
	case []uint16:
		return convertAll(v, f)
	case []int16:
		return convertAll(v, f)
	case []uint32:
		return convertAll(v, f)
	case []int32:
		return convertAll(v, f)
	case []uint64:
		return convertAll(v, f)
	case []int64:
		return convertAll(v, f)
	case []float32:
		return convertAll(v, f)
	case []float64:
		return convertAll(v, f)
	}
	return nil, false
}

func convertAll[E, T any](v []E, f func(any) (T, bool)) ([]T, bool) {
	out := make([]T, len(v))
	for i, e := range v {
		x, ok := f(e)
		if !ok {
			return nil, false
		}
		out[i] = x
	}
	return out, true
}

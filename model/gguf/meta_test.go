package gguf

import (
	"math"
	"slices"
	"strings"
	"testing"
)

func TestMetaOrder(t *testing.T) {
	var m Meta
	for _, k := range []string{"b", "a", "c"} {
		m.Set(k, k)
	}
	c := m.clone()
	m.Set("a", "again")
	m.Delete("b")
	m.Delete("absent")
	m.Set("b", "last")
	if want := []string{"a", "c", "b"}; !slices.Equal(m.Keys(), want) {
		t.Errorf("keys %q, want %q", m.Keys(), want)
	}
	if m.String("a", "") != "again" || m.String("b", "") != "last" {
		t.Error("Set did not replace")
	}
	if want := []string{"b", "a", "c"}; !slices.Equal(c.Keys(), want) || c.String("a", "") != "a" {
		t.Errorf("a copy followed its original: %q", c.Keys())
	}
}

func TestMetaWithout(t *testing.T) {
	var m Meta
	for _, k := range []string{"b", "a", "c"} {
		m.Set(k, k)
	}
	out := m.Without(func(k string) bool { return k == "a" })
	if want := []string{"b", "c"}; !slices.Equal(out.Keys(), want) || out.String("b", "") != "b" {
		t.Errorf("keys %q, want %q with their values", out.Keys(), want)
	}
	if want := []string{"b", "a", "c"}; !slices.Equal(m.Keys(), want) {
		t.Errorf("the original has keys %q, want %q", m.Keys(), want)
	}
}

func TestMetaNumbers(t *testing.T) {
	var m Meta
	for _, tc := range []struct {
		v     any
		i     int
		iok   bool
		f     float64
		fails bool
	}{
		{uint8(3), 3, true, 3, false},
		{int64(-3), -3, true, -3, false},
		{uint32(math.MaxUint32), math.MaxUint32, true, math.MaxUint32, false},
		{uint64(math.MaxUint64), 0, false, math.MaxUint64, false},
		{float32(0.5), 0, false, 0.5, false},
		{"3", 0, false, 0, true},
		{[]int32{3}, 0, false, 0, true},
		{true, 0, false, 0, true},
	} {
		m.Set("k", tc.v)
		if i, err := m.IntErr("k"); (err == nil) != tc.iok || tc.iok && i != tc.i {
			t.Errorf("%#v as an int: %d, %v", tc.v, i, err)
		}
		if f, err := m.FloatErr("k"); (err != nil) != tc.fails || err == nil && f != tc.f {
			t.Errorf("%#v as a float: %v, %v", tc.v, f, err)
		}
	}
}

func TestMetaErrorsNameKeyAndType(t *testing.T) {
	m := Meta{}
	m.Set("here", []bool{true})
	for getter, get := range map[string]func(key string) error{
		"StringErr": func(key string) error { _, err := m.StringErr(key); return err },
		"IntErr":    func(key string) error { _, err := m.IntErr(key); return err },
		"FloatErr":  func(key string) error { _, err := m.FloatErr(key); return err },
	} {
		for key, want := range map[string]string{"here": "[]bool", "absent": "missing"} {
			if err := get(key); err == nil || !strings.Contains(err.Error(), key) || !strings.Contains(err.Error(), want) {
				t.Errorf("%s(%q): %v", getter, key, err)
			}
		}
	}
}

// Values of another kind are as absent ones.
func TestMetaDefaults(t *testing.T) {
	var m Meta
	m.Set("text", "a")
	m.Set("texts", []string{"a", "b"})
	for key, want := range map[string]string{"text": "a", "texts": "def", "absent": "def"} {
		if got := m.String(key, "def"); got != want {
			t.Errorf("String(%q) = %q, want %q", key, got, want)
		}
	}
	for key, want := range map[string][]string{"text": nil, "texts": {"a", "b"}, "absent": nil} {
		if got := m.Strings(key); !slices.Equal(got, want) {
			t.Errorf("Strings(%q) = %q, want %q", key, got, want)
		}
	}
}

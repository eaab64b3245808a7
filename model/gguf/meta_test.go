package gguf

import (
	"math"
	"reflect"
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
		if want := map[bool]int{true: tc.i, false: -9}[tc.iok]; m.Int("k", -9) != want {
			t.Errorf("%#v as an int with default: %d, want %d", tc.v, m.Int("k", -9), want)
		}
	}
}

func TestMetaArrays(t *testing.T) {
	var m Meta
	for _, v := range []any{[]uint8{1, 2}, []int8{1, 2}, []uint16{1, 2}, []int16{1, 2}, []uint32{1, 2},
		[]int32{1, 2}, []uint64{1, 2}, []int64{1, 2}} {
		m.Set("k", v)
		if ints, err := m.IntsErr("k"); err != nil || !slices.Equal(ints, []int{1, 2}) || !slices.Equal(m.Floats("k"), []float64{1, 2}) {
			t.Errorf("%T: %v, %v; %v", v, ints, err, m.Floats("k"))
		}
	}
	for _, v := range []any{[]float32{0.5}, []float64{0.5}} {
		m.Set("k", v)
		if ints, err := m.IntsErr("k"); err == nil || !slices.Equal(m.Floats("k"), []float64{0.5}) {
			t.Errorf("%T: %v, %v", v, ints, m.Floats("k"))
		}
	}
}

func TestMetaErrorsNameKeyAndType(t *testing.T) {
	m := Meta{}
	m.Set("here", []bool{true})
	v := reflect.ValueOf(m)
	for _, getter := range []string{"StringErr", "IntErr", "FloatErr", "BoolErr", "StringsErr", "IntsErr", "FloatsErr"} {
		for key, want := range map[string]string{"here": "[]bool", "absent": "missing"} {
			err, _ := v.MethodByName(getter).Call([]reflect.Value{reflect.ValueOf(key)})[1].Interface().(error)
			if err == nil || !strings.Contains(err.Error(), key) || !strings.Contains(err.Error(), want) {
				t.Errorf("%s(%q): %v", getter, key, err)
			}
		}
	}
}

package nn

import (
	"fmt"
	"reflect"
	"strings"

	"limbeck/nn/op"
	"limbeck/tensor"
)

// A Source gives stored tensors by their canonical names, those of GGUF.
type Source interface {
	// Tensor returns nil if there is none of that name. The shape is what the
	// model wants, for a source that makes tensors up.
	Tensor(name string, rows, cols int) *tensor.Tensor
}

var weightType = reflect.TypeFor[*op.Weight]()

// eachWeight calls f for every weight of the model that m points to, in the order of
// its fields: the names in `name` tags, joined by dots, lead to it; elements of
// a slice are numbered. Fields without a tag, and nil pointers, are passed over.
func eachWeight(m any, f func(name string, w **op.Weight) error) error {
	return walk(reflect.ValueOf(m).Elem(), "", f)
}

func walk(v reflect.Value, path string, f func(string, **op.Weight) error) error {
	switch {
	case v.Type() == weightType:
		return f(path, v.Addr().Interface().(**op.Weight))
	case v.Kind() == reflect.Pointer:
		if !v.IsNil() {
			return walk(v.Elem(), path, f)
		}
	case v.Kind() == reflect.Slice:
		for i := range v.Len() {
			if err := walk(v.Index(i), fmt.Sprintf("%s.%d", path, i), f); err != nil {
				return err
			}
		}
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			tag, ok := v.Type().Field(i).Tag.Lookup("name")
			if !ok {
				continue
			}
			if err := walk(v.Field(i), strings.Trim(path+"."+tag, "."), f); err != nil {
				return err
			}
		}
	}
	return nil
}

// Bind gives every weight of the model that m points to its elements from src,
// checking shapes. A tensor that src lacks is an error.
func Bind(m any, src Source) error {
	return eachWeight(m, func(name string, w **op.Weight) error {
		t := src.Tensor(name, (*w).Rows, (*w).Cols)
		if t == nil {
			return fmt.Errorf("tensor %q is missing", name)
		}
		return (*w).Set(t)
	})
}

// Weights returns the weights of the model that m points to, each once, in the order
// of its fields.
func Weights(m any) []*op.Weight {
	var all []*op.Weight
	seen := map[*op.Weight]bool{}
	// The callback never fails, and so neither does eachWeight.
	_ = eachWeight(m, func(_ string, w **op.Weight) error {
		if !seen[*w] {
			seen[*w] = true
			all = append(all, *w)
		}
		return nil
	})
	return all
}

var linearType = reflect.TypeFor[Linear]()

// Linears returns the projections inside the blocks of the model that m points
// to, in the order of its fields. An output projection is no part of a block.
func Linears(m any) []*Linear {
	var all []*Linear
	linears(reflect.ValueOf(m).Elem(), false, &all)
	return all
}

func linears(v reflect.Value, inBlock bool, all *[]*Linear) {
	switch {
	case v.Type() == linearType:
		if inBlock {
			*all = append(*all, v.Addr().Interface().(*Linear))
		}
	case v.Kind() == reflect.Slice:
		for i := range v.Len() {
			linears(v.Index(i), true, all)
		}
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			if _, ok := v.Type().Field(i).Tag.Lookup("name"); ok {
				linears(v.Field(i), inBlock, all)
			}
		}
	}
}

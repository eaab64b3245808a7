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

// A place is where in a model a field stands.
type place struct {
	name    string // `name` tags, joined by dots; elements of a slice are numbered
	inBlock bool   // in a slice: models keep their blocks in one, and nothing else
}

// each calls f for every T of the model that m points to, in the order of its fields.
// Fields without a `name` tag, and nil pointers, are passed over.
func each[T any](m any, f func(x *T, at place) error) error {
	return walk(reflect.ValueOf(m).Elem(), place{}, f)
}

func walk[T any](v reflect.Value, at place, f func(*T, place) error) error {
	if v.Type() == reflect.TypeFor[T]() {
		return f(v.Addr().Interface().(*T), at)
	}
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			return walk(v.Elem(), at, f)
		}
	case reflect.Slice:
		for i := range v.Len() {
			if err := walk(v.Index(i), place{fmt.Sprintf("%s.%d", at.name, i), true}, f); err != nil {
				return err
			}
		}
	case reflect.Struct:
		for i := range v.NumField() {
			tag, ok := v.Type().Field(i).Tag.Lookup("name")
			if !ok {
				continue
			}
			if err := walk(v.Field(i), place{strings.Trim(at.name+"."+tag, "."), at.inBlock}, f); err != nil {
				return err
			}
		}
	}
	return nil
}

// Bind gives every weight of the model that m points to its elements from src,
// checking shapes. A tensor that src lacks is an error.
func Bind(m any, src Source) error {
	return each(m, func(w *op.Weight, at place) error {
		t := src.Tensor(at.name, w.Rows, w.Cols)
		if t == nil {
			return fmt.Errorf("tensor %q is missing", at.name)
		}
		return w.Set(t)
	})
}

// Weights returns the weights of the model that m points to, each once, in the order
// of its fields.
func Weights(m any) []*op.Weight {
	var all []*op.Weight
	seen := map[*op.Weight]bool{}
	// The callback never fails, and so neither does each.
	_ = each(m, func(w *op.Weight, _ place) error {
		if !seen[w] {
			seen[w] = true
			all = append(all, w)
		}
		return nil
	})
	return all
}

// Linears returns the projections inside the blocks of the model that m points
// to, in the order of its fields. An output projection is no part of a block.
func Linears(m any) []*Linear {
	var all []*Linear
	_ = each(m, func(l *Linear, at place) error { // which never fails
		if at.inBlock {
			all = append(all, l)
		}
		return nil
	})
	return all
}

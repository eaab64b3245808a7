package safetensors

import (
	"fmt"
	"math"
	"strconv"
)

// GGUF's names of the embedding and of the matrix that a tied model lacks.
const (
	embeddingName = "token_embd.weight"
	outputName    = "output.weight"
)

// keyInt returns a key's integer, of any width.
func keyInt(keys map[string]any, key string) (int, error) {
	var n int64
	switch v := keys[key].(type) {
	case nil:
		return 0, fmt.Errorf("key %q is missing", key)
	case int:
		n = int64(v)
	case uint32:
		n = int64(v)
	case int32:
		n = int64(v)
	case uint64:
		n = int64(min(v, math.MaxInt64))
	case int64:
		n = v
	case uint16:
		n = int64(v)
	case uint8:
		n = int64(v)
	default:
		return 0, fmt.Errorf("key %q is of type %T, want an integer", key, v)
	}
	if n < 0 || n > math.MaxInt32 {
		return 0, fmt.Errorf("key %q is %d, want 0 to %d", key, n, math.MaxInt32)
	}
	return int(n), nil
}

// keyFloat returns a key's number. A float32 becomes the float64 that prints
// alike, so that 1e-5 stays 1e-5 in JSON.
func keyFloat(keys map[string]any, key string) (float64, error) {
	switch v := keys[key].(type) {
	case nil:
		return 0, fmt.Errorf("key %q is missing", key)
	case float64:
		return v, nil
	case float32:
		return strconv.ParseFloat(strconv.FormatFloat(float64(v), 'g', -1, 32), 64)
	}
	n, err := keyInt(keys, key)
	return float64(n), err
}

package safetensors

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

const hfLayer = "model.layers."

// splitLayer splits "blk.3.attn_q.weight" into 3 and the rest, for the prefix
// "blk.". The number must be written the one canonical way.
func splitLayer(name, prefix string) (layer int, inner string, ok bool) {
	rest, ok := strings.CutPrefix(name, prefix)
	if !ok {
		return 0, "", false
	}
	number, inner, ok := strings.Cut(rest, ".")
	layer, err := strconv.Atoi(number)
	return layer, inner, ok && err == nil && layer >= 0 && strconv.Itoa(layer) == number
}

// toGGUF translates a tensor's name.
func (a *architecture) toGGUF(name string) (string, error) {
	for g, h := range a.outer {
		if h == name {
			return g, nil
		}
	}
	if layer, inner, ok := splitLayer(name, hfLayer); ok {
		for g, h := range a.inner {
			if h == inner {
				return fmt.Sprintf("blk.%d.%s", layer, g), nil
			}
		}
	}
	return "", fmt.Errorf("tensor %q is none of %s", name, a.class)
}

// fromGGUF translates back.
func (a *architecture) fromGGUF(name string) (string, error) {
	if h, ok := a.outer[name]; ok {
		return h, nil
	}
	if layer, inner, ok := splitLayer(name, "blk."); ok && a.inner[inner] != "" {
		return fmt.Sprintf("%s%d.%s", hfLayer, layer, a.inner[inner]), nil
	}
	return "", fmt.Errorf("tensor %q is none of architecture %q", name, a.name)
}

// skipped reports whether a tensor is a table that old files store although it
// follows from config.json.
func skipped(name string) bool { return strings.HasSuffix(name, ".rotary_emb.inv_freq") }

// inOrder compares GGUF names as files are usually ordered: the embedding, the
// layers by number, the rest.
func inOrder(a, b string) int {
	key := func(name string) []int {
		if layer, _, ok := splitLayer(name, "blk."); ok {
			return []int{1, layer}
		}
		if strings.HasPrefix(name, "token_embd.") {
			return []int{0}
		}
		return []int{2}
	}
	if c := slices.Compare(key(a), key(b)); c != 0 {
		return c
	}
	return strings.Compare(a, b)
}

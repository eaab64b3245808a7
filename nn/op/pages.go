package op

import "limbeck/internal/pages"

// LargeFloats returns n floats, all 0, in large pages where the system has them and
// nothing has touched the memory before.
func LargeFloats(n int) []float32 {
	v := make([]float32, n)
	pages.Large(v)
	return v
}

package op

import (
	"math"
	"testing"

	"limbeck/internal/testkit/allocs"
)

// Angles are those of the definition, whatever the steps in which positions come, within
// the context and beyond it, and of a context that no system has addresses for.
func TestAngles(t *testing.T) {
	const dims, base = 6, 100
	for _, context := range []int{0, 1, 300, 3 * partAngles, math.MaxInt} {
		r := NewRotation(dims, base, context)
		for _, n := range []int{1, 2, partAngles, partAngles + 1, 4*partAngles - 1} {
			r.grow(n)
		}
		for pos := range 4*partAngles - 1 {
			cos, sin := r.angles(pos)
			for i := range dims / 2 {
				angle := float32(pos) * float32(math.Pow(base, -float64(2*i)/dims))
				wantSin, wantCos := math.Sincos(float64(angle))
				if math.Abs(float64(cos[i])-wantCos) > 1e-4 || math.Abs(float64(sin[i])-wantSin) > 1e-4 {
					t.Fatalf("context %d: position %d, pair %d: %v, %v; want %v, %v", context, pos, i, cos[i], sin[i], wantCos, wantSin)
				}
			}
		}
	}
}

// Positions within the context take nothing of Go's heap, after the first.
func TestAnglesDoNotAllocate(t *testing.T) {
	const positions = 5 * partAngles
	if n := allocs.OfEach(positions-1, func() func() {
		r := NewRotation(64, 1e4, 2*positions) // half of them warm up
		r.grow(1)
		return func() { r.grow(r.n + 1) }
	}); n != 0 {
		t.Errorf("%v allocations in %d positions", n, positions)
	}
}

package machine

import (
	"runtime"
	"testing"
)

// What decides bits is named, and no more: steps of another class are made again.
func TestClass(t *testing.T) {
	for _, c := range []struct {
		tier string
		fma  bool
		want string
	}{{"generic", false, "/generic"}, {"generic", true, "/generic+fma"}, {"avx2", true, "/avx2"}, {"avx512", true, "/avx512"}} {
		if got, want := classOf(c.tier, c.fma), runtime.GOARCH+fused+c.want; got != want {
			t.Errorf("tier %s, FMA %v: class %s, want %s", c.tier, c.fma, got, want)
		}
	}
}

package pages

import (
	"testing"
	"unsafe"
)

// What Make returns has the length that was asked for, is zero, and begins, where it is
// as long, at a page of 2 MB or with the element after its start.
func TestMake(t *testing.T) {
	for _, n := range []int{0, 1, 1000, large / 12, large/12 + 1, large} {
		v := Make[[3]int32](n)
		if len(v) != n || cap(v) != n {
			t.Errorf("%d elements: %d, of %d", n, len(v), cap(v))
		}
		for i, e := range v {
			if e != [3]int32{} {
				t.Fatalf("%d elements: element %d is %v", n, i, e)
			}
			v[i] = [3]int32{1, 2, 3}
		}
		if n*12 >= large {
			if at := uintptr(unsafe.Pointer(&v[0])) % large; at >= 12 {
				t.Errorf("%d elements begin %d bytes after a page", n, at)
			}
		}
	}
}

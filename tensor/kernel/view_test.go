package kernel

import "testing"

// Views share their memory, of what fills floats; those of nothing are nil.
func TestViews(t *testing.T) {
	v := []float32{1, 2, 3}
	b := FloatBytes(v)
	again := FloatsIn(b[:len(b)-1])
	if len(b) != 12 || len(again) != 2 {
		t.Fatalf("3 floats are %d bytes; without the last byte, %d floats", len(b), len(again))
	}
	b[4+3] ^= 0x80 // the sign
	if again[0] = 7; v[0] != 7 || again[1] != -2 || v[1] != -2 {
		t.Errorf("a view is a copy: %v, %v", v, again)
	}
	if FloatBytes(nil) != nil || FloatsIn(nil) != nil {
		t.Error("a view of nothing is not nil")
	}
}

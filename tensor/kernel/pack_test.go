package kernel

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// TestPackIsGeneric holds what each tier packs against what the generic one does:
// whole groups and ragged ones, rows of one block and of many, and nothing beyond.
func TestPackIsGeneric(t *testing.T) { fastTiers(t, testPackIsGeneric) }

func testPackIsGeneric(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 1))
	guard := bytes.Repeat([]byte{0xa5}, 128)
	for _, f := range packedFormats {
		for _, blocks := range []int{1, 2, 3, 8, 11} {
			for _, rows := range []int{1, 4, 15, 16, 17, 31, 32, 50} {
				cols := blocks * max(f.len, BlockLen)
				m := f.random(r, rows, cols)
				var want []byte
				inTier(tierGeneric, func() { want = pack(f.layout, m, rows, cols) })
				mem := bytes.Repeat(guard[:1], len(guard)+len(want)+len(guard))
				got := mem[len(guard):][:len(want)]
				f.layout.Pack(got, m, rows, cols, 0, groups(rows))
				for i := range want {
					if got[i] != want[i] {
						t.Fatalf("%s, %d rows of %d blocks: byte %d is %#x, want %#x", f.layout.Name, rows, blocks, i, got[i], want[i])
					}
				}
				if !bytes.HasPrefix(mem, guard) || !bytes.HasSuffix(mem, guard) {
					t.Errorf("%s, %d rows of %d blocks: Pack wrote beyond its matrix", f.layout.Name, rows, blocks)
				}
			}
		}
	}
}

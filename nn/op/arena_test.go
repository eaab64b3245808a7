package op

import "testing"

// Pieces of which each is larger than all before it, a pass each, do not leave
// the chunks of the smaller ones behind.
func TestArenaKeepsNoSmallChunks(t *testing.T) {
	var a arena
	large := 0
	for n := chunkFloats + 1; n < 3*chunkFloats; n += chunkFloats / 10 {
		a.reset()
		small := a.floats(100)
		for i := range small {
			small[i] = 1
		}
		large = n
		a.floats(large)[0] = 2
		last := a.floats(100)
		last[0] = 3
		if small[0] != 1 || small[99] != 1 {
			t.Fatal("a piece was overwritten by a later one")
		}
	}
	held := 0
	for _, c := range a.chunks {
		held += len(c)
	}
	if most := large + 3*chunkFloats; held > most {
		t.Errorf("%d floats are held for pieces of at most %d in use at once", held, most)
	}
}

package op

import "testing"

// Pieces of which each is larger than all before it, a pass each, do not leave
// the chunks of the smaller ones behind.
func TestArenaKeepsNoSmallChunks(t *testing.T) {
	var a arena
	large := 0
	for n := chunkFloats + 1; n < 3*chunkFloats; n += chunkFloats / 10 {
		a.reset()
		small := a.take(100)
		for i := range small {
			small[i] = 1
		}
		large = n
		a.take(large)[0] = 2
		last := a.take(100)
		last[0] = 3
		if small[0] != 1 || small[99] != 1 {
			t.Fatal("a piece was overwritten by a later one")
		}
	}
	held, most := a.floats(), large+3*chunkFloats
	if held > most {
		t.Errorf("%d floats are held for pieces of at most %d in use at once", held, most)
	}
}

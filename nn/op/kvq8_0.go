package op

import (
	"encoding/binary"

	"limbeck/tensor/dtype"
	"limbeck/tensor/kernel"
)

func init() {
	registerKV(dtype.Q8_0, anyHeads(&blockKV{layout: dtype.Q8_0.Fast, values: kernel.Q8_0Strip, round: roundQ8_0, levels: 127}))
}

// roundQ8_0 encodes x as q8_0, rounding as activations are: unlike the format's
// encoder, which rounds halves away from 0, in vectors.
func roundQ8_0(dst []byte, x []float32) {
	var b [1]kernel.Q8Block
	for i := 0; i+kernel.BlockLen <= len(x); i += kernel.BlockLen {
		kernel.QuantizeRow(b[:], x[i:i+kernel.BlockLen])
		block := dst[i/kernel.BlockLen*dtype.Q8_0.Size:][:dtype.Q8_0.Size]
		binary.LittleEndian.PutUint16(block, kernel.FloatToHalf(b[0].D))
		for j, q := range b[0].Q {
			block[2+j] = byte(q)
		}
	}
}

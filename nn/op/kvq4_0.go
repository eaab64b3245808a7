package op

import (
	"limbeck/tensor/dtype"
	"limbeck/tensor/kernel"
)

func init() {
	registerKV(dtype.Q4_0, anyHeads(&blockKV{layout: dtype.Q4_0.Fast, values: kernel.Q4_0Strip, round: dtype.Q4_0.Encode, levels: 8}))
}

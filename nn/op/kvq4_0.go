package op

import (
	"limbeck/tensor/dtype"
	"limbeck/tensor/kernel"
)

func init() {
	registerKV(dtype.Q4_0, &blockKV{dtype.Q4_0.Fast, kernel.Q4_0Strip, dtype.Q4_0.Encode})
}

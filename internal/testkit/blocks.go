package testkit

import (
	"fmt"
	"math"
	"math/rand/v2"

	"limbeck/nn"
	"limbeck/nn/op"
	"limbeck/tensor"
	"limbeck/tensor/dtype"
)

// randomBlocks gives w elements of a format that has no encoder: blocks of random
// bits, with scales that give a block a mean near zero, where the format has
// minimums, and the deviation of new weights.
func randomBlocks(w *op.Weight, format *dtype.Type, r *rand.Rand) error {
	at := format.Scales()
	if len(at) == 0 && format != dtype.MXFP4 {
		return fmt.Errorf("no scales of %s are known", format)
	}
	t := tensor.New(w.Name, format, w.Rows, w.Cols)
	for i := range t.Data {
		t.Data[i] = byte(r.Uint32())
	}
	for n := 0; n < len(t.Data); n += format.Size {
		block := t.Data[n : n+format.Size]
		if format == dtype.MXFP4 {
			block[0] = 128 // 2⁰
			block[0] += byte(math.Round(math.Log2(nn.InitStd(w.Cols) / deviation(format, block))))
			continue
		}
		scales := make([]float64, len(at))
		scales[0] = float64(1 - 2*r.IntN(2)) // files have scales of both signs
		if len(at) > 1 {
			scales[1] = scales[0] * minimums(format, block, at)
		}
		setHalves(block, at, scales...)
		size := nn.InitStd(w.Cols) / deviation(format, block)
		for i := range scales {
			scales[i] *= size
		}
		setHalves(block, at, scales...)
	}
	return w.Set(t)
}

// minimums returns what the scale of a block's minimums has to be for a mean of
// zero where its scale is one.
func minimums(format *dtype.Type, block []byte, at []int) float64 {
	setHalves(block, at, 1, 0)
	above, _ := moments(format, block)
	setHalves(block, at, 0, 1)
	below, _ := moments(format, block)
	return -above / below
}

func setHalves(block []byte, at []int, v ...float64) {
	for i, x := range v {
		dtype.F16.Encode(block[at[i]:at[i]+2], []float32{float32(x)})
	}
}

// moments returns the mean of a block's elements and of their squares.
func moments(format *dtype.Type, block []byte) (mean, square float64) {
	x := make([]float32, format.Len)
	format.Decode(x, block)
	for _, v := range x {
		mean += float64(v) / float64(len(x))
		square += float64(v) * float64(v) / float64(len(x))
	}
	return mean, square
}

func deviation(format *dtype.Type, block []byte) float64 {
	_, square := moments(format, block)
	return math.Sqrt(square)
}

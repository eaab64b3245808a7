package distill

import (
	"fmt"
	"math"
	"slices"

	"limbeck/model/token"
	"limbeck/tensor/kernel"
)

// A Vocabulary maps the student's tokens to the teacher's: the student's token
// i is the teacher's token v[i]. A nil Vocabulary is the identity.
type Vocabulary []int

// Match finds the student's tokens in the teacher's vocabulary by their
// spelling; of several with one spelling the first, which is the one that texts are
// cut into. The student's tokens must be a subset; where they are not, the models'
// distributions cannot be compared token by token.
func Match(student, teacher token.Spec) (Vocabulary, error) {
	if slices.Equal(student.Tokens, teacher.Tokens) {
		return nil, nil
	}
	ids := make(map[string]int, len(teacher.Tokens))
	for id, s := range teacher.Tokens {
		if _, ok := ids[s]; !ok {
			ids[s] = id
		}
	}
	v := make(Vocabulary, len(student.Tokens))
	for i, s := range student.Tokens {
		id, ok := ids[s]
		if !ok {
			return nil, fmt.Errorf("the student's token %d (%q) is not in the teacher's vocabulary", i, s)
		}
		v[i] = id
	}
	return v, nil
}

// IDs returns the teacher's tokens for the student's.
func (v Vocabulary) IDs(dst, student []int) []int {
	if v == nil {
		return append(dst, student...)
	}
	for _, id := range student {
		dst = append(dst, v[id])
	}
	return dst
}

// project writes, for each of the student's tokens, the logarithm of the
// teacher's probability at temperature t, renormalized over the tokens that
// the student has, and returns the probability at temperature 1 of those that
// it lacks. block is memory: see blocks.
func (v Vocabulary) project(dst, logits []float32, t float64, block []float32) (dropped float64) {
	if v == nil {
		copy(dst, logits)
	} else {
		for i, id := range v {
			dst[i] = logits[id]
		}
		dropped = math.Max(0, -math.Expm1(float64(kernel.LogSumExp(dst))-float64(kernel.LogSumExp(logits))))
	}
	lse := logSumExp(dst, t, block)
	for i := range dst {
		dst[i] = float32(float64(dst[i])/t - lse)
	}
	return dropped
}

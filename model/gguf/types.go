package gguf

import (
	"fmt"
	"strings"

	"limbeck/tensor/dtype"
)

// foreign names the types of ggml that have no row in dtype, for errors.
var foreign = map[uint32]string{
	9: "q8_1", 15: "q8_k", 16: "iq2_xxs", 17: "iq2_xs", 18: "iq3_xxs", 19: "iq1_s", 21: "iq3_s", 22: "iq2_s",
	24: "i8", 25: "i16", 26: "i32", 27: "i64", 28: "f64", 29: "iq1_m", 34: "tq1_0", 35: "tq2_0",
}

// repacked names the types in which files of q4_0 were laid out for single processors.
// llama.cpp no longer reads them: it does so itself, as this program does.
var repacked = map[uint32]string{31: "q4_0_4_4", 32: "q4_0_4_8", 33: "q4_0_8_8"}

func unknownType(id uint32) error {
	if name := repacked[id]; name != "" {
		return fmt.Errorf("format %d (%s) is not known, which is q4_0 laid out for one processor: take the model's file in q4_0", id, name)
	}
	name := ""
	if s := foreign[id]; s != "" {
		name = " (" + s + ")"
	}
	var known []string
	for _, t := range dtype.All() {
		known = append(known, t.Name)
	}
	return fmt.Errorf("format %d%s is not known; known are: %s", id, name, strings.Join(known, ", "))
}

package main

import (
	"os"
	"regexp"
	"testing"
)

// TestStaysWithinAVX2 looks for what the register allocator falls back to when
// a kernel needs more than 16 registers: instructions that only AVX-512 has.
func TestStaysWithinAVX2(t *testing.T) {
	asm, err := os.ReadFile("../../x16_amd64.s")
	if err != nil {
		t.Fatal(err)
	}
	if bad := regexp.MustCompile(`AVX512\w*|\b[XY](1[6-9]|2\d|3[01])\b|\bZ\d`).Find(asm); bad != nil {
		t.Errorf("the AVX2 kernels use %s", bad)
	}
}

//go:build !purego

package kernel

func init() {
	q8_0x16.asm = assembly{
		avx2:   &tiles{1: q8_0x16n1, q8_0x16n2, q8_0x16n3, q8_0x16n4},
		avx512: &tiles{1: q8_0x16v1, q8_0x16v2, q8_0x16v3, q8_0x16v4, q8_0x16v5, q8_0x16v6, q8_0x16v7, q8_0x16v8},
		pairs:  &tiles{4: q8_0x32v4, q8_0x32v5},
		crowd:  q8_0x16AMX,
		panel:  q8_0x16panel,
	}
}

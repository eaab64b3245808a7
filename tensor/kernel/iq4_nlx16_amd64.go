//go:build !purego

package kernel

func init() {
	iq4_nlx16.asm = assembly{
		avx2:   &tiles{1: iq4_nlx16n1, iq4_nlx16n2, iq4_nlx16n3, iq4_nlx16n4},
		avx512: &tiles{1: iq4_nlx16v1, iq4_nlx16v2, iq4_nlx16v3, iq4_nlx16v4, iq4_nlx16v5, iq4_nlx16v6, iq4_nlx16v7, iq4_nlx16v8},
		pairs:  &tiles{4: iq4_nlx32v4, iq4_nlx32v5},
		crowd:  iq4_nlx16AMX,
		many:   iq4_nlx16many,
		panel:  iq4_nlx16panel,
	}
}

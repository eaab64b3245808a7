//go:build !purego

package kernel

func init() {
	iq4_xsx16.asm = assembly{
		avx2:   &tiles{1: iq4_xsx16n1, iq4_xsx16n2, iq4_xsx16n3, iq4_xsx16n4},
		avx512: &tiles{1: iq4_xsx16v1, iq4_xsx16v2, iq4_xsx16v3, iq4_xsx16v4, iq4_xsx16v5, iq4_xsx16v6, iq4_xsx16v7, iq4_xsx16v8},
		crowd:  iq4_xsx16AMX,
		panel:  iq4_xsx16panel,
		makes:  packScalesIQ4_XSAVX2,
	}
}

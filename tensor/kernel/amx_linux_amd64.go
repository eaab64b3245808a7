//go:build !purego

package kernel

import "golang.org/x/sys/unix"

// permitTiles asks Linux to let this process use the tiles of AMX, whose 8 KB a signal's
// stack has to have room for (Linux's documentation, arch/x86/xstate). Go's have 32.
func permitTiles() bool {
	const request, tileData = 0x1023, 18 // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILE_DATA
	_, _, failed := unix.RawSyscall(unix.SYS_ARCH_PRCTL, request, tileData, 0)
	return failed == 0
}

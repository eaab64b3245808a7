package pages

import (
	"unsafe"

	"golang.org/x/sys/windows"
)

func reserve(n int) []byte {
	addr, err := windows.VirtualAlloc(0, uintptr(n), windows.MEM_RESERVE, windows.PAGE_NOACCESS)
	if err != nil {
		return nil
	}
	// addr is no Go pointer, so the collector cannot move what it points to.
	return unsafe.Slice(*(**byte)(unsafe.Pointer(&addr)), n)
}

func commit(b []byte) bool {
	_, err := windows.VirtualAlloc(uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), windows.MEM_COMMIT, windows.PAGE_READWRITE)
	return err == nil
}

// release fails of no addresses that reserve got.
func release(mem []byte) {
	_ = windows.VirtualFree(uintptr(unsafe.Pointer(&mem[0])), 0, windows.MEM_RELEASE)
}

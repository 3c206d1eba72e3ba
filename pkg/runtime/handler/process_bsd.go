//go:build unix && !linux

package handler

import "syscall"

// dieWithParent does nothing: only Linux signals the death of a parent. The
// watchdog does it all here.
func dieWithParent(*syscall.SysProcAttr) {}

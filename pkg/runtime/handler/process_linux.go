package handler

import "syscall"

// dieWithParent has the program killed when its worker dies before the watchdog
// knows of it.
func dieWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGKILL }

// Package watchdog ends process groups when this process dies, however it dies.
//
// A worker that is killed by kill -9 cannot clean up, and its programs would
// run on beside the second try of their tasks. So the first [Guard] starts a
// watchdog: this same executable once more, under another name, which does
// nothing but read a pipe that only this process can write. Guard and [Release]
// tell it which groups live; the end of the pipe tells it that this process is
// gone, and it kills what is left with SIGKILL and exits. One watchdog serves
// all groups, costs nothing while they run, and is gone a moment after its
// process.
//
// Why not something simpler:
//
//   - The parent-death signal of Linux reaches the direct child alone, not what
//     it has forked, and no other system has it. (It is used too: it covers the
//     moment between the start of a program and its registration.)
//   - A supervisor around each program costs a process and its start for every
//     task.
//   - A shell as the watchdog is not there in an image without one.
//
// The watchdog's code runs in the init function of this package, because a
// library has no say in main. The package imports next to nothing, so it is
// initialised before almost everything else and a watchdog never reaches the
// program's own code. It ignores the signals of a terminal and of a service
// manager: it must outlive its process, and it does so by a moment only.
//
// It may import the standard library. Where to start reading: guard.go (this
// side), watch.go (the other).
package watchdog

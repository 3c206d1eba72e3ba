package handler

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// eachLine calls f with every line of r, without its line break, until r ends.
// Of a line longer than limit f gets the beginning, and cut is true: memory is
// bounded whatever a program prints. The slice is valid during the call only.
func eachLine(r io.Reader, limit int, f func(line []byte, cut bool)) {
	in := bufio.NewReaderSize(r, 4096)
	var line []byte
	cut, begun := false, false
	for {
		part, err := in.ReadSlice('\n')
		begun = begun || len(part) > 0
		ended := len(part) > 0 && part[len(part)-1] == '\n'
		part = bytes.TrimRight(part, "\r\n")
		room := limit - len(line)
		cut = cut || len(part) > room
		line = append(line, part[:min(len(part), room)]...)
		if ended || err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			if begun {
				f(line, cut)
			}
			line, cut, begun = line[:0], false, false
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return
		}
	}
}

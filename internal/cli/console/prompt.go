package console

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
)

// ErrNeedsYes says that a person has to confirm and none is there.
var ErrNeedsYes = errors.New("confirmation is needed and there is no terminal to ask on")

// ErrDeclined says that the person did not confirm.
var ErrDeclined = errors.New("cancelled; nothing was changed")

// ErrInterrupted says that the person pressed Ctrl-C instead of answering.
var ErrInterrupted = errors.New("interrupted; nothing was changed")

// Confirm asks a yes-or-no question; Enter is no.
//
//   - Errors: ErrNeedsYes without a terminal, ErrDeclined for anything but yes.
func (c *Console) Confirm(question string) error {
	answer, err := c.ask(question + " [y/N] ")
	if err != nil {
		return err
	}
	switch strings.ToLower(answer) {
	case "y", "yes":
		return nil
	}
	return ErrDeclined
}

// ConfirmTyping asks for a word to be typed, for what cannot be undone.
//
//   - Errors: ErrNeedsYes without a terminal, ErrDeclined for anything but word.
func (c *Console) ConfirmTyping(question, word string) error {
	answer, err := c.ask(fmt.Sprintf("%s\nType %s to go on: ", question, word))
	if err != nil {
		return err
	}
	if answer != word {
		return ErrDeclined
	}
	return nil
}

func (c *Console) ask(prompt string) (string, error) {
	if !c.InTTY || c.NoInput {
		return "", ErrNeedsYes
	}
	fmt.Fprint(c.Err, prompt)
	type answer struct {
		line string
		err  error
	}
	answers := make(chan answer, 1) // the read cannot be interrupted; it ends with the process
	go func() {
		line, err := bufio.NewReader(c.In).ReadString('\n')
		answers <- answer{line, err}
	}()
	select {
	case <-c.Interrupt:
		fmt.Fprintln(c.Err)
		return "", ErrInterrupted
	case a := <-answers:
		if a.err != nil && !errors.Is(a.err, io.EOF) {
			return "", a.err
		}
		return strings.TrimSpace(a.line), nil
	}
}

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
	line, err := bufio.NewReader(c.In).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	return strings.TrimSpace(line), nil
}

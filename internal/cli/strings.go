package cli

import (
	"slices"
	"strings"
)

func contains[T comparable](list []T, x T) bool { return slices.Contains(list, x) }

func join[T ~string](list []T) string {
	words := make([]string, len(list))
	for i, x := range list {
		words[i] = string(x)
	}
	return strings.Join(words, ", ")
}

func joinOr(list []string, none string) string {
	if len(list) == 0 {
		return none
	}
	return strings.Join(list, ", ")
}

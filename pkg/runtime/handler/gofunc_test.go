package handler_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/stem-jobs/stem/pkg/runtime"
	"github.com/stem-jobs/stem/pkg/runtime/handler"
)

type person struct {
	Name string   `json:"name"`
	Age  uint     `json:"age"`
	Tags []string `json:"tags"`
	Home struct {
		Zip int `json:"zip"`
	} `json:"home"`
}

func TestGo(t *testing.T) {
	greet := handler.Go(func(ctx context.Context, p person) (map[string]any, error) {
		return map[string]any{"hello": p.Name, "id": runtime.TaskFrom(ctx).ID}, nil
	})
	for args, want := range map[string]string{
		`{"name":"Ada","unknown":true}`: `{"hello":"Ada","id":"t-1"}`,
		`{}`:                            `{"hello":"","id":"t-1"}`,
		``:                              `{"hello":"","id":"t-1"}`,
	} {
		task, _ := newTask(args)
		got, err := greet(runtime.WithTask(t.Context(), task), task)
		if err != nil || string(got) != want {
			t.Errorf("%s: got %s, %v", args, got, err)
		}
	}
}

func TestGoWrongArguments(t *testing.T) {
	run := handler.Go(func(context.Context, person) (any, error) {
		t.Error("the handler ran")
		return nil, nil
	})
	for args, want := range map[string]string{
		`{"name": 5}`:             "field name: want a string, got number",
		`{"age": -1}`:             "field age: want a whole number, not negative, got number -1",
		`{"tags": "a"}`:           "field tags: want an array, got string",
		`{"home": {"zip": "12"}}`: "field home.zip: want a whole number, got string",
		`{"home": {"zip": 1.5}}`:  "field home.zip: want a whole number, got number 1.5",
		`[1]`:                     "the whole: want an object, got array",
		`{"name": `:               "unexpected end of JSON input",
	} {
		task, _ := newTask(args)
		_, err := run(t.Context(), task)
		if !runtime.IsPermanent(err) || !errors.Is(err, runtime.ErrInvalid) || !strings.HasPrefix(err.Error(), "decode args of demo.run: ") || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", args, err, want)
		}
		if names := runtime.ErrorNames(err); !slices.Contains(names, runtime.ReasonDecode) {
			t.Errorf("names %v lack %s", names, runtime.ReasonDecode)
		}
	}
}

func TestGoErrorsAndResults(t *testing.T) {
	task, _ := newTask(`{}`)
	mine := errors.New("mine")
	if _, err := handler.Go(func(context.Context, struct{}) (int, error) { return 1, mine })(t.Context(), task); err != mine {
		t.Errorf("got %v", err)
	}
	if got, err := handler.Go(func(context.Context, struct{}) (any, error) { return nil, nil })(t.Context(), task); err != nil || string(got) != "null" {
		t.Errorf("got %s, %v", got, err)
	}
	_, err := handler.Go(func(context.Context, struct{}) (float64, error) { return math.NaN(), nil })(t.Context(), task)
	if !runtime.IsPermanent(err) || !strings.Contains(err.Error(), "encode result of demo.run") {
		t.Errorf("got %v", err)
	}
}

package client_test

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/stem-jobs/stem/pkg/runtime"
	"github.com/stem-jobs/stem/pkg/runtime/client"
	_ "github.com/stem-jobs/stem/pkg/runtime/driver/memory"
)

func Example() {
	ctx := context.Background()
	store, err := runtime.Open(ctx, "memory:", runtime.OpenOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer store.Close()

	c := client.New(store, client.Options{Defaults: runtime.TaskOptions{MaxRetries: new(3)}})
	result, err := c.Enqueue(ctx, runtime.Request{
		ID:    "welcome-ann",
		Name:  "mail.send",
		Args:  json.RawMessage(`{"to": "ann@example.org"}`),
		Delay: time.Minute,
	})
	fmt.Println(result.Status, result.ID, err)

	_, err = c.Enqueue(ctx, runtime.Request{Name: "mail.send", Args: json.RawMessage(`["ann@example.org"]`)})
	fmt.Println(err)
	fmt.Println("hint:", runtime.HintOf(err))

	// Output:
	// accepted welcome-ann <nil>
	// enqueue "mail.send": arguments are an array, not an object
	// hint: wrap them, such as {"value": …}
}

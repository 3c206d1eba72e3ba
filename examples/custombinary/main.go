// Custombinary is a stem of one's own: the whole command tree, with the tasks of
// this program compiled in. `up` runs them, `enqueue` knows their options, and
// stem.yaml may declare more beside them.
//
//	go build -o shop ./examples/custombinary
//	./shop up &
//	./shop enqueue order.price '{"items": {"pen": 3}}' --wait
package main

import (
	"context"
	"fmt"
	"time"

	"github.com/stem-jobs/stem/pkg/stem"
	"github.com/stem-jobs/stem/pkg/stem/cli"
)

type Basket struct {
	Items map[string]int `json:"items"`
}

type Price struct {
	Cents int `json:"cents"`
}

var prices = map[string]int{"pen": 120, "paper": 450}

var PriceOf = stem.Define("order.price", func(_ context.Context, b Basket) (Price, error) {
	var p Price
	for item, n := range b.Items {
		cents, ok := prices[item]
		if !ok {
			return p, stem.Permanent(fmt.Errorf("nobody sells %q", item))
		}
		p.Cents += n * cents
	}
	return p, nil
}, stem.Queue("orders"), stem.Retries(3), stem.HardLimit(10*time.Second), stem.Description("Add up a basket"))

func main() { cli.Main(stem.With(PriceOf)) }
